"""Posts on their way to desks, in the queue of their bot (see sends): entered by those who follow events, worked off by
the bot's one sender, in order within each desk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from models.contracts.channels import Chat, ChatKind
from models.contracts.desk import POST, CardPost, ForgetPost, NoticePost, Post
from models.contracts.enums import SendStatus
from models.repositories import sends
from models.tables import desk_topics, desks, send_ledger
from runtime.database import TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class NewPost:
    """`key` names it for ever: entered again, it is not posted again."""

    key: str
    post: Post
    conversation_id: UUID | None


@dataclass(frozen=True, slots=True)
class DuePost:
    """The post that is next in its desk. `line` keeps its order: the desk's, or its own where it answers somebody outside of
    desks. `sent`: the provider's names of the parts that have gone."""

    id: UUID
    line: UUID
    desk_id: UUID | None
    conversation_id: UUID | None
    post: Post
    chat: Chat
    sent: tuple[str, ...]
    attempts: int


# The first of each desk, whether or not it is due.
HEADS = sa.text(
    """
    WITH heads AS (
        SELECT DISTINCT ON (coalesce(s.desk_id, s.id)) s.*, coalesce(s.desk_id, s.id) AS line
        FROM send_ledger s
        WHERE s.tenant_id = :tenant AND s.channel_account_id = :account AND s.status IN ('queued', 'sending')
            AND s.post IS NOT NULL
        ORDER BY coalesce(s.desk_id, s.id), s.seq
    )
    SELECT h.id, h.line, h.desk_id, h.conversation_id, h.post, h.sent, h.attempts, d.chat_id
    FROM heads h LEFT JOIN desks d ON d.tenant_id = h.tenant_id AND d.id = h.desk_id
    WHERE h.status = 'queued' AND (h.due_at IS NULL OR h.due_at <= now()) AND h.line <> ALL(:busy)
    ORDER BY h.seq LIMIT :at_most
    """
).bindparams(
    sa.bindparam("tenant", type_=sa.Uuid()),
    sa.bindparam("account", type_=sa.Uuid()),
    sa.bindparam("busy", type_=ARRAY(sa.Uuid())),
    sa.bindparam("at_most", type_=sa.Integer()),
)


async def heads(tx: TenantTx, account: UUID, busy: Sequence[UUID], limit: int) -> list[DuePost]:
    """What is next and due, the longest waiting first, but for lines that are `busy`."""
    rows = await tx.connection.execute(
        HEADS, {"tenant": tx.tenant_id, "account": account, "busy": list(busy), "at_most": limit}
    )
    return [_due(row) for row in rows]


def _due(row: sa.Row[Any]) -> DuePost:
    post = POST.validate_python(row.post)
    if isinstance(post, NoticePost) and post.chat is not None:
        chat = Chat(id=post.chat, kind=ChatKind.PRIVATE if post.private else ChatKind.GROUP)
    else:
        chat = Chat(id=row.chat_id or "", kind=ChatKind.GROUP)
    return DuePost(
        id=row.id,
        line=row.line,
        desk_id=row.desk_id,
        conversation_id=row.conversation_id,
        post=post,
        chat=chat,
        sent=tuple(row.sent),
        attempts=row.attempts,
    )


async def lately(tx: TenantTx, account: UUID, within: timedelta) -> list[tuple[Chat, datetime, int]]:
    """Chats that were posted to within that time, or may have been: when, and how many calls."""
    rows = await tx.connection.execute(
        sa.text(
            """
            SELECT coalesce(s.post->>'chat', d.chat_id) AS chat, coalesce((s.post->>'private')::boolean, false) AS private,
                s.updated_at AS at, greatest(s.attempts, 1) AS calls
            FROM send_ledger s LEFT JOIN desks d ON d.tenant_id = s.tenant_id AND d.id = s.desk_id
            WHERE s.tenant_id = :tenant AND s.channel_account_id = :account AND s.post IS NOT NULL
                AND s.updated_at > now() - :within AND s.attempts > 0
            """
        ).bindparams(sa.bindparam("within", type_=sa.Interval())),
        {"tenant": tx.tenant_id, "account": account, "within": within},
    )
    return [
        (Chat(id=row.chat, kind=ChatKind.PRIVATE if row.private else ChatKind.GROUP), row.at, row.calls)
        for row in rows
        if row.chat is not None
    ]


