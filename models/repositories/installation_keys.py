"""Keys of the installation, each wrapped by a root key: those that sign tokens, those that encrypt what is no tenant's."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from models.contracts.enums import KeyPurpose
from runtime.crypto.aead import new_key
from runtime.crypto.roots import RootKeys, Wrapped
from runtime.database import SystemTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class InstallationKey:
    """A key that is ready for use, from `active_at` on; others have taken over from `retired_at` on."""

    id: UUID
    secret: bytes
    active_at: datetime
    retired_at: datetime | None


async def read(tx: SystemTx, roots: RootKeys, purpose: KeyPurpose) -> list[InstallationKey]:
    """Every key of that purpose, the newest first; the first is made when there is none.

    Raises SealedError when one is wrapped by a root key that is not ours.
    """
    rows = await _rows(tx, purpose)
    if not rows:
        key_id = new_id()
        wrapped = roots.wrap(new_key(), place(purpose, key_id))
        await tx.connection.execute(
            sa.text("SELECT begin_installation_keys(:purpose, :id, :root_id, :wrapped)"),
            {"purpose": purpose.value, "id": key_id, "root_id": wrapped.root_id, "wrapped": wrapped.blob},
        )
        # Another process may have been first.
        rows = await _rows(tx, purpose)
    return [
        InstallationKey(
            row.id,
            roots.unwrap(Wrapped(row.root_id, row.wrapped), place(purpose, row.id)),
            row.active_at,
            row.retired_at,
        )
        for row in sorted(rows, key=lambda row: row.active_at, reverse=True)
    ]


async def _rows(tx: SystemTx, purpose: KeyPurpose) -> list[sa.Row[tuple[UUID, str, bytes, datetime, datetime | None]]]:
    found = await tx.connection.execute(
        sa.text("SELECT id, root_id, wrapped, active_at, retired_at FROM read_installation_keys(:purpose)"),
        {"purpose": purpose.value},
    )
    return list(found)


async def root_keys_in_use(tx: SystemTx) -> set[str]:
    """Names of the root keys that wrap anything, a tenant's keys included."""
    return set((await tx.connection.scalars(sa.text("SELECT root_keys_in_use()"))).all())


def place(purpose: KeyPurpose, key: UUID) -> str:
    """A wrapped key that is copied to another row does not open."""
    return f"installation-key/{purpose.value}/{key}"
