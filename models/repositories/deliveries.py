"""Events as subscribers get them: an event holds ids, and the text is joined when it is delivered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.contracts.enums import Author, EventType, Language, MessageStatus, ReplyKind
from models.repositories.attachments import FILES, File, files_of
from models.tables import event_counters, events, members, messages
from runtime.database import TenantTx


@dataclass(frozen=True, slots=True)
class SaidMessage:
    """The message that an event of type `message` or `attachment` is about."""

    id: UUID
    author: Author
    kind: ReplyKind | None
    member_id: UUID | None
    member_name: str | None
    text: str
    language: Language | None
    citations: list[dict[str, Any]]
    confidence: float | None
    turn: int | None
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    seq: int
    conversation_id: UUID | None
    type: EventType
    data: dict[str, Any]
    created_at: datetime
    message: SaidMessage | None


async def head(tx: TenantTx) -> int:
    """The number of the tenant's last event; whoever starts after it hears only what is new."""
    last: int | None = await tx.connection.scalar(
        sa.select(event_counters.c.last_seq).where(event_counters.c.tenant_id == tx.tenant_id)
    )
    return last or 0


# Built once: this is read at every wake-up of every subscriber.
MESSAGE_ID = events.c.data["message_id"].astext.cast(sa.Uuid())
OF_TENANT = (
    sa.select(
        events.c.seq,
        events.c.conversation_id,
        events.c.type,
        events.c.data,
        events.c.created_at,
        messages.c.id,
        messages.c.author,
        messages.c.kind,
        messages.c.member_id,
        members.c.name.label("member_name"),
        messages.c.text,
        messages.c.language,
        messages.c.citations,
        messages.c.confidence,
        messages.c.turn,
        FILES,
    )
    .select_from(
        events.outerjoin(
            messages,
            sa.and_(
                events.c.type.in_((EventType.MESSAGE, EventType.ATTACHMENT)),
                # A draft's file may be fetched before anybody is to see the draft.
                messages.c.status != MessageStatus.DRAFT,
                messages.c.tenant_id == events.c.tenant_id,
                messages.c.id == MESSAGE_ID,
            ),
        ).outerjoin(members, sa.and_(members.c.tenant_id == messages.c.tenant_id, members.c.id == messages.c.member_id))
    )
    .where(events.c.tenant_id == sa.bindparam("tenant"), events.c.seq > sa.bindparam("after"))
    .order_by(events.c.seq)
    .limit(sa.bindparam("at_most"))
)
OF_CONVERSATION = OF_TENANT.where(events.c.conversation_id == sa.bindparam("conversation"))


async def after(tx: TenantTx, seq: int, *, conversation: UUID | None = None, limit: int = 100) -> list[Delivery]:
    """Events numbered above `seq`, oldest first; of one conversation, or of the tenant."""
    given = {"tenant": tx.tenant_id, "after": seq, "at_most": limit}
    if conversation is None:
        rows = await tx.connection.execute(OF_TENANT, given)
    else:
        rows = await tx.connection.execute(OF_CONVERSATION, {**given, "conversation": conversation})
    return [_delivery(row) for row in rows.mappings()]


def _delivery(row: sa.RowMapping) -> Delivery:
    message = None
    if row["id"] is not None:
        message = SaidMessage(
            id=row["id"],
            author=row["author"],
            kind=row["kind"],
            member_id=row["member_id"],
            member_name=row["member_name"],
            text=row["text"],
            language=row["language"],
            citations=row["citations"],
            confidence=row["confidence"],
            turn=row["turn"],
            files=files_of(row["files"]),
        )
    return Delivery(row["seq"], row["conversation_id"], row["type"], row["data"], row["created_at"], message)
