"""Exports of a whole tenant, made part by part. A part, and where to go on after it, are written in one transaction:
what was interrupted goes on with the part that it was at, and nothing is in it twice."""

import asyncio
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import insert

from models.contracts.channels import FileState
from models.contracts.tenant_life import ExportStatus
from models.repositories.vault import Vault
from models.repositories.whole_tenant import exported_columns, exported_tables
from models.tables import attachments, tenant_export_parts, tenant_exports
from runtime.database import SystemTx, TenantTx
from runtime.ids import new_id

LIFETIME = timedelta(hours=24)
PART_ROWS = 2_000
PART_BYTES = 4_000_000
"""Of one part, before compression; its last row may go beyond."""


@dataclass(frozen=True, slots=True)
class Export:
    """How far an export is. `bytes`: of the parts, as they are kept; `table`: the one that is being read."""

    id: UUID
    status: ExportStatus
    row_counts: dict[str, int]
    parts: int
    bytes: int
    table: str | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None

    @property
    def rows(self) -> int:
        return sum(self.row_counts.values())

    @property
    def tables(self) -> int:
        return len(exported_tables())

    @property
    def tables_done(self) -> int:
        if self.status is ExportStatus.DONE:
            return self.tables
        names = [table.name for table in exported_tables()]
        return names.index(self.table) if self.table in names else 0


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of JSON, each a row of `table`."""

    number: int
    table: str
    lines: bytes


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file beside a message: whose row it is, where it lies in the media store, and what it was when it was stored."""

    id: UUID
    key: str
    mime: str | None
    sha256: str | None


COLUMNS = (
    tenant_exports.c.id,
    tenant_exports.c.status,
    tenant_exports.c.row_counts,
    tenant_exports.c.parts,
    tenant_exports.c.bytes,
    tenant_exports.c.position,
    tenant_exports.c.created_at,
    tenant_exports.c.finished_at,
    tenant_exports.c.expires_at,
)


async def request(tx: TenantTx) -> UUID | None:
    """The id of a new export; None when one is under way."""
    statement = insert(tenant_exports).values(tenant_id=tx.tenant_id, id=new_id())
    made: UUID | None = await tx.connection.scalar(statement.on_conflict_do_nothing().returning(tenant_exports.c.id))
    return made


async def get(tx: TenantTx, export_id: UUID) -> Export | None:
    return _export(await _row(tx, export_id))


async def under_way(tx: TenantTx) -> UUID | None:
    found: UUID | None = await tx.connection.scalar(
        sa.select(tenant_exports.c.id).where(
            tenant_exports.c.tenant_id == tx.tenant_id, tenant_exports.c.status != ExportStatus.DONE
        )
    )
    return found


async def step(tx: TenantTx, vault: Vault, export_id: UUID) -> Export | None:
    """Make the next part, or finish. None when there is no such export (any more)."""
    row = await _row(tx, export_id, lock=True)
    export = _export(row)
    if row is None or export is None or export.status is ExportStatus.DONE:
        return export
    names = [table.name for table in exported_tables()]
    position: dict[str, Any] = row.position or {"table": names[0], "after": None}
    # A table that a newer release does not know any more has no rest.
    table = names.index(position["table"]) if position["table"] in names else 0
    after: list[str] | None = position["after"]
    lines: list[str] = []
    while table < len(names):
        lines, after = await _lines(tx, exported_tables()[table], after)
        if lines:
            break
        table, after = table + 1, None
    if not lines:
        changes: dict[str, object] = {
            "status": ExportStatus.DONE,
            "finished_at": sa.func.now(),
            "expires_at": sa.func.now() + LIFETIME,
        }
    else:
        name = names[table]
        sealed = await _keep(tx, vault, export, name, lines)
        going_on = {"table": name, "after": after} if after else {"table": (*names[table + 1 :], "")[0], "after": None}
        changes = {
            "status": ExportStatus.RUNNING,
            "position": going_on,
            "row_counts": {**export.row_counts, name: export.row_counts.get(name, 0) + len(lines)},
            "parts": export.parts + 1,
            "bytes": export.bytes + sealed,
        }
    await tx.connection.execute(
        sa.update(tenant_exports)
        .where(tenant_exports.c.tenant_id == tx.tenant_id, tenant_exports.c.id == export_id)
        .values(changes)
    )
    return await get(tx, export_id)


