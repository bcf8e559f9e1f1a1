"""What providers tell of messages that they have taken: delivered, read, or refused after all.

It comes in any order, more than once, and of messages that are none of ours.
"""

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


async def note(tx: TenantTx, account: UUID, change: DeliveryChanged) -> UUID | None:
    """What has become of a message. What was told before, or is less than that, is nothing new.

    The conversation of the message, where it is news.
    """
    for statement in _changes(change):
        row = (
            await tx.connection.execute(
                statement.where(
                    send_ledger.c.tenant_id == tx.tenant_id, send_ledger.c.channel_account_id == account
                ).returning(send_ledger.c.conversation_id, send_ledger.c.message_id, send_ledger.c.status)
            )
        ).one_or_none()
        if row is not None:
            await sends.tell(tx, row.conversation_id, row.message_id, row.status, change.code)
            found: UUID = row.conversation_id
            return found
    return None


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
