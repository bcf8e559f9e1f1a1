"""Messages on their way to customers of a provider: the ledger as a queue, worked off by one sender an account. Posts to
managers' desks wait in it too (see desk_posts).

`queued` waits; `sending` is a call that may be under way: whoever finds it so without having begun it does not know
whether it was made. See SendStatus for the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from models.contracts.channels import Chat, ChatKind, Media, MediaKind
from models.contracts.enums import Author, EventType, Language, SendStatus
from models.repositories import events
from models.tables import channel_accounts, send_ledger
from runtime.database import TenantTx

WINDOW_CLOSED = "window_closed"
"""Why a message is held until the customer writes."""

HELD = datetime(9999, 1, 1, tzinfo=UTC)

LATE_AFTER = timedelta(minutes=10)
"""How long a provider is away, and a customer waits, until that is worth a word to them."""

OPEN = (SendStatus.QUEUED, SendStatus.SENDING)

REPEATS = 1
"""How often a part is sent again of which nobody knows whether it went."""


@dataclass(frozen=True, slots=True)
class Due:
    """The message that is next in its chat. `sent`: the provider's names of the parts that have gone."""

    id: UUID
    conversation_id: UUID
    message_id: UUID
    chat: Chat
    author: Author
    text: str
    language: Language | None
    media: tuple[Media, ...]
    sent: tuple[str, ...]
    attempts: int
    repeats: int
    queued_at: datetime
    heard_at: datetime | None
    """When the customer wrote last."""
    thread: tuple[str, ...]
    """What it answers and what that answered, by the provider's names, the oldest first."""
    subject: str | None
    late: bool
    """Whether the customer has waited for the provider (see mark_late), and was not told so yet."""
    closed: bool
    """Whether the provider has told, after it had taken the message, that the customer has to write first."""

    @property
    def line(self) -> UUID:
        """What keeps its order."""
        return self.conversation_id


# The first of each conversation, whether or not it is due: what waits holds back what comes after it. So does a file of
# a manager's that is still to be fetched.
HEADS = sa.text(
    """
    WITH heads AS (
        SELECT DISTINCT ON (s.conversation_id) s.*
        FROM send_ledger s
        WHERE s.tenant_id = :tenant AND s.channel_account_id = :account AND s.status IN ('queued', 'sending')
            AND s.post IS NULL
        ORDER BY s.conversation_id, s.seq
    )
    SELECT h.id, h.conversation_id, h.message_id, h.sent, h.attempts, h.repeats, h.created_at AS queued_at, h.error, h.late,
        c.chat_id, c.chat_kind, c.language, c.last_message_at AS heard_at, m.author, m.text,
        q.provider_message_id AS answered, q.extras AS answered_extras,
        (SELECT jsonb_agg(jsonb_build_object('kind', f.kind, 'key', f.key, 'name', f.name, 'mime', f.mime, 'size', f.size)
            ORDER BY f.position)
        FROM attachments f WHERE f.tenant_id = h.tenant_id AND f.message_id = h.message_id AND f.state = 'stored') AS media
    FROM heads h
    JOIN conversations c ON c.tenant_id = h.tenant_id AND c.id = h.conversation_id
    JOIN messages m ON m.tenant_id = h.tenant_id AND m.id = h.message_id
    LEFT JOIN LATERAL (
        SELECT provider_message_id, extras FROM messages
        WHERE :threads AND tenant_id = h.tenant_id AND conversation_id = h.conversation_id AND author = 'customer'
        ORDER BY seq DESC LIMIT 1
    ) q ON true
    WHERE h.status = 'queued' AND (h.due_at IS NULL OR h.due_at <= now()) AND h.conversation_id <> ALL(:busy)
        AND NOT EXISTS (
            SELECT FROM attachments f
            WHERE f.tenant_id = h.tenant_id AND f.message_id = h.message_id AND f.state = 'waiting'
        )
    ORDER BY h.seq LIMIT :at_most
    """
).bindparams(
    sa.bindparam("tenant", type_=sa.Uuid()),
    sa.bindparam("account", type_=sa.Uuid()),
    sa.bindparam("busy", type_=ARRAY(sa.Uuid())),
    sa.bindparam("at_most", type_=sa.Integer()),
    sa.bindparam("threads", type_=sa.Boolean()),
)

