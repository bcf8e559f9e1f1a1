"""Keys that encrypt a tenant's data, each wrapped by a root key. Deleting them makes all that they sealed unreadable."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from models.tables import data_keys
from runtime.crypto.aead import new_key
from runtime.crypto.roots import RootKeys, Wrapped
from runtime.database import TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key that is ready for use."""

    id: UUID
    cipher: AESGCM


async def current(tx: TenantTx, roots: RootKeys) -> DataKey:
    """The key that encrypts now: the newest; the first is made when there is none.

    Raises SealedError when it is wrapped by a root key that is not ours, IntegrityError when there is no such tenant.
    """
    row = (
        await tx.connection.execute(
            sa.select(data_keys.c.id, data_keys.c.root_id, data_keys.c.wrapped)
            .where(data_keys.c.tenant_id == tx.tenant_id)
            # Ids grow with time, and decide between two of one moment.
            .order_by(data_keys.c.id.desc())
            .limit(1)
        )
    ).one_or_none()
    if row is None:
        return await add(tx, roots)
    return unwrapped(tx.tenant_id, roots, row.id, Wrapped(row.root_id, row.wrapped))


async def get(tx: TenantTx, roots: RootKeys, key_id: UUID) -> DataKey | None:
    """Raises SealedError like `current`."""
    row = (
        await tx.connection.execute(
            sa.select(data_keys.c.id, data_keys.c.root_id, data_keys.c.wrapped).where(
                data_keys.c.tenant_id == tx.tenant_id, data_keys.c.id == key_id
            )
        )
    ).one_or_none()
    return None if row is None else unwrapped(tx.tenant_id, roots, row.id, Wrapped(row.root_id, row.wrapped))


async def add(tx: TenantTx, roots: RootKeys) -> DataKey:
    """A new key, from now on the current one; the others stay for reading."""
    key, key_id = new_key(), new_id()
    wrapped = roots.wrap(key, place(tx.tenant_id, key_id))
    await tx.connection.execute(
        sa.insert(data_keys).values(tenant_id=tx.tenant_id, id=key_id, root_id=wrapped.root_id, wrapped=wrapped.blob)
    )
    return DataKey(key_id, AESGCM(key))


async def forget(tx: TenantTx) -> int:
    """Destroy every key of the tenant, and with them its secrets and the payloads in Temporal's histories. How many.

    Running processes remember a key for up to PayloadKeys.KEPT_SECONDS more.
    """
    return (await tx.connection.execute(sa.delete(data_keys).where(data_keys.c.tenant_id == tx.tenant_id))).rowcount


def unwrapped(tenant: UUID, roots: RootKeys, key_id: UUID, wrapped: Wrapped) -> DataKey:
    """A tenant's key as its row has it. Raises SealedError like `current`."""
    return DataKey(key_id, AESGCM(roots.unwrap(wrapped, place(tenant, key_id))))


def place(tenant: UUID, key: UUID) -> str:
    """A wrapped key that is copied to another row does not open."""
    return f"data-key/{tenant}/{key}"
