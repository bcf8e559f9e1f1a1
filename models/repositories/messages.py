"""Messages: stored once, whoever delivers them and however often; read back in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from models.contracts.assistants import Chosen
from models.contracts.enums import Author, Direction, Language, MessageStatus, ReplyKind
from models.contracts.policy import Policy
from models.contracts.privacy import CodeOutcome
from models.contracts.settings import TenantSettings
from models.contracts.turn import MOST_TOGETHER
from models.repositories import attachments
from models.repositories.assistants import CHOSEN, chosen_of
from models.repositories.attachments import FILES, File, files_of
from models.repositories.identity_codes import PERIOD
from models.repositories.ledger import DELIVERY
from models.tables import attachments as files
from models.tables import messages
from runtime.database import SystemTx, TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Message:
    id: UUID
    seq: int
    conversation_id: UUID
    author: Author
    kind: ReplyKind | None
    status: MessageStatus
    member_id: UUID | None
    text: str
    language: Language | None
    citations: list[dict[str, Any]]
    confidence: float | None
    turn: int | None
    flooded: bool
    created_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    extras: dict[str, Any] | None
    files: tuple[File, ...]
    delivery: dict[str, Any] | None
    """`status` and `error` on the way to a provider's customer. None: nothing is sent, or events deliver it."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a burst. `tried`: it was a code, and this came of it (see identity_codes)."""

    id: UUID
    text: str
    tried: CodeOutcome | None


@dataclass(frozen=True, slots=True)
class Burst:
    """Messages to understand together, oldest first, and the rules of the tenant that they are for.

    `language` is the tenant's; `chosen` is who answers; `code_awaited`: a code was sent for this conversation and may be among them. `recent`
    counts what the customer has written within a minute, in all conversations, and `repeats` the same words among it.
    """

    said: tuple[Said, ...]
    settings: TenantSettings
    policy: Policy
    language: Language
    code_awaited: bool
    chosen: Chosen
    recent: int
    repeats: int

    @property
    def ids(self) -> tuple[UUID, ...]:
        return tuple(each.id for each in self.said)

    @property
    def text(self) -> str:
        return "\n".join(each.text for each in self.said)


# One round trip for all that a turn begins with.
UNHANDLED = sa.text(
    """
    WITH recent AS MATERIALIZED (
        SELECT lower(btrim(left(r.text, 500))) AS words
        FROM conversations mine
        JOIN conversations c ON c.tenant_id = mine.tenant_id AND c.customer_id = mine.customer_id
            AND c.last_message_at > now() - interval '1 minute'
        CROSS JOIN LATERAL (
            SELECT s.direction, s.text, s.created_at FROM messages s
            WHERE s.tenant_id = c.tenant_id AND s.conversation_id = c.id ORDER BY s.seq DESC LIMIT :looked_at
        ) r
        WHERE mine.tenant_id = :tenant AND mine.id = :conversation
            AND r.direction = 'inbound' AND r.created_at > now() - interval '1 minute'
    )
    SELECT m.id, m.text,
        (SELECT outcome FROM identity_checks k WHERE k.tenant_id = :tenant AND k.message_id = m.id) AS tried,
        EXISTS (SELECT FROM identity_codes i WHERE i.tenant_id = :tenant AND i.conversation_id = :conversation
            AND i.hash IS NOT NULL AND i.used_at IS NULL AND i.created_at > now() - :code_period) AS code_awaited,
        (SELECT language FROM tenants WHERE id = :tenant) AS tenant_language,
        (SELECT body FROM tenant_settings WHERE tenant_id = :tenant) AS settings,
        (SELECT body FROM policies WHERE tenant_id = :tenant ORDER BY version DESC LIMIT 1) AS policy,
        (SELECT count(*) FROM recent) AS recent,
        (SELECT max(times) FROM (SELECT count(*) AS times FROM recent GROUP BY words) counted) AS repeats,
        ({CHOSEN}) AS chosen
    FROM messages m
    WHERE m.tenant_id = :tenant AND m.conversation_id = :conversation AND m.status = 'stored'
        AND m.seq <= (SELECT max(seq) FROM messages WHERE tenant_id = :tenant AND id = ANY(:ids))
    ORDER BY m.seq LIMIT :at_most
    """.replace("{CHOSEN}", CHOSEN)
).bindparams(
    sa.bindparam("at_most", type_=sa.Integer()),
    # Beyond the largest limit that a policy can have, with the bot's replies between them.
    sa.bindparam("looked_at", 500, type_=sa.Integer()),
    sa.bindparam("code_period", PERIOD, type_=sa.Interval()),
    sa.bindparam("tenant", type_=sa.Uuid()),
    sa.bindparam("conversation", type_=sa.Uuid()),
    sa.bindparam("ids", type_=ARRAY(sa.Uuid())),
)

