"""What arrived at a channel account, by the names that its sender gave it: each is taken once."""

import hashlib
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from runtime.database import TenantTx

# Longer than any sender repeats (Standard Webhooks: 75 hours).
RETENTION = timedelta(days=7)
# Each delivery sweeps up a little more than it leaves behind.
SWEPT_AT_ONCE = 10

# Sorted, so that no two deliveries wait for each other.
TAKE = sa.text(
    """
    WITH taken AS (
        INSERT INTO channel_deliveries (tenant_id, channel_account_id, digest)
        SELECT :tenant, :account, digest FROM unnest(:digests) digest ORDER BY digest
        ON CONFLICT DO NOTHING RETURNING digest
    ), old AS MATERIALIZED (
        SELECT digest FROM channel_deliveries
        WHERE tenant_id = :tenant AND channel_account_id = :account AND received_at < now() - :retention
        ORDER BY received_at LIMIT :swept_at_once FOR UPDATE SKIP LOCKED
    ), swept AS (
        DELETE FROM channel_deliveries d USING old
        WHERE d.tenant_id = :tenant AND d.channel_account_id = :account AND d.digest = old.digest
    )
    SELECT count(*) FROM taken
    """
).bindparams(
    sa.bindparam("tenant", type_=sa.Uuid()),
    sa.bindparam("account", type_=sa.Uuid()),
    sa.bindparam("digests", type_=ARRAY(sa.LargeBinary())),
    sa.bindparam("retention", RETENTION, type_=sa.Interval()),
    sa.bindparam("swept_at_once", SWEPT_AT_ONCE, type_=sa.Integer()),
)


async def take(tx: TenantTx, account_id: UUID, name: str, *more: str) -> bool:
    """Take a delivery. False when its name, or one of `more` that it has, was taken before: then it must have no effect.

    Of two at once, the second waits for the first one's transaction to end.
    """
    names = {name, *more}
    given = {"tenant": tx.tenant_id, "account": account_id, "digests": [digest(each) for each in names]}
    taken: int | None = await tx.connection.scalar(TAKE, given)
    return taken == len(names)


def digest(name: str) -> bytes:
    """What is kept of a name."""
    return hashlib.sha256(name.encode()).digest()
