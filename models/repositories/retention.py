"""Retention: what a tenant keeps no longer, a bounded piece at a time."""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from models.contracts.enums import ConversationState, MessageStatus
from models.repositories import erasure
from models.tables import (
    conversations,
    customers,
    drafts,
    erasures,
    events,
    identity_codes,
    messages,
    model_calls,
    previews,
    send_ledger,
)
from runtime.database import SystemTx, TenantTx

TOGETHER = 50
ROWS_TOGETHER = 2_000

LIVES: dict[sa.Table, timedelta] = {
    # What a model wrote stands in the message by then.
    drafts: timedelta(days=7),
    # Left behind by a process that was killed.
    previews: timedelta(days=1),
    identity_codes: timedelta(days=30),
    # A subscriber that was away for longer reads the conversations anew.
    events: timedelta(days=90),
    send_ledger: timedelta(days=90),
    erasures: timedelta(days=3 * 365),
    # By then they are sums of days.
    model_calls: timedelta(days=3 * 365),
}
"""Technical rows, and how long they live: of open conversations too, which lose nothing by it."""


async def tenants_after(tx: SystemTx, after: UUID | None, limit: int) -> list[UUID]:
    """The next tenants by id."""
    rows = await tx.connection.scalars(
        sa.text(
            "SELECT id FROM list_tenants() WHERE CAST(:after AS uuid) IS NULL OR id > :after ORDER BY id LIMIT :at_most"
        ).bindparams(sa.bindparam("after", type_=sa.Uuid())),
        {"after": after, "at_most": limit},
    )
    return list(rows)


async def due(tx: TenantTx, closed_before: datetime) -> list[UUID]:
    """The next conversations that were closed before then, the longest ago first."""
    rows = await tx.connection.scalars(
        sa.select(conversations.c.id)
        .where(*_closed(tx, closed_before))
        .order_by(conversations.c.closed_at)
        .limit(TOGETHER)
    )
    return list(rows)


async def erase_closed(tx: TenantTx, conversation: UUID, closed_before: datetime) -> bool:
    """Erase the conversation if it still is closed for so long; whether it was.

    A customer without an external id goes with their last conversation: nobody could ever find them again.
    """
    customer = await tx.connection.scalar(
        sa.select(conversations.c.customer_id)
        .where(conversations.c.id == conversation, *_closed(tx, closed_before))
        .with_for_update()
    )
    if customer is None:
        return False
    await erasure.erase_conversation(tx, conversation)
    await tx.connection.execute(
        sa.delete(customers).where(
            customers.c.tenant_id == tx.tenant_id,
            customers.c.id == customer,
            customers.c.external_id.is_(None),
            customers.c.erased_at.is_(None),
            ~sa.exists().where(
                conversations.c.tenant_id == customers.c.tenant_id, conversations.c.customer_id == customers.c.id
            ),
        )
    )
    return True


async def forget_technical(tx: TenantTx, table: sa.Table, before: datetime) -> int:
    """Delete rows older than `before`, of the oldest few; how many there were. Keys are in order of time."""
    _, key = table.primary_key.columns
    oldest = (
        sa.select(key, table.c.created_at)
        .where(table.c.tenant_id == tx.tenant_id)
        .order_by(key)
        .limit(ROWS_TOGETHER)
        .subquery()
    )
    done = await tx.connection.execute(
        sa.delete(table).where(
            table.c.tenant_id == tx.tenant_id,
            key.in_(sa.select(oldest.c[key.name]).where(oldest.c.created_at < before)),
        )
    )
    return done.rowcount


def _closed(tx: TenantTx, before: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Closed before then, and nothing of the customer's is waiting for an answer."""
    waiting = sa.exists().where(
        messages.c.tenant_id == conversations.c.tenant_id,
        messages.c.conversation_id == conversations.c.id,
        messages.c.status == MessageStatus.STORED,
    )
    return (
        conversations.c.tenant_id == tx.tenant_id,
        conversations.c.state == ConversationState.CLOSED,
        conversations.c.closed_at < before,
        ~waiting,
    )