MARK_LATE = sa.text(
    """
    WITH heads AS (
        SELECT DISTINCT ON (s.conversation_id) s.id, s.created_at, s.due_at, s.sent
        FROM channel_accounts a
        JOIN send_ledger s ON s.tenant_id = a.tenant_id AND s.channel_account_id = a.id
        WHERE a.tenant_id = :tenant AND a.id = :account AND a.away_since <= now() - :after
            AND s.status IN ('queued', 'sending') AND s.post IS NULL
        ORDER BY s.conversation_id, s.seq
    )
    UPDATE send_ledger s SET late = true FROM heads h
    WHERE s.tenant_id = :tenant AND s.id = h.id AND NOT s.late
        AND h.created_at <= now() - :after AND h.sent = '{}' AND (h.due_at IS NULL OR h.due_at < :held)
    """
).bindparams(
    sa.bindparam("tenant", type_=sa.Uuid()),
    sa.bindparam("account", type_=sa.Uuid()),
    sa.bindparam("after", LATE_AFTER, type_=sa.Interval()),
    sa.bindparam("held", HELD, type_=sa.DateTime(timezone=True)),
)


async def begin(tx: TenantTx, account: UUID) -> int | None:
    """Become the account's sender: whoever was it before can mark nothing any more. What it left behind as `sending`
    is queued once more, or unknown for good. None when the account sends nothing (any more)."""
    sender: int | None = await tx.connection.scalar(
        sa.update(channel_accounts)
        .where(
            channel_accounts.c.tenant_id == tx.tenant_id,
            channel_accounts.c.id == account,
            ~channel_accounts.c.disabled,
        )
        .values(sender=channel_accounts.c.sender + 1)
        .returning(channel_accounts.c.sender)
    )
    if sender is None:
        return None
    left = await tx.connection.scalars(
        sa.select(send_ledger.c.id)
        .where(
            send_ledger.c.tenant_id == tx.tenant_id,
            send_ledger.c.channel_account_id == account,
            send_ledger.c.status == SendStatus.SENDING,
        )
        # Whoever was the sender may be alive, and about to say what became of it.
        .with_for_update()
    )
    for each in left.all():
        await unclear(tx, each)
    return sender


async def heads(tx: TenantTx, account: UUID, busy: Sequence[UUID], limit: int, *, threads: bool = False) -> list[Due]:
    """What is next and due, the longest waiting first, but for conversations that are `busy`; with their `threads`."""
    given = {"tenant": tx.tenant_id, "account": account, "busy": list(busy), "at_most": limit, "threads": threads}
    rows = await tx.connection.execute(HEADS, given)
    return [_due(row) for row in rows.mappings()]


def _due(row: sa.RowMapping) -> Due:
    told = row["answered_extras"] or {}
    return Due(
        id=row["id"],
        conversation_id=row["conversation_id"],
        message_id=row["message_id"],
        chat=Chat(id=row["chat_id"], kind=ChatKind(row["chat_kind"])),
        author=Author(row["author"]),
        text=row["text"],
        language=None if row["language"] is None else Language(row["language"]),
        media=tuple(_media(each) for each in row["media"] or ()),
        sent=tuple(row["sent"]),
        attempts=row["attempts"],
        repeats=row["repeats"],
        queued_at=row["queued_at"],
        heard_at=row["heard_at"],
        thread=() if row["answered"] is None else (*told.get("thread", ()), row["answered"]),
        subject=told.get("subject"),
        late=row["late"] and not row["sent"],
        closed=row["error"] == WINDOW_CLOSED,
    )


def _media(file: dict[str, Any]) -> Media:
    return Media(
        kind=MediaKind(file["kind"]),
        key=file["key"],
        name=file["name"] or file["kind"],
        mime=file["mime"] or "application/octet-stream",
        size=file["size"] or 0,
    )


