"""Policies by version. A version is never changed: the newest counts, and going back writes one more."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from models.contracts.policy import Policy
from models.tables import policies
from runtime.database import TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Version:
    """Who put what in force, when and why. `restores` is the earlier version that this one repeats."""

    version: int
    policy: Policy
    member_id: UUID | None
    note: str | None
    restores: int | None
    created_at: datetime


COLUMNS = tuple(policies.c[name] for name in ("version", "body", "member_id", "note", "restores", "created_at"))


async def in_force(tx: TenantTx) -> Policy:
    """The newest version, or an empty policy where none was ever written."""
    found = await latest(tx)
    return Policy() if found is None else found.policy


async def latest(tx: TenantTx) -> Version | None:
    """The version in force; None where none was ever written."""
    found = await page(tx, before=None, limit=1)
    return found[0] if found else None


async def get(tx: TenantTx, version: int) -> Version | None:
    row = (
        await tx.connection.execute(
            sa.select(*COLUMNS).where(policies.c.tenant_id == tx.tenant_id, policies.c.version == version)
        )
    ).one_or_none()
    return None if row is None else _version(row)


async def page(tx: TenantTx, *, before: int | None, limit: int) -> list[Version]:
    """Versions, the newest first, from below `before`."""
    rows = await tx.connection.execute(
        sa.select(*COLUMNS)
        .where(policies.c.tenant_id == tx.tenant_id, *([] if before is None else [policies.c.version < before]))
        .order_by(policies.c.version.desc())
        .limit(limit)
    )
    return [_version(row) for row in rows]


async def put(
    tx: TenantTx, policy: Policy, *, member: UUID | None = None, note: str | None = None, restores: int | None = None
) -> Version:
    """Put the policy in force as a new version. Two writers at once: one gets an IntegrityError (see tenants.lock)."""
    last = sa.select(sa.func.coalesce(sa.func.max(policies.c.version), 0)).where(policies.c.tenant_id == tx.tenant_id)
    row = (
        await tx.connection.execute(
            sa.insert(policies)
            .values(
                tenant_id=tx.tenant_id,
                id=new_id(),
                version=last.scalar_subquery() + 1,
                body=policy.model_dump(mode="json"),
                member_id=member,
                note=note,
                restores=restores,
            )
            .returning(*COLUMNS)
        )
    ).one()
    return _version(row)


def _version(row: sa.Row[tuple[object, ...]]) -> Version:
    given = dict(row._mapping)
    return Version(policy=Policy.model_validate(given.pop("body")), **given)
