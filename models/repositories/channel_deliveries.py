"""What arrived at a channel account, by the names that its sender gave it: each is taken once."""

import hashlib
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.tables import channel_deliveries
from runtime.database import TenantTx

# Longer than any sender repeats (Standard Webhooks: 75 hours).
RETENTION = timedelta(days=7)
# Each delivery sweeps up a little more than it leaves behind.
SWEPT_AT_ONCE = 10


async def take(tx: TenantTx, account_id: UUID, name: str, *more: str) -> bool:
    """Take a delivery. False when its name, or one of `more` that it has, was taken before: then it must have no effect.

    Of two at once, the second waits for the first one's transaction to end.
    """
    digests = {hashlib.sha256(name.encode()).digest() for name in (name, *more)}
    # In one order, so that no two deliveries wait for each other.
    rows = [
        {"tenant_id": tx.tenant_id, "channel_account_id": account_id, "digest": digest} for digest in sorted(digests)
    ]
    taken = await tx.connection.scalars(
        insert(channel_deliveries).values(rows).on_conflict_do_nothing().returning(channel_deliveries.c.digest)
    )
    if len(taken.all()) < len(digests):
        return False
    await _sweep(tx, account_id)
    return True


async def _sweep(tx: TenantTx, account_id: UUID) -> None:
    deliveries = channel_deliveries.c
    ours = (deliveries.tenant_id == tx.tenant_id, deliveries.channel_account_id == account_id)
    old = (
        sa.select(deliveries.digest)
        .where(*ours, deliveries.received_at < sa.func.now() - RETENTION)
        .order_by(deliveries.received_at)
        .limit(SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    await tx.connection.execute(sa.delete(channel_deliveries).where(*ours, deliveries.digest.in_(old)))
