"""Writes a conversation's step: the one place where its state, escalation, replies and events change."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from models.contracts.conversation import EscalationRef, Record
from models.contracts.enums import (
    Author,
    EscalationStatus,
    EventType,
    MessageStatus,
)
from models.contracts.turn import Recorded
from models.repositories import events, identity_codes, ledger, standings
from models.tables import escalations, messages, send_ledger
from runtime.database import TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Applied:
    """`queued_at` is the account in whose lane a message waits now; None: nothing is to be sent, or events deliver it."""

    recorded: Recorded
    queued_at: UUID | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A reply as it will stand: its text, and the passages that it cites (title, uri, quote)."""

    text: str
    citations: list[dict[str, Any]]


APPLY = sa.text(
    f"""
    WITH advanced AS (
        UPDATE conversations SET
            state = :state, language = :language, version = :version, run = :run, turn = :turn, unsure = :unsure,
            opt_outs = :opt_outs, opted_out_at = :opted_out_at, muted_until = :muted_until,
            spoke_at = :spoke_at, slowed = :slowed,
            closed_at = CASE WHEN :state = 'closed' THEN now() END, updated_at = now()
        WHERE tenant_id = :tenant AND id = :conversation AND version < :version
        RETURNING id
    ), handled AS (
        UPDATE messages SET status = 'handled', turn = :turn, language = :language, flooded = :slowed, updated_at = now()
        WHERE tenant_id = :tenant AND id = ANY(:handled) AND status = 'stored' AND EXISTS (SELECT FROM advanced)
    ), written AS (
        INSERT INTO messages (tenant_id, id, conversation_id, direction, author, status, kind, text, language,
            citations, confidence, turn)
        SELECT :tenant, :message, :conversation, 'outbound', 'bot', 'sent', :kind, :text, :reply_language,
            :citations, :confidence, :turn
        FROM advanced WHERE :text IS NOT NULL
        RETURNING id
    ), shown AS (
        DELETE FROM previews
        WHERE tenant_id = :tenant AND conversation_id = :conversation AND EXISTS (SELECT FROM advanced)
    ), ledgered AS (
        INSERT INTO send_ledger (tenant_id, id, conversation_id, message_id, key, status, attempts, channel_account_id)
        SELECT :tenant, :ledger, :conversation, w.id, :key, {ledger.STATUS}, {ledger.ATTEMPTS}, {ledger.ACCOUNT}
        FROM written w, conversations c JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.channel_account_id
        WHERE c.tenant_id = :tenant AND c.id = :conversation
        RETURNING channel_account_id
    )
    SELECT EXISTS (SELECT FROM advanced) AS advanced, (SELECT channel_account_id FROM ledgered) AS queued_at
    """  # noqa: S608  # made of constants
).bindparams(
    *(sa.bindparam(name, type_=sa.Uuid()) for name in ("tenant", "conversation", "message", "ledger")),
    *(
        sa.bindparam(name, type_=sa.Text())
        for name in ("state", "language", "run", "kind", "text", "reply_language", "key")
    ),
    *(sa.bindparam(name, type_=sa.Integer()) for name in ("turn", "unsure", "opt_outs")),
    *(sa.bindparam(name, type_=sa.DateTime(timezone=True)) for name in ("opted_out_at", "muted_until", "spoke_at")),
    sa.bindparam("slowed", type_=sa.Boolean()),
    sa.bindparam("version", type_=sa.BigInteger()),
    sa.bindparam("handled", type_=ARRAY(sa.Uuid())),
    sa.bindparam("citations", type_=JSONB()),
    sa.bindparam("confidence", type_=sa.Float()),
)
"""The step as one statement: this is the hot path, and every round trip is paid by every turn."""