async def read_part(tx: TenantTx, vault: Vault, export_id: UUID, number: int) -> Part | None:
    """One part, counted from 0. None when it is gone. Raises SealedError when its key is."""
    columns = tenant_export_parts.c
    row = (
        await tx.connection.execute(
            sa.select(columns.source_table, columns.sealed).where(
                columns.tenant_id == tx.tenant_id, columns.export_id == export_id, columns.number == number
            )
        )
    ).one_or_none()
    if row is None:
        return None
    opened = await vault.open(tx, row.sealed, context=_context(export_id, number))
    return Part(number, row.source_table, await asyncio.to_thread(zlib.decompress, opened))


async def files(tx: TenantTx, export: Export, after: UUID | None, limit: int) -> list[KeptFile]:
    """Files in the media store that were there when the export was done: the next ones, by their ids."""
    query = sa.select(attachments.c.id, attachments.c.key, attachments.c.mime, attachments.c.sha256).where(
        attachments.c.tenant_id == tx.tenant_id,
        attachments.c.state == FileState.STORED,
        attachments.c.created_at <= export.finished_at,
    )
    if after is not None:
        query = query.where(attachments.c.id > after)
    rows = await tx.connection.execute(query.order_by(attachments.c.id).limit(limit))
    return [KeptFile(**row._mapping) for row in rows]


async def forget_expired(tx: SystemTx) -> None:
    """Delete every tenant's exports that have expired, and those that came to nothing in a week."""
    await tx.connection.execute(sa.text("SELECT forget_tenant_exports()"))


async def _keep(tx: TenantTx, vault: Vault, export: Export, table: str, lines: list[str]) -> int:
    """Store a part; its bytes."""
    text = "".join(f"{line}\n" for line in lines).encode()
    packed = await asyncio.to_thread(zlib.compress, text)
    sealed = await vault.seal(tx, packed, context=_context(export.id, export.parts))
    await tx.connection.execute(
        sa.insert(tenant_export_parts).values(
            tenant_id=tx.tenant_id,
            id=new_id(),
            export_id=export.id,
            number=export.parts,
            source_table=table,
            sealed=sealed,
        )
    )
    return len(sealed)


async def _lines(tx: TenantTx, table: Table, after: list[str] | None) -> tuple[list[str], list[str] | None]:
    """The next rows in the order of their keys, one JSON object each, and the last one's key.

    No key: there is one row at most. The sizes are summed up in the database, so that no more comes here than a part.
    """
    own = table.c.id if table.name == "tenants" else table.c.tenant_id
    keys: list[Column[Any]] = [column for column in table.primary_key.columns if column is not own]
    query = sa.select(*exported_columns(table)).where(own == tx.tenant_id).order_by(*keys).limit(PART_ROWS)
    if after is not None:
        last = (sa.cast(sa.literal(value, sa.Text()), key.type) for key, value in zip(keys, after, strict=True))
        query = query.where(sa.tuple_(*keys) > sa.tuple_(*last))
    rows = query.subquery("row")
    of_rows = [rows.c[key.name] for key in keys]
    line = sa.cast(sa.func.row_to_json(sa.literal_column('"row"')), sa.Text()).label("line")
    printed = sa.select(line, *of_rows).select_from(rows).subquery()
    of_printed = [printed.c[key.name] for key in keys]
    size = sa.func.octet_length(printed.c.line)
    before = (sa.func.sum(size).over(order_by=of_printed or None) - size).label("bytes_before")
    sized = sa.select(printed, before).subquery()
    found = (
        await tx.connection.execute(
            sa.select(sized.c.line, *(sa.cast(sized.c[key.name], sa.Text()) for key in keys))
            .where(sized.c.bytes_before < PART_BYTES)
            .order_by(*(sized.c[key.name] for key in keys))
        )
    ).all()
    return [row[0] for row in found], list(found[-1][1:]) or None if found else None


async def _row(tx: TenantTx, export_id: UUID, *, lock: bool = False) -> sa.Row[Any] | None:
    query: sa.Select[Any] = sa.select(*COLUMNS).where(
        tenant_exports.c.tenant_id == tx.tenant_id, tenant_exports.c.id == export_id
    )
    row: sa.Row[Any] | None = (await tx.connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return row


def _export(row: sa.Row[Any] | None) -> Export | None:
    if row is None:
        return None
    found = dict(row._mapping)
    position = found.pop("position")
    return Export(**found | {"status": ExportStatus(row.status)}, table=None if position is None else position["table"])


def _context(export_id: UUID, number: int) -> str:
    return f"export/{export_id}/{number}"