async def enter(tx: TenantTx, account: UUID, desk: UUID | None, posts: Sequence[NewPost]) -> None:
    """Have these posted, in this order; wake the account's lane `out` when this is committed. A card that waits already
    will show how things stand when it is sent, and is not queued twice."""
    for each in posts:
        if isinstance(each.post, CardPost) and await _card_waits(tx, desk, each.conversation_id):
            continue
        await tx.connection.execute(
            insert(send_ledger)
            .values(
                tenant_id=tx.tenant_id,
                id=new_id(),
                conversation_id=each.conversation_id,
                desk_id=desk,
                channel_account_id=account,
                key=each.key,
                status=SendStatus.QUEUED,
                post=each.post.model_dump(mode="json", exclude_defaults=True) | {"type": each.post.type},
            )
            .on_conflict_do_nothing()
        )


async def forget(tx: TenantTx, conversation: UUID) -> None:
    """Have the conversation's topic deleted: its customer is erased. The lane wakes by itself, in a while."""
    found = (
        await tx.connection.execute(
            sa.select(desk_topics.c.topic_id, desks.c.id, desks.c.channel_account_id)
            .join(desks, sa.and_(desks.c.tenant_id == desk_topics.c.tenant_id, desks.c.id == desk_topics.c.desk_id))
            .where(desk_topics.c.tenant_id == tx.tenant_id, desk_topics.c.conversation_id == conversation)
        )
    ).one_or_none()
    if found is not None:
        post = NewPost(f"desk/{found.id}/forget/{found.topic_id}", ForgetPost(topic=found.topic_id), None)
        await enter(tx, found.channel_account_id, found.id, [post])


async def _card_waits(tx: TenantTx, desk: UUID | None, conversation: UUID | None) -> bool:
    found = await tx.connection.scalar(
        sa.select(send_ledger.c.id).where(
            send_ledger.c.tenant_id == tx.tenant_id,
            send_ledger.c.desk_id == desk,
            send_ledger.c.conversation_id == conversation,
            send_ledger.c.status == SendStatus.QUEUED,
            send_ledger.c.post["type"].astext == "card",
        )
    )
    return found is not None


async def drop(tx: TenantTx, send: UUID) -> None:
    """There is nothing to post, any more: what it was about is gone, or has become part of something else."""
    await tx.connection.execute(
        sa.delete(send_ledger).where(
            send_ledger.c.tenant_id == tx.tenant_id, send_ledger.c.id == send, send_ledger.c.post.is_not(None)
        )
    )


async def learned_at(tx: TenantTx, desk: UUID, message: str) -> UUID | None:
    """The proposed answer that stands in the desk's message of this name; None: it is another message."""
    found: str | None = await tx.connection.scalar(
        sa.select(send_ledger.c.post["learned_id"].astext)
        .where(
            send_ledger.c.tenant_id == tx.tenant_id,
            send_ledger.c.desk_id == desk,
            send_ledger.c.post["type"].astext == "learned",
            send_ledger.c.sent.contains([message]),
        )
        .limit(1)
    )
    return None if found is None else UUID(found)


async def release(tx: TenantTx, desk: UUID) -> None:
    """What waits because the desk could not be posted to is tried again now."""
    await tx.connection.execute(
        sa.update(send_ledger)
        .where(
            send_ledger.c.tenant_id == tx.tenant_id,
            send_ledger.c.desk_id == desk,
            send_ledger.c.status == SendStatus.QUEUED,
            send_ledger.c.due_at.is_not(None),
        )
        .values(due_at=None)
    )


async def waiting(tx: TenantTx) -> dict[UUID, int]:
    """How many posts wait, by desk."""
    rows = await tx.connection.execute(
        sa.select(send_ledger.c.desk_id, sa.func.count())
        .join(desks, sa.and_(desks.c.tenant_id == send_ledger.c.tenant_id, desks.c.id == send_ledger.c.desk_id))
        .where(
            send_ledger.c.tenant_id == tx.tenant_id,
            send_ledger.c.status.in_(sends.OPEN),
        )
        .group_by(send_ledger.c.desk_id)
    )
    return {row[0]: row[1] for row in rows}
