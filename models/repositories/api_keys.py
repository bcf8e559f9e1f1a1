"""API keys of members: made, listed, rotated, revoked. Only hashes are kept."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from models.contracts.enums import Role
from models.tables import api_keys, members
from runtime.database import SystemTx, TenantTx
from runtime.ids import new_id

KEY_PREFIX = "msk_"
SHOWN = 6
"""Characters of a key that are kept, so that people can tell keys apart."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept. `scopes` None: everything that the member's role may do."""

    id: UUID
    name: str
    prefix: str
    member_id: UUID
    member_name: str
    member_role: Role
    scopes: frozenset[str] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    previous_until: datetime | None


COLUMNS = (
    api_keys.c.id,
    api_keys.c.name,
    api_keys.c.prefix,
    api_keys.c.member_id,
    members.c.name.label("member_name"),
    members.c.role.label("member_role"),
    api_keys.c.scopes,
    api_keys.c.created_at,
    api_keys.c.expires_at,
    api_keys.c.last_used_at,
    api_keys.c.previous_until,
)


async def create(
    tx: TenantTx,
    member_id: UUID,
    *,
    name: str,
    scopes: Collection[str] | None = None,
    expires_in: timedelta | None = None,
) -> tuple[UUID, str]:
    """A new key of a member: its id, and the secret, which can be read this once."""
    secret, key_id = _new(), new_id()
    await tx.connection.execute(
        sa.insert(api_keys).values(
            tenant_id=tx.tenant_id,
            id=key_id,
            member_id=member_id,
            name=name,
            prefix=_shown(secret),
            hash=hash_key(secret),
            scopes=None if scopes is None else sorted(scopes),
            expires_at=None if expires_in is None else sa.func.now() + expires_in,
        )
    )
    return key_id, secret


async def page(tx: TenantTx, *, before: UUID | None = None, limit: int = 50) -> list[Key]:
    """Keys that are neither revoked nor expired, the newest first."""
    rows = await tx.connection.execute(
        _alive(tx)
        .where(sa.true() if before is None else api_keys.c.id < before)
        .order_by(api_keys.c.id.desc())
        .limit(limit)
    )
    return [_key(row) for row in rows]


async def get(tx: TenantTx, key_id: UUID) -> Key | None:
    row = (await tx.connection.execute(_alive(tx).where(api_keys.c.id == key_id))).one_or_none()
    return None if row is None else _key(row)


async def lock(tx: TenantTx, key_id: UUID) -> Key | None:
    """Like `get`, and until the transaction ends nobody else rotates or revokes it."""
    row = (
        await tx.connection.execute(_alive(tx).where(api_keys.c.id == key_id).with_for_update(of=api_keys))
    ).one_or_none()
    return None if row is None else _key(row)


async def rotate(tx: TenantTx, key_id: UUID, *, grace: timedelta) -> str:
    """A new secret for a locked key. The one until now stays good for `grace`; what was before that is void at once."""
    secret = _new()
    await tx.connection.execute(
        sa.update(api_keys)
        .where(api_keys.c.tenant_id == tx.tenant_id, api_keys.c.id == key_id)
        .values(
            hash=hash_key(secret),
            prefix=_shown(secret),
            previous_hash=api_keys.c.hash if grace else None,
            previous_until=sa.func.now() + grace if grace else None,
        )
    )
    return secret


async def revoke(tx: TenantTx, key_id: UUID) -> None:
    await tx.connection.execute(
        sa.update(api_keys)
        .where(api_keys.c.tenant_id == tx.tenant_id, api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=sa.func.now(), previous_hash=None, previous_until=None)
    )


async def note_uses(tx: SystemTx, key_ids: Collection[UUID]) -> None:
    """The keys were used just now. Written only where that was not known for a minute."""
    await tx.connection.execute(sa.text("SELECT note_key_uses(:used)"), {"used": list(key_ids)})


def hash_key(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _new() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(32)


def _shown(secret: str) -> str:
    return secret[: len(KEY_PREFIX) + SHOWN]


def _alive(tx: TenantTx) -> "sa.Select[tuple[object, ...]]":
    return (
        sa.select(*COLUMNS)
        .select_from(api_keys)
        .join(members, sa.and_(members.c.tenant_id == api_keys.c.tenant_id, members.c.id == api_keys.c.member_id))
        .where(
            api_keys.c.tenant_id == tx.tenant_id,
            api_keys.c.revoked_at.is_(None),
            sa.or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > sa.func.now()),
        )
    )


def _key(row: "sa.Row[tuple[object, ...]]") -> Key:
    found = dict(row._mapping)
    scopes = found.pop("scopes")
    return Key(**found, scopes=None if scopes is None else frozenset(scopes))