MESSAGE_COLUMNS: tuple[sa.ColumnElement[Any], ...] = (
    messages.c.id,
    messages.c.seq,
    messages.c.conversation_id,
    messages.c.author,
    messages.c.kind,
    messages.c.status,
    messages.c.member_id,
    messages.c.text,
    messages.c.language,
    messages.c.citations,
    messages.c.confidence,
    messages.c.turn,
    messages.c.flooded,
    messages.c.created_at,
    messages.c.edited_at,
    messages.c.deleted_at,
    messages.c.extras,
    FILES,
    DELIVERY,
)


def message_of(row: sa.Row[Any]) -> Message:
    """A row of MESSAGE_COLUMNS."""
    return Message(**{**row._mapping, "files": files_of(row.files)})


async def add_draft(
    tx: TenantTx, conversation: UUID, member: UUID, text: str, *, posted: tuple[UUID, str] | None = None
) -> UUID:
    """Store a manager's text before the command that sends it; nobody sees it until the command is recorded.

    `posted`: it was written in a desk; its id, the same whenever it is read, and the provider's name of it.
    """
    message_id, name = posted or (new_id(), None)
    await tx.connection.execute(
        insert(messages)
        .values(
            tenant_id=tx.tenant_id,
            id=message_id,
            provider_message_id=name,
            conversation_id=conversation,
            direction=Direction.OUTBOUND,
            author=Author.MANAGER,
            kind=ReplyKind.MANAGER,
            status=MessageStatus.DRAFT,
            member_id=member,
            text=text,
        )
        .on_conflict_do_nothing()
    )
    return message_id


async def drop_draft(tx: TenantTx, message: UUID) -> None:
    """Forget a manager's text whose command was refused. Its files can be sent with another."""
    await attachments.detach(tx, message)
    await tx.connection.execute(
        sa.delete(messages).where(
            messages.c.tenant_id == tx.tenant_id, messages.c.id == message, messages.c.status == MessageStatus.DRAFT
        )
    )


async def forget_draft(tx: TenantTx, message: UUID) -> None:
    """The same, with its files: they were sent with it, and nowhere else."""
    await tx.connection.execute(
        sa.delete(messages).where(
            messages.c.tenant_id == tx.tenant_id, messages.c.id == message, messages.c.status == MessageStatus.DRAFT
        )
    )


async def unhandled(tx: TenantTx, conversation: UUID, ids: tuple[UUID, ...]) -> Burst | None:
    """The inbound messages up to the last given one that no turn has handled yet, with what the tenant says about
    answering them. None when there are none: another attempt was quicker.

    An earlier message that was stored while Temporal was away has not been handed over yet; a turn takes it along,
    because answering it after a later one would turn the customer's words around.
    """
    given = {"tenant": tx.tenant_id, "conversation": conversation, "ids": ids, "at_most": MOST_TOGETHER}
    rows = (await tx.connection.execute(UNHANDLED, given)).all()
    if not rows:
        return None
    first = rows[0]
    return Burst(
        said=tuple(Said(row.id, row.text, None if row.tried is None else CodeOutcome(row.tried)) for row in rows),
        settings=TenantSettings.model_validate(first.settings),
        policy=Policy.model_validate(first.policy or {}),
        language=Language(first.tenant_language),
        code_awaited=first.code_awaited,
        chosen=chosen_of(first.chosen),
        recent=first.recent,
        repeats=first.repeats or 0,
    )


async def text_of(tx: TenantTx, ids: Sequence[UUID]) -> str:
    """Messages as one text, in the order in which they were stored."""
    found = await tx.connection.scalars(
        sa.select(messages.c.text)
        .where(messages.c.tenant_id == tx.tenant_id, messages.c.id.in_(ids))
        .order_by(messages.c.seq)
    )
    return "\n".join(found)


