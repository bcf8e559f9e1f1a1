"""What providers tell of messages that they have taken: delivered, read, or refused after all.

It comes in any order, more than once, before we have written down that they were taken, and of messages that are none of
ours.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.contracts.channels import DeliveryChanged
from models.contracts.enums import SendStatus
from models.repositories import sends
from models.tables import send_ledger
from runtime.database import TenantTx

RANK = (SendStatus.SENT, SendStatus.DELIVERED, SendStatus.READ)
"""A message that was read is not merely delivered again."""

ON_THEIR_WAY = (SendStatus.QUEUED, SendStatus.SENDING)


@dataclass(frozen=True, slots=True)
class Noted:
    """`conversation`: of the message, where it is news; it was taken at `sent_at`. `early`: it may be of a message that is
    being sent, and is to be looked at again."""

    conversation: UUID | None = None
    sent_at: datetime | None = None
    early: bool = False


async def note(tx: TenantTx, account: UUID, change: DeliveryChanged) -> Noted:
    """What has become of a message. What was told before, or is less than that, is nothing new."""
    # Looked at first: what is not found after that was not on its way, and is none of ours.
    on_its_way = bool(await tx.connection.scalar(sa.select(_on_its_way(tx, account))))
    for statement in _changes(change):
        row = (
            await tx.connection.execute(
                statement.where(
                    send_ledger.c.tenant_id == tx.tenant_id, send_ledger.c.channel_account_id == account
                ).returning(
                    send_ledger.c.conversation_id, send_ledger.c.message_id, send_ledger.c.status, send_ledger.c.sent_at
                )
            )
        ).one_or_none()
        if row is not None:
            await sends.tell(tx, row.conversation_id, row.message_id, row.status, change.code)
            return Noted(row.conversation_id, row.sent_at)
    return Noted(early=on_its_way and not await tx.connection.scalar(sa.select(_settled(tx, account, change.id))))


def _on_its_way(tx: TenantTx, account: UUID) -> sa.Exists:
    """Something of the account's is sent now, or about to be."""
    return sa.exists().where(
        send_ledger.c.tenant_id == tx.tenant_id,
        send_ledger.c.channel_account_id == account,
        send_ledger.c.status.in_(ON_THEIR_WAY),
        sa.or_(send_ledger.c.due_at.is_(None), send_ledger.c.due_at < sends.HELD),
    )


def _settled(tx: TenantTx, account: UUID, name: str) -> sa.Exists:
    """The name is known, of a message with which nothing more is done, or of an invitation."""
    is_over = send_ledger.c.status.not_in(ON_THEIR_WAY)
    return sa.exists().where(
        send_ledger.c.tenant_id == tx.tenant_id,
        send_ledger.c.channel_account_id == account,
        sa.or_(sa.and_(send_ledger.c.sent.contains([name]), is_over), send_ledger.c.invitation == name),
    )


def _changes(change: DeliveryChanged) -> list[sa.Update]:
    """The first that changes anything is the one."""
    if change.status in RANK:
        return [_gone_on(change)]
    if change.status is not SendStatus.FAILED:
        return []
    waits = change.code == sends.WINDOW_CLOSED
    # Of a message, or of what asked a customer to write.
    return [_waits_after_all(change) if waits else _failed(change), _not_invited(change)]


def _gone_on(change: DeliveryChanged) -> sa.Update:
    before = RANK[: RANK.index(change.status)]
    return (
        sa.update(send_ledger)
        .where(send_ledger.c.sent.contains([change.id]), send_ledger.c.status.in_([*before, SendStatus.UNKNOWN]))
        .values(status=change.status, error=None)
    )


def _failed(change: DeliveryChanged) -> sa.Update:
    taken = (SendStatus.SENT, SendStatus.DELIVERED, SendStatus.UNKNOWN)
    return (
        sa.update(send_ledger)
        .where(send_ledger.c.sent.contains([change.id]), send_ledger.c.status.in_(taken))
        .values(status=SendStatus.FAILED, error=change.code, sent=_before(change.id))
    )


def _waits_after_all(change: DeliveryChanged) -> sa.Update:
    """The customer has to write first. The account's lane finds it so and asks them; a call that is under way goes on."""
    status = send_ledger.c.status
    taken = (SendStatus.SENT, SendStatus.UNKNOWN, SendStatus.QUEUED, SendStatus.SENDING)
    waits = sa.case((status == SendStatus.SENDING, status), else_=SendStatus.QUEUED.value)
    return (
        sa.update(send_ledger)
        .where(send_ledger.c.sent.contains([change.id]), status.in_(taken))
        .values(status=waits, error=change.code, due_at=None, sent=_before(change.id))
    )


def _not_invited(change: DeliveryChanged) -> sa.Update:
    """The message goes on waiting, for another reason."""
    return (
        sa.update(send_ledger)
        .where(send_ledger.c.invitation == change.id, send_ledger.c.due_at == sends.HELD)
        .values(error=change.code)
    )


def _before(part: str) -> sa.ColumnElement[Any]:
    """The parts before that one: where it is sent again, it begins there, for what came after was refused as well."""
    sent = send_ledger.c.sent
    return sa.func.trim_array(sent, sa.func.cardinality(sent) + 1 - sa.func.array_position(sent, part))
