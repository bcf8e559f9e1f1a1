"""Durable events: appended in the transaction that makes them true, read in order by subscribers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.contracts.enums import EventType
from models.tables import events
from runtime.database import TenantTx

CHANNEL = "mainstay_events"
"""LISTEN on this. Payload: `tenant_id conversation_id|- seq`, ids only."""


@dataclass(frozen=True, slots=True)
class Event:
    """`data` holds ids and states, never what somebody wrote."""

    seq: int
    conversation_id: UUID | None
    type: EventType
    data: dict[str, Any]
    created_at: datetime


async def append(tx: TenantTx, type_: EventType, data: dict[str, Any], conversation: UUID | None = None) -> None:
    """Append one event. Do it last in a transaction: it holds the tenant's counter until commit."""
    await append_all(tx, [(type_, data)], conversation)


async def append_all(
    tx: TenantTx, items: list[tuple[EventType, dict[str, Any]]], conversation: UUID | None = None
) -> None:
    """Append events in the given order, in one statement."""
    if items:
        await tx.connection.execute(
            sa.insert(events).values(
                [
                    # The trigger gives the number; the column only must not be null.
                    {
                        "tenant_id": tx.tenant_id,
                        "seq": 0,
                        "conversation_id": conversation,
                        "type": type_.value,
                        "data": data,
                    }
                    for type_, data in items
                ]
            )
        )


async def after(tx: TenantTx, seq: int, *, conversation: UUID | None = None, limit: int = 200) -> list[Event]:
    """Events numbered above `seq`, oldest first; of one conversation or of the tenant."""
    query = sa.select(events).where(events.c.tenant_id == tx.tenant_id, events.c.seq > seq)
    if conversation is not None:
        query = query.where(events.c.conversation_id == conversation)
    rows = await tx.connection.execute(query.order_by(events.c.seq).limit(limit))
    return [Event(row.seq, row.conversation_id, EventType(row.type), row.data, row.created_at) for row in rows]