async def said_before(tx: TenantTx, conversation: UUID, ids: Sequence[UUID], *, limit: int) -> list[tuple[Author, str]]:
    """The last `limit` messages before those of `ids`, oldest first: what a turn of the conversation follows."""
    first = (
        sa.select(sa.func.min(messages.c.seq))
        .where(messages.c.tenant_id == tx.tenant_id, messages.c.id.in_(ids))
        .scalar_subquery()
    )
    rows = await tx.connection.execute(
        sa.select(messages.c.author, messages.c.text)
        .where(
            messages.c.tenant_id == tx.tenant_id,
            messages.c.conversation_id == conversation,
            messages.c.seq < first,
            messages.c.status != MessageStatus.DRAFT,
        )
        .order_by(messages.c.seq.desc())
        .limit(limit)
    )
    return [(row.author, row.text) for row in reversed(rows.all())]


async def get_many(tx: TenantTx, ids: list[UUID]) -> dict[UUID, Message]:
    rows = await tx.connection.execute(
        sa.select(*MESSAGE_COLUMNS).where(messages.c.tenant_id == tx.tenant_id, messages.c.id.in_(ids))
    )
    return {row.id: message_of(row) for row in rows}


async def with_file(tx: TenantTx, attachment: UUID) -> Message | None:
    """The message that a file was sent with."""
    row = (
        await tx.connection.execute(
            sa.select(*MESSAGE_COLUMNS).where(
                messages.c.tenant_id == tx.tenant_id,
                messages.c.id
                == sa.select(files.c.message_id)
                .where(files.c.tenant_id == tx.tenant_id, files.c.id == attachment)
                .scalar_subquery(),
            )
        )
    ).one_or_none()
    return None if row is None else message_of(row)


async def page(tx: TenantTx, conversation: UUID, *, after: int = 0, limit: int = 50) -> list[Message]:
    """A conversation's messages in order, from behind `after` (a message's seq). Drafts are not shown."""
    rows = await tx.connection.execute(
        sa.select(*MESSAGE_COLUMNS)
        .where(
            messages.c.tenant_id == tx.tenant_id,
            messages.c.conversation_id == conversation,
            messages.c.seq > after,
            messages.c.status != MessageStatus.DRAFT,
        )
        .order_by(messages.c.seq)
        .limit(limit)
    )
    return [message_of(row) for row in rows]


async def reply_of_turn(tx: TenantTx, message: UUID) -> tuple[bool, Message | None]:
    """Whether a turn has handled the inbound `message`, and what the bot answered in that turn, if anything."""
    asked = messages.alias()
    row = (
        await tx.connection.execute(
            sa.select(asked.c.status, asked.c.turn, asked.c.conversation_id).where(
                asked.c.tenant_id == tx.tenant_id, asked.c.id == message
            )
        )
    ).one_or_none()
    if row is None or row.status is not MessageStatus.HANDLED:
        return False, None
    reply = (
        await tx.connection.execute(
            sa.select(*MESSAGE_COLUMNS).where(
                messages.c.tenant_id == tx.tenant_id,
                messages.c.conversation_id == row.conversation_id,
                messages.c.turn == row.turn,
                messages.c.author == Author.BOT,
            )
        )
    ).one_or_none()
    return True, None if reply is None else message_of(reply)


async def asked_before(tx: TenantTx, conversation: UUID, *, limit: int) -> list[str]:
    """The customer's last `limit` messages that turns have handled, oldest first: what a follow-up leans on."""
    found = await tx.connection.scalars(
        sa.select(messages.c.text)
        .where(
            messages.c.tenant_id == tx.tenant_id,
            messages.c.conversation_id == conversation,
            messages.c.status == MessageStatus.HANDLED,
        )
        .order_by(messages.c.seq.desc())
        .limit(limit)
    )
    return list(found)[::-1]


async def claim_unaccepted(tx: SystemTx, *, after: timedelta, limit: int) -> list[tuple[UUID, UUID, UUID]]:
    """Claim stored messages that no turn has handled for `after`: (tenant, conversation, message), oldest first."""
    rows = await tx.connection.execute(
        sa.text("SELECT * FROM claim_unaccepted_messages(:after, :at_most)"), {"after": after, "at_most": limit}
    )
    return [(row.tenant_id, row.conversation_id, row.message_id) for row in rows]
