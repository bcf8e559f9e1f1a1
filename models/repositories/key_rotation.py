"""What the operator does with keys. For the owner of the tables, whom row-level security lets see every tenant's."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from models.contracts.enums import KeyPurpose
from models.repositories import data_keys as of_tenants
from models.repositories import installation_keys as of_installation
from models.repositories.signing_keys import PUBLISHED_BEFORE, VALIDATES_FOR
from models.tables import data_keys, installation_keys, tenants
from runtime.crypto.aead import new_key
from runtime.crypto.roots import RootKeys, Wrapped
from runtime.database import SystemTx
from runtime.ids import new_id

BATCH = 500


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key as the operator sees it; never the key itself. `tenant`: the slug, None for the installation's own."""

    id: UUID
    purpose: str
    tenant: str | None
    root_id: str
    created_at: datetime
    active_at: datetime
    retired_at: datetime | None


async def list_all(tx: SystemTx) -> list[KeptKey]:
    """The installation's, then each tenant's, the newest first."""
    own = await tx.connection.execute(
        sa.select(
            installation_keys.c.id,
            installation_keys.c.purpose,
            sa.null().label("tenant"),
            installation_keys.c.root_id,
            installation_keys.c.created_at,
            installation_keys.c.active_at,
            installation_keys.c.retired_at,
        ).order_by(installation_keys.c.purpose, installation_keys.c.active_at.desc())
    )
    theirs = await tx.connection.execute(
        sa.select(
            data_keys.c.id,
            sa.literal("data").label("purpose"),
            tenants.c.slug.label("tenant"),
            data_keys.c.root_id,
            data_keys.c.created_at,
            data_keys.c.created_at.label("active_at"),
            sa.null().label("retired_at"),
        )
        .join(tenants, tenants.c.id == data_keys.c.tenant_id)
        .order_by(tenants.c.slug, data_keys.c.id.desc())
    )
    return [KeptKey(**row._mapping) for rows in (own, theirs) for row in rows]


async def rotate(tx: SystemTx, roots: RootKeys, purpose: KeyPurpose) -> UUID:
    """A new key of the installation. One that signs is published for a while before it is used."""
    await tx.connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('installation_keys'))"))
    key_id = new_id()
    wrapped = roots.wrap(new_key(), of_installation.place(purpose, key_id))
    active_at = sa.func.now() + (PUBLISHED_BEFORE if purpose is KeyPurpose.SIGNING else sa.text("interval '0'"))
    await tx.connection.execute(
        sa.update(installation_keys)
        .where(installation_keys.c.purpose == purpose, installation_keys.c.retired_at.is_(None))
        .values(retired_at=active_at)
    )
    await tx.connection.execute(
        sa.insert(installation_keys).values(
            id=key_id, purpose=purpose, root_id=wrapped.root_id, wrapped=wrapped.blob, active_at=active_at
        )
    )
    return key_id


async def rewrap(tx: SystemTx, roots: RootKeys) -> int:
    """Wrap up to BATCH keys of each kind anew, by the newest root key; how many. 0: nothing is left to do.

    Raises SealedError when one is wrapped by a root key that is not ours.
    """
    own = await tx.connection.execute(
        sa.select(installation_keys)
        .where(installation_keys.c.root_id != roots.newest)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    theirs = await tx.connection.execute(
        sa.select(data_keys).where(data_keys.c.root_id != roots.newest).limit(BATCH).with_for_update(skip_locked=True)
    )
    found = [(installation_keys, row, of_installation.place(KeyPurpose(row.purpose), row.id)) for row in own]
    found += [(data_keys, row, of_tenants.place(row.tenant_id, row.id)) for row in theirs]
    for table, row, place in found:
        wrapped = roots.wrap(roots.unwrap(Wrapped(row.root_id, row.wrapped), place), place)
        await tx.connection.execute(
            sa.update(table).where(table.c.id == row.id).values(root_id=wrapped.root_id, wrapped=wrapped.blob)
        )
    return len(found)


async def retire(tx: SystemTx, key_id: UUID | None = None) -> int:
    """Delete signing keys that no valid token can need any more, or this one now: what it signed is refused. How many."""
    which = (
        installation_keys.c.retired_at < sa.func.now() - VALIDATES_FOR
        if key_id is None
        else installation_keys.c.id == key_id
    )
    deleted = await tx.connection.execute(
        sa.delete(installation_keys).where(installation_keys.c.purpose == KeyPurpose.SIGNING, which)
    )
    return deleted.rowcount
