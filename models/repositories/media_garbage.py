"""Keys of the media store under which nothing is to be kept: how no file stays that nobody wants.

A key is reserved before its file is written. Whoever then says in a row that the file is wanted takes the key back out,
in the same transaction; a process that dies in between leaves it here, and the file is deleted when it is due.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from models.tables import media_garbage
from runtime.database import SystemTx, TenantTx
from runtime.ids import new_id

WRITING = timedelta(days=1)
"""So long a key is left alone that was reserved; nothing takes longer to be written."""

FORGET = sa.text("SELECT forget_media(:ids)").bindparams(sa.bindparam("ids", type_=ARRAY(sa.Uuid())))


async def reserve(tx: TenantTx) -> str:
    """A key of the tenant's to write a file under. Commit before writing."""
    file = new_id()
    await tx.connection.execute(
        sa.insert(media_garbage).values(tenant_id=tx.tenant_id, id=file, due_at=sa.func.now() + WRITING)
    )
    return f"{tx.tenant_id}/{file}"


async def take_out(tx: TenantTx, key: str) -> None:
    """The file is wanted. Raises LookupError when it took so long that it may have been deleted."""
    taken = await tx.connection.execute(sa.delete(media_garbage).where(*_at(tx, key)))
    if not taken.rowcount:
        raise LookupError("this key is not reserved (any more)")


async def discard(tx: TenantTx, key: str) -> None:
    """The file that was just written is not wanted after all."""
    await tx.connection.execute(sa.update(media_garbage).where(*_at(tx, key)).values(due_at=sa.func.now()))


async def due(tx: SystemTx, limit: int) -> dict[UUID, str]:
    """Keys of any tenant, by what `forget` wants: under these nothing is to be kept any more."""
    rows = await tx.connection.execute(sa.text("SELECT * FROM due_media(:at_most)"), {"at_most": limit})
    return {row.id: f"{row.tenant_id}/{row.id}" for row in rows}


async def forget(tx: SystemTx, gone: Sequence[UUID]) -> None:
    """Their files are deleted."""
    await tx.connection.execute(FORGET, {"ids": gone})


def _at(tx: TenantTx, key: str) -> tuple[sa.ColumnElement[bool], ...]:
    tenant, _, file = key.partition("/")
    return (
        media_garbage.c.tenant_id == tx.tenant_id,
        media_garbage.c.tenant_id == UUID(tenant),
        media_garbage.c.id == UUID(file),
    )
