"""Idempotency keys: the first request with a key does the work, the others get its response.

A unique row decides who is first, so two gateways agree.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.tables import idempotency_keys
from runtime.database import SystemTx, TenantTx

RETENTION = timedelta(hours=24)
# A gateway that was killed leaves its claim behind; longer than any request may take.
LEASE = timedelta(seconds=120)


class Claimed:
    """The key is ours: do the work, then `finish` or `release` it."""


class InFlight:
    """Another request with this key is being worked on."""


class Different:
    """The key was used for another request."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The first request's response."""

    status: int
    body: Any


async def claim(tx: TenantTx, key: str, request_hash: bytes) -> Claimed | InFlight | Different | Stored:
    """Claim `key` for the request with this hash. Commit before doing the work: the claim must be seen."""
    keys = idempotency_keys.c
    statement = insert(idempotency_keys).values(tenant_id=tx.tenant_id, key=key, request_hash=request_hash)
    fresh = {"request_hash": request_hash, "status": sa.null(), "body": sa.null(), "created_at": sa.func.now()}
    claimed = await tx.connection.scalar(
        statement.on_conflict_do_update(
            index_elements=[keys.tenant_id, keys.key],
            set_={**fresh, "updated_at": sa.func.now()},
            where=sa.or_(
                keys.created_at < sa.func.now() - RETENTION,
                sa.and_(
                    keys.status.is_(None),
                    keys.updated_at < sa.func.now() - LEASE,
                    keys.request_hash == request_hash,
                ),
            ),
        ).returning(keys.key)
    )
    if claimed is not None:
        return Claimed()
    row = (
        await tx.connection.execute(
            sa.select(keys.request_hash, keys.status, keys.body).where(keys.tenant_id == tx.tenant_id, keys.key == key)
        )
    ).one_or_none()
    if row is None:
        return InFlight()  # released this very moment: the next attempt gets it
    if row.request_hash != request_hash:
        return Different()
    return InFlight() if row.status is None else Stored(row.status, row.body)


async def finish(tx: TenantTx, key: str, request_hash: bytes, status: int, body: object) -> None:
    """Keep the response for whoever repeats the request."""
    await tx.connection.execute(
        sa.update(idempotency_keys).where(*_ours(tx, key, request_hash)).values(status=status, body=body)
    )


async def release(tx: TenantTx, key: str, request_hash: bytes) -> None:
    """Nothing came of the request: let a repetition try again."""
    await tx.connection.execute(sa.delete(idempotency_keys).where(*_ours(tx, key, request_hash)))


async def forget_expired(tx: SystemTx) -> None:
    """Delete every tenant's keys that are past their retention."""
    await tx.connection.execute(sa.text("SELECT forget_idempotency_keys(:older_than)"), {"older_than": RETENTION})


def _ours(tx: TenantTx, key: str, request_hash: bytes) -> tuple[sa.ColumnElement[bool], ...]:
    keys = idempotency_keys.c
    return keys.tenant_id == tx.tenant_id, keys.key == key, keys.request_hash == request_hash, keys.status.is_(None)
