"""Deliveries of providers as they came: kept until they are read, each once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.repositories import channel_deliveries
from models.tables import channel_inbox
from runtime.database import TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Waiting:
    """`attempts`: how often somebody has tried to read it."""

    id: UUID
    payload: dict[str, Any]
    attempts: int


async def put(tx: TenantTx, account: UUID, name: str, payload: Mapping[str, Any]) -> bool:
    """Keep a delivery, by the name that its provider gave it. False when it was here before: then it has no effect."""
    if not await channel_deliveries.take(tx, account, name):
        return False
    await tx.connection.execute(
        sa.insert(channel_inbox).values(
            tenant_id=tx.tenant_id, id=new_id(), channel_account_id=account, payload=dict(payload)
        )
    )
    return True


async def waiting(tx: TenantTx, account: UUID, limit: int) -> list[Waiting]:
    """The next deliveries, in the order in which they came."""
    rows = await tx.connection.execute(
        sa.select(channel_inbox.c.id, channel_inbox.c.payload, channel_inbox.c.attempts)
        .where(
            channel_inbox.c.tenant_id == tx.tenant_id,
            channel_inbox.c.channel_account_id == account,
            channel_inbox.c.error.is_(None),
        )
        .order_by(channel_inbox.c.seq)
        .limit(limit)
    )
    return [Waiting(**row._mapping) for row in rows]


async def done(tx: TenantTx, delivery: UUID) -> None:
    """It was read: what it said stands elsewhere."""
    await tx.connection.execute(sa.delete(channel_inbox).where(*_is(tx, delivery)))


async def failed(tx: TenantTx, delivery: UUID, error: str | None) -> None:
    """It could not be read. `error`, a word for why, takes it out of the way of the others; None: try again."""
    await tx.connection.execute(
        sa.update(channel_inbox).where(*_is(tx, delivery)).values(attempts=channel_inbox.c.attempts + 1, error=error)
    )


def _is(tx: TenantTx, delivery: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return channel_inbox.c.tenant_id == tx.tenant_id, channel_inbox.c.id == delivery
