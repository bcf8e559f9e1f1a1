"""Escalations as managers see them. Their rows are written by the conversation's steps (see records)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from models.contracts.enums import EscalationReason, EscalationStatus, MessageStatus
from models.repositories.messages import MESSAGE_COLUMNS, Message, message_of
from models.tables import escalations, members, messages
from runtime.database import TenantTx


@dataclass(frozen=True, slots=True)
class Escalation:
    id: UUID
    conversation_id: UUID
    number: int
    status: EscalationStatus
    reason: EscalationReason
    message_id: UUID | None
    """The customer's message that led here."""
    offered_to: UUID | None
    offered_to_name: str | None
    taken_by: UUID | None
    taken_by_name: str | None
    taken_at: datetime | None
    closed_by: UUID | None
    closed_by_name: str | None
    closed_at: datetime | None
    created_at: datetime
    customer_verified: bool
    """Whether the customer had proved who they are when a person was asked for, or before it was over."""


def _query(tx: TenantTx) -> sa.Select[tuple[object, ...]]:
    people = {name: members.alias(name) for name in ("offered_to", "taken_by", "closed_by")}
    source: sa.FromClause = escalations
    for name, person in people.items():
        source = source.outerjoin(
            person, sa.and_(person.c.tenant_id == escalations.c.tenant_id, person.c.id == escalations.c[name])
        )
    return (
        sa.select(
            *(escalations.c[name] for name in ("id", "conversation_id", "number", "status", "reason", "message_id")),
            *(escalations.c[name] for name in (*people, "taken_at", "closed_at", "created_at", "customer_verified")),
            *(person.c.name.label(f"{name}_name") for name, person in people.items()),
        )
        .select_from(source)
        .where(escalations.c.tenant_id == tx.tenant_id)
    )


async def get(tx: TenantTx, escalation: UUID) -> Escalation | None:
    row = (await tx.connection.execute(_query(tx).where(escalations.c.id == escalation))).one_or_none()
    return None if row is None else Escalation(**row._mapping)


async def latest(tx: TenantTx, conversation: UUID) -> Escalation | None:
    """The conversation's open escalation or, if there is none, its last one."""
    query = _query(tx).where(escalations.c.conversation_id == conversation)
    row = (await tx.connection.execute(query.order_by(escalations.c.number.desc()).limit(1))).one_or_none()
    return None if row is None else Escalation(**row._mapping)


async def list_(
    tx: TenantTx, *, status: EscalationStatus | None = None, after: UUID | None = None, limit: int = 50
) -> list[Escalation]:
    """Escalations, the longest waiting first (ids are time-ordered); `after` is the last id of the page before."""
    query = _query(tx)
    if status is not None:
        query = query.where(escalations.c.status == status)
    if after is not None:
        query = query.where(escalations.c.id > after)
    rows = await tx.connection.execute(query.order_by(escalations.c.id).limit(limit))
    return [Escalation(**row._mapping) for row in rows]


async def names(tx: TenantTx, ids: set[UUID]) -> dict[UUID, str]:
    """Members' names, those who have left included: who acted is shown for ever."""
    if not ids:
        return {}
    rows = await tx.connection.execute(
        sa.select(members.c.id, members.c.name).where(members.c.tenant_id == tx.tenant_id, members.c.id.in_(ids))
    )
    return {row.id: row.name for row in rows}


async def last_messages(tx: TenantTx, conversation: UUID, limit: int) -> list[Message]:
    """The conversation's last messages, oldest first; drafts are not shown."""
    return await _last(tx, conversation, limit)


async def messages_until(tx: TenantTx, conversation: UUID, at: datetime, limit: int) -> list[Message]:
    """The last messages that were said by then, oldest first."""
    return await _last(tx, conversation, limit, messages.c.created_at <= at)


async def _last(tx: TenantTx, conversation: UUID, limit: int, *but: sa.ColumnElement[bool]) -> list[Message]:
    rows = await tx.connection.execute(
        sa.select(*MESSAGE_COLUMNS)
        .where(
            messages.c.tenant_id == tx.tenant_id,
            messages.c.conversation_id == conversation,
            messages.c.status != MessageStatus.DRAFT,
            *but,
        )
        .order_by(messages.c.seq.desc())
        .limit(limit)
    )
    return [message_of(row) for row in reversed(rows.all())]