async def next_due(tx: TenantTx, account: UUID) -> datetime | None:
    """When the next message that waits for a time is due. None: none does."""
    found: datetime | None = await tx.connection.scalar(
        sa.select(sa.func.min(send_ledger.c.due_at)).where(
            send_ledger.c.tenant_id == tx.tenant_id,
            send_ledger.c.channel_account_id == account,
            send_ledger.c.status == SendStatus.QUEUED,
            send_ledger.c.due_at > sa.func.now(),
            send_ledger.c.due_at < HELD,
        )
    )
    return found


async def lately(tx: TenantTx, account: UUID, within: timedelta) -> list[tuple[Chat, datetime, int]]:
    """Chats that were written to within that time, or may have been: when, and how many parts."""
    rows = await tx.connection.execute(
        sa.text(
            """
            SELECT c.chat_id, c.chat_kind, coalesce(s.sent_at, s.updated_at) AS sent_at,
                greatest(cardinality(s.sent), 1) AS parts
            FROM send_ledger s JOIN conversations c ON c.tenant_id = s.tenant_id AND c.id = s.conversation_id
            WHERE s.tenant_id = :tenant AND s.channel_account_id = :account
                AND (s.sent_at > now() - :within OR (s.repeats > 0 AND s.updated_at > now() - :within))
            """
        ).bindparams(sa.bindparam("within", type_=sa.Interval())),
        {"tenant": tx.tenant_id, "account": account, "within": within},
    )
    return [(Chat(id=row.chat_id, kind=ChatKind(row.chat_kind)), row.sent_at, row.parts) for row in rows]


async def mark(tx: TenantTx, send: UUID, account: UUID, sender: int) -> bool:
    """A call is made now. False when another sender has replaced this one, or the message is not to be sent any more."""
    mine = (
        sa.select(channel_accounts.c.id)
        .where(
            channel_accounts.c.tenant_id == tx.tenant_id,
            channel_accounts.c.id == account,
            channel_accounts.c.sender == sender,
            ~channel_accounts.c.disabled,
        )
        .exists()
    )
    marked = await tx.connection.execute(
        sa.update(send_ledger)
        .where(*_named(tx, send), send_ledger.c.status == SendStatus.QUEUED, mine)
        .values(status=SendStatus.SENDING, attempts=send_ledger.c.attempts + 1)
    )
    return marked.rowcount > 0


async def went(tx: TenantTx, send: UUID, name: str, place: int, *, last: bool) -> None:
    """The part at that place, from 0, has gone, and `name` is what its provider calls it. Nothing of a part that another
    sender has told of before: what went there was a second copy."""
    await tx.connection.execute(
        sa.update(send_ledger)
        .where(
            *_named(tx, send),
            # Given up as unknown meanwhile, the whole of it has gone after all.
            send_ledger.c.status.in_((*OPEN, SendStatus.UNKNOWN) if last else OPEN),
            sa.func.cardinality(send_ledger.c.sent) == place,
        )
        .values(
            status=SendStatus.SENT if last else SendStatus.QUEUED,
            sent=sa.func.array_append(send_ledger.c.sent, name),
            provider_message_id=sa.func.coalesce(send_ledger.c.provider_message_id, name),
            sent_at=sa.func.now(),
            error=None,
        )
    )


async def all_went(tx: TenantTx, send: UUID) -> None:
    """Nothing is left of it to be sent."""
    await tx.connection.execute(
        sa.update(send_ledger).where(*_open(tx, send)).values(status=SendStatus.SENT, error=None)
    )


async def mark_late(tx: TenantTx, account: UUID) -> None:
    """Note, of each conversation's next message, that the customer has waited for it while the provider was away, both for
    LATE_AFTER at least. What is held until they write themselves is not late."""
    await tx.connection.execute(MARK_LATE, {"tenant": tx.tenant_id, "account": account})


async def apologised(tx: TenantTx, send: UUID) -> None:
    """The customer was told that the message is late; it is next."""
    await goes_on(tx, send)
    await tx.connection.execute(sa.update(send_ledger).where(*_open(tx, send)).values(late=False))


