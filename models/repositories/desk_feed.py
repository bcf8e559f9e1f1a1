"""What happens in a branch, as its desk hears of it: events with what decides whether and how they are shown."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.contracts.channels import FileState
from models.contracts.enums import Author, EscalationStatus, EventType
from models.tables import attachments, branches, channel_accounts, conversations, desks, escalations, messages
from runtime.database import TenantTx


@dataclass(frozen=True, slots=True)
class Happened:
    """An event. `ours`: of the desk's branch. Of a message: its author, whether it has anything but files, whether a
    manager wrote it in the desk, and whether somebody was asked for while it was said (`during`)."""

    seq: int
    type: EventType
    data: dict[str, Any]
    conversation_id: UUID | None
    ours: bool
    account: UUID | None
    author: Author | None
    worded: bool
    from_desk: bool
    during: bool
    awaited: bool
    """Whether somebody is asked for in the conversation now."""


FEED = sa.text(
    """
    WITH batch AS (
        SELECT seq, type, data, conversation_id,
            CASE WHEN type IN ('message', 'delivery', 'attachment') THEN data->>'message_id' END AS message_id
        FROM events WHERE tenant_id = :tenant AND seq > :after ORDER BY seq LIMIT :at_most
    )
    SELECT b.seq, b.type, b.data, b.conversation_id,
        coalesce(a.branch_id = d.branch_id, false) AS ours, c.channel_account_id AS account,
        m.author, coalesce(m.text <> '' OR m.extras IS NOT NULL OR m.author <> 'customer', false) AS worded,
        coalesce(m.author = 'manager' AND m.provider_message_id IS NOT NULL, false) AS from_desk,
        EXISTS (
            SELECT FROM escalations e WHERE e.tenant_id = :tenant AND e.conversation_id = b.conversation_id
                AND e.created_at < m.created_at AND (e.closed_at IS NULL OR e.closed_at >= m.created_at)
        ) AS during,
        EXISTS (
            SELECT FROM escalations e WHERE e.tenant_id = :tenant AND e.conversation_id = b.conversation_id
                AND e.closed_at IS NULL
        ) AS awaited
    FROM batch b
    JOIN desks d ON d.tenant_id = :tenant AND d.id = :desk
    LEFT JOIN conversations c ON c.tenant_id = :tenant AND c.id = b.conversation_id
    LEFT JOIN channel_accounts a ON a.tenant_id = :tenant AND a.id = c.channel_account_id
    LEFT JOIN messages m ON m.tenant_id = :tenant AND m.id = CAST(nullif(b.message_id, 'None') AS uuid)
    ORDER BY b.seq
    """
).bindparams(
    sa.bindparam("tenant", type_=sa.Uuid()),
    sa.bindparam("desk", type_=sa.Uuid()),
    sa.bindparam("after", type_=sa.BigInteger()),
    sa.bindparam("at_most", type_=sa.Integer()),
)


async def begin(tx: TenantTx, desk: UUID) -> int | None:
    """The number of the last event that was read for the desk. Until the transaction ends nobody else reads for it.
    None when it has no group, or is gone."""
    found: int | None = await tx.connection.scalar(
        sa.select(desks.c.last_seq)
        .where(desks.c.tenant_id == tx.tenant_id, desks.c.id == desk, desks.c.chat_id.is_not(None))
        # Others may still enter posts meanwhile: an erasure does, and it holds the conversations that we enter posts of.
        .with_for_update(key_share=True)
    )
    return found


async def after(tx: TenantTx, desk: UUID, after: int, limit: int) -> list[Happened]:
    """The tenant's next events, oldest first."""
    given = {"tenant": tx.tenant_id, "desk": desk, "after": after, "at_most": limit}
    rows = await tx.connection.execute(FEED, given)
    return [
        Happened(
            **{
                **row._mapping,
                "type": EventType(row.type),
                "author": None if row.author is None else Author(row.author),
            }
        )
        for row in rows
    ]


async def done(tx: TenantTx, desk: UUID, seq: int) -> None:
    """Events up to this number were read."""
    await tx.connection.execute(
        sa.update(desks).where(desks.c.tenant_id == tx.tenant_id, desks.c.id == desk).values(last_seq=seq)
    )


async def note(tx: TenantTx, account: UUID) -> None:
    """Somebody reads for the account's desks."""
    await tx.connection.execute(
        sa.update(desks)
        .where(desks.c.tenant_id == tx.tenant_id, desks.c.channel_account_id == account)
        .values(followed_at=sa.func.now())
    )


async def awaited(tx: TenantTx, desk: UUID) -> list[UUID]:
    """Conversations of the desk's branch in which somebody is asked for, the longest first."""
    rows = await tx.connection.scalars(
        sa.select(escalations.c.conversation_id)
        .join(
            conversations,
            sa.and_(
                conversations.c.tenant_id == escalations.c.tenant_id,
                conversations.c.id == escalations.c.conversation_id,
            ),
        )
        .join(
            channel_accounts,
            sa.and_(
                channel_accounts.c.tenant_id == conversations.c.tenant_id,
                channel_accounts.c.id == conversations.c.channel_account_id,
            ),
        )
        .join(
            desks,
            sa.and_(
                desks.c.tenant_id == channel_accounts.c.tenant_id, desks.c.branch_id == channel_accounts.c.branch_id
            ),
        )
        .where(
            escalations.c.tenant_id == tx.tenant_id,
            escalations.c.status.in_([EscalationStatus.PENDING, EscalationStatus.ACTIVE]),
            desks.c.id == desk,
        )
        .order_by(escalations.c.id)
    )
    return list(rows)


async def last_files(tx: TenantTx, conversation: UUID, limit: int) -> list[UUID]:
    """The last files of the customer's that are here, oldest first."""
    rows = await tx.connection.scalars(
        sa.select(attachments.c.id)
        .join(
            messages,
            sa.and_(messages.c.tenant_id == attachments.c.tenant_id, messages.c.id == attachments.c.message_id),
        )
        .where(
            attachments.c.tenant_id == tx.tenant_id,
            attachments.c.conversation_id == conversation,
            attachments.c.state == FileState.STORED,
            messages.c.author == Author.CUSTOMER,
        )
        .order_by(attachments.c.id.desc())
        .limit(limit)
    )
    return list(rows)[::-1]


async def branch_name(tx: TenantTx, desk: UUID) -> str:
    """What the desk's branch is called."""
    found: str | None = await tx.connection.scalar(
        sa.select(branches.c.name)
        .join(desks, sa.and_(desks.c.tenant_id == branches.c.tenant_id, desks.c.branch_id == branches.c.id))
        .where(desks.c.tenant_id == tx.tenant_id, desks.c.id == desk)
    )
    return found or ""