async def apply(tx: TenantTx, conversation: UUID, run: str, record: Record, reply: Outgoing | None) -> Applied:
    """Apply one step, once: a record that is not newer than the conversation's version changes nothing.

    `run` is the chain of runs that the step is from. Written before by that chain: its message is returned again.
    Overtaken by another chain: the standing is returned, nothing else. State, escalation, messages and events change
    together; deferred constraints check at commit that they agree.
    """
    standing = record.standing
    key = f"{conversation}/{standing.turn}/0"
    message = new_id()
    written = await tx.connection.execute(
        APPLY,
        {
            "tenant": tx.tenant_id,
            "conversation": conversation,
            "run": run,
            **standing.model_dump(exclude={"escalation"}),
            "handled": record.handled,
            "message": message,
            "ledger": new_id(),
            "key": key,
            "kind": record.reply.kind if record.reply else None,
            "reply_language": record.reply.language if record.reply else None,
            "confidence": record.reply.confidence if record.reply else None,
            "text": reply.text if reply else None,
            "citations": reply.citations if reply else [],
        },
    )
    advanced, queued_at = written.one()
    if not advanced:
        return Applied(await _not_advanced(tx, conversation, run, key if record.reply else None))

    happened: list[tuple[EventType, dict[str, Any]]] = []
    if standing.escalation is not None and (record.opens or record.moves or record.command):
        happened += await _write_escalation(tx, conversation, record, standing.escalation)
    if record.reply is not None:
        said = {"message_id": str(message), "author": Author.BOT.value, "kind": record.reply.kind.value}
        happened.append((EventType.MESSAGE, said))
    if record.manager_message is not None:
        queued_at = await _send_managers(tx, conversation, record.manager_message)
        said = {"message_id": str(record.manager_message), "author": Author.MANAGER.value}
        happened.append((EventType.MESSAGE, said))
    happened.append(
        (
            EventType.STATE,
            {
                "state": standing.state.value,
                "version": standing.version,
                "turn": standing.turn,
                "handled": [str(message) for message in record.handled],
                "forwarded": record.forwarded,
            },
        )
    )
    await events.append_all(tx, happened, conversation)
    return Applied(Recorded(message_id=message if record.reply else None), queued_at)


async def _not_advanced(tx: TenantTx, conversation: UUID, run: str, key: str | None) -> Recorded:
    """The step was written before, or another chain of runs was quicker."""
    row = await standings.read(tx, conversation)
    assert row is not None, "a conversation that has a process has a record"
    if row["run"] != run:
        return Recorded(standing=standings.standing_of(row))
    if key is None:
        return Recorded()
    sent = await tx.connection.scalar(
        sa.select(send_ledger.c.message_id).where(send_ledger.c.tenant_id == tx.tenant_id, send_ledger.c.key == key)
    )
    return Recorded(message_id=sent)


async def _write_escalation(
    tx: TenantTx, conversation: UUID, record: Record, escalation: EscalationRef
) -> list[tuple[EventType, dict[str, Any]]]:
    """Insert or update the escalation's row; says what subscribers should hear (nothing, if nothing changed)."""
    closed_at = None if escalation.status.open else sa.func.now()
    taken_at = sa.func.now() if escalation.status is EscalationStatus.ACTIVE else None
    values = {
        "status": escalation.status,
        "offered_to": escalation.offered_to,
        "taken_by": escalation.taken_by,
        "closed_by": escalation.closed_by,
    }
    if record.opens:
        await tx.connection.execute(
            sa.insert(escalations).values(
                tenant_id=tx.tenant_id,
                id=escalation.id,
                conversation_id=conversation,
                number=escalation.number,
                reason=escalation.reason,
                message_id=record.about or (record.handled[-1] if record.handled else None),
                customer_verified=identity_codes.verified(tx, conversation),
                taken_at=taken_at,
                closed_at=closed_at,
                **values,
            )
        )
    else:
        changed = await tx.connection.execute(
            sa.update(escalations)
            .where(
                escalations.c.tenant_id == tx.tenant_id,
                escalations.c.id == escalation.id,
                sa.or_(*(escalations.c[name].is_distinct_from(value) for name, value in values.items())),
            )
            .values(
                taken_at=sa.func.coalesce(escalations.c.taken_at, taken_at)
                if taken_at is not None
                else escalations.c.taken_at,
                closed_at=sa.func.coalesce(escalations.c.closed_at, closed_at) if closed_at is not None else None,
                **values,
            )
        )
        if changed.rowcount == 0:
            return []
    return [
        (
            EventType.ESCALATION,
            {
                "escalation_id": str(escalation.id),
                "number": escalation.number,
                "status": escalation.status.value,
                "reason": escalation.reason.value,
                "command": record.command.value if record.command else None,
                "by": str(record.by.member_id) if record.by else None,
            },
        )
    ]


async def _send_managers(tx: TenantTx, conversation: UUID, message: UUID) -> UUID | None:
    """A manager's stored text becomes a message. Returns the account in whose lane it waits (see Applied)."""
    await tx.connection.execute(
        sa.update(messages)
        .where(messages.c.tenant_id == tx.tenant_id, messages.c.id == message)
        .values(status=MessageStatus.SENT)
    )
    return await ledger.enter(tx, conversation, message, f"{conversation}/manager/{message}")
