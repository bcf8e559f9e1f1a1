"""Writes a conversation's step: the one place where its state, escalation, replies and events change."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.contracts.conversation import EscalationRef, Record
from models.contracts.enums import (
    Author,
    ConversationState,
    Direction,
    EscalationStatus,
    EventType,
    MessageStatus,
    SendStatus,
)
from models.repositories import events
from models.tables import conversations, escalations, messages, send_ledger
from runtime.database import TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A reply as it will stand: its text, and the passages that it cites (title, uri, quote)."""

    text: str
    citations: list[dict[str, Any]]


async def apply(tx: TenantTx, conversation: UUID, record: Record, reply: Outgoing | None) -> UUID | None:
    """Apply one step, once: a record that is not newer than the conversation's version changes nothing.

    Returns the id of the bot's message that the step wrote (also when it was written before). State, escalation,
    messages and events change together; deferred constraints check at commit that they agree.
    """
    standing = record.standing
    advanced = await tx.connection.execute(
        sa.update(conversations)
        .where(
            conversations.c.tenant_id == tx.tenant_id,
            conversations.c.id == conversation,
            conversations.c.version < standing.version,
        )
        .values(
            state=standing.state,
            language=standing.language,
            version=standing.version,
            turn=standing.turn,
            unsure=standing.unsure,
            opt_outs=standing.opt_outs,
            opted_out_at=standing.opted_out_at,
            muted_until=standing.muted_until,
            closed_at=sa.func.now() if standing.state is ConversationState.CLOSED else None,
        )
    )
    key = f"{conversation}/{standing.turn}/0"
    if advanced.rowcount == 0:
        return await _already_sent(tx, key) if record.reply else None

    happened: list[tuple[EventType, dict[str, Any]]] = []
    if record.handled:
        await tx.connection.execute(
            sa.update(messages)
            .where(
                messages.c.tenant_id == tx.tenant_id,
                messages.c.id.in_(record.handled),
                messages.c.status == MessageStatus.STORED,
            )
            .values(status=MessageStatus.HANDLED, turn=standing.turn, language=standing.language)
        )
    if standing.escalation is not None:
        happened += await _write_escalation(tx, conversation, record, standing.escalation)
    message_id = None
    if record.reply is not None and reply is not None:
        message_id = await _write_reply(tx, conversation, record, reply, key)
        happened.append(
            (
                EventType.MESSAGE,
                {"message_id": str(message_id), "author": Author.BOT.value, "kind": record.reply.kind.value},
            )
        )
    if record.manager_message is not None:
        await tx.connection.execute(
            sa.update(messages)
            .where(messages.c.tenant_id == tx.tenant_id, messages.c.id == record.manager_message)
            .values(status=MessageStatus.SENT)
        )
        await _ledger(tx, conversation, record.manager_message, f"{conversation}/manager/{record.manager_message}")
        happened.append(
            (EventType.MESSAGE, {"message_id": str(record.manager_message), "author": Author.MANAGER.value})
        )
    happened.append(
        (
            EventType.STATE,
            {
                "state": standing.state.value,
                "version": standing.version,
                "turn": standing.turn,
                "handled": [str(m) for m in record.handled],
                "forwarded": record.forwarded,
            },
        )
    )
    await events.append_all(tx, happened, conversation)
    return message_id


async def _already_sent(tx: TenantTx, key: str) -> UUID | None:
    found: UUID | None = await tx.connection.scalar(
        sa.select(send_ledger.c.message_id).where(send_ledger.c.tenant_id == tx.tenant_id, send_ledger.c.key == key)
    )
    return found


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
                message_id=record.handled[-1] if record.handled else None,
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


async def _write_reply(tx: TenantTx, conversation: UUID, record: Record, reply: Outgoing, key: str) -> UUID:
    assert record.reply is not None
    message_id = new_id()
    await tx.connection.execute(
        sa.insert(messages).values(
            tenant_id=tx.tenant_id,
            id=message_id,
            conversation_id=conversation,
            direction=Direction.OUTBOUND,
            author=Author.BOT,
            status=MessageStatus.SENT,
            kind=record.reply.kind,
            text=reply.text,
            language=record.reply.language,
            citations=reply.citations,
            confidence=record.reply.confidence,
            turn=record.standing.turn,
        )
    )
    await _ledger(tx, conversation, message_id, key)
    return message_id


async def _ledger(tx: TenantTx, conversation: UUID, message: UUID, key: str) -> None:
    """On channels that deliver through events, the event of this same transaction is the delivery: `sent` is
    true the moment it commits, and there is no window in which it could be sent twice."""
    await tx.connection.execute(
        insert(send_ledger)
        .values(
            tenant_id=tx.tenant_id,
            id=new_id(),
            conversation_id=conversation,
            message_id=message,
            key=key,
            status=SendStatus.SENT,
            attempts=1,
        )
        .on_conflict_do_nothing()
    )