async def goes_on(tx: TenantTx, send: UUID) -> None:
    """A call that was made for it is over, and sent none of its parts."""
    await tx.connection.execute(
        sa.update(send_ledger)
        .where(*_open(tx, send))
        .values(status=SendStatus.QUEUED, sent_at=sa.func.now(), due_at=None, error=None)
    )


async def later(tx: TenantTx, send: UUID, code: str, due_at: datetime | None) -> None:
    """It was not done, and is tried again: at `due_at`, or with the lane's next attempt."""
    await tx.connection.execute(
        sa.update(send_ledger).where(*_open(tx, send)).values(status=SendStatus.QUEUED, error=code, due_at=due_at)
    )


async def hold(tx: TenantTx, send: UUID, code: str, invitation: str | None) -> None:
    """The customer has to write first; then it goes (see arrivals.store). `invitation`: the provider's name of what asked
    them to; `code` says why it waits."""
    row = (
        await tx.connection.execute(
            sa.update(send_ledger)
            .where(*_open(tx, send))
            .values(status=SendStatus.QUEUED, error=code, due_at=HELD, invitation=invitation)
            .returning(send_ledger.c.message_id, send_ledger.c.conversation_id)
        )
    ).one_or_none()
    if row is not None:
        await tell(tx, row.conversation_id, row.message_id, SendStatus.QUEUED, code)


async def unclear(tx: TenantTx, send: UUID) -> bool:
    """Nobody knows whether the part went. Queued again, once; whether that is so."""
    again: bool | None = await tx.connection.scalar(
        sa.update(send_ledger)
        .where(*_open(tx, send), send_ledger.c.repeats < REPEATS)
        .values(status=SendStatus.QUEUED, repeats=send_ledger.c.repeats + 1, error="unclear")
        .returning(sa.true())
    )
    if again is None:
        await finish(tx, send, SendStatus.UNKNOWN, "unclear")
    return again is not None


async def finish(tx: TenantTx, send: UUID, status: SendStatus, code: str) -> None:
    """It will not be sent, or nobody will ever know; whoever listens is told."""
    row = (
        await tx.connection.execute(
            sa.update(send_ledger)
            .where(*_open(tx, send))
            .values(status=status, error=code)
            .returning(send_ledger.c.message_id, send_ledger.c.conversation_id)
        )
    ).one_or_none()
    if row is not None:
        await tell(tx, row.conversation_id, row.message_id, status, code)


async def retry(tx: TenantTx, account: UUID) -> int:
    """Queue again what failed or whose fate is unknown, at an operator's word. How many."""
    again = await tx.connection.execute(
        sa.update(send_ledger)
        .where(
            send_ledger.c.tenant_id == tx.tenant_id,
            send_ledger.c.channel_account_id == account,
            send_ledger.c.status.in_([SendStatus.FAILED, SendStatus.UNKNOWN]),
        )
        .values(status=SendStatus.QUEUED, error=None, due_at=None, repeats=0)
    )
    return again.rowcount


async def counts(tx: TenantTx, account: UUID) -> dict[SendStatus, int]:
    """Messages to customers, by what became of them."""
    rows = await tx.connection.execute(
        sa.select(send_ledger.c.status, sa.func.count())
        .where(
            send_ledger.c.tenant_id == tx.tenant_id,
            send_ledger.c.channel_account_id == account,
            send_ledger.c.post.is_(None),
        )
        .group_by(send_ledger.c.status)
    )
    return {row[0]: row[1] for row in rows}


async def tell(
    tx: TenantTx, conversation: UUID | None, message: UUID | None, status: SendStatus, code: str | None
) -> None:
    """Whoever listens hears what became of a message. Of a post to a desk nobody is told: what the desk lacks stands with
    the desk."""
    if message is None:
        return
    told = {"message_id": str(message), "status": status.value, "error": code}
    await events.append_all(tx, [(EventType.DELIVERY, told)], conversation)


def _named(tx: TenantTx, send: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return send_ledger.c.tenant_id == tx.tenant_id, send_ledger.c.id == send


def _open(tx: TenantTx, send: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    """That one while it is not over: a sender that was replaced may come late with what it has to say."""
    return *_named(tx, send), send_ledger.c.status.in_(OPEN)
