"""A tenant's deletion: asked for, called off, carried out. What is dangerous in it are the database's functions (0009)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.contracts.audit import ActorKind
from models.contracts.tenant_life import DeletionInput, DeletionStatus, ExportInput
from models.repositories.audit import Actor
from models.tables import tenant_deletions
from runtime.database import SystemTx, TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Deletion:
    """A deletion that was asked for; `row_counts` (by table) and `processes` are its report."""

    id: UUID
    tenant_id: UUID
    slug: str
    asked_by_kind: ActorKind
    asked_by: UUID | None
    created_at: datetime
    due_at: datetime
    started_at: datetime | None
    cancelled_at: datetime | None
    finished_at: datetime | None
    row_counts: dict[str, int]
    processes: int

    @property
    def status(self) -> DeletionStatus:
        if self.cancelled_at is not None:
            return DeletionStatus.CANCELLED
        if self.finished_at is not None:
            return DeletionStatus.DONE
        return DeletionStatus.WAITING if self.started_at is None else DeletionStatus.RUNNING


FIELDS = tuple(Deletion.__dataclass_fields__)


async def request(tx: TenantTx, by: Actor, grace: timedelta) -> UUID | None:
    """Suspend the tenant and have it deleted after `grace` (an hour at least); the deletion's id.

    None when its deletion was asked for before.
    """
    deletion_id = new_id()
    due = await tx.connection.scalar(
        sa.text("SELECT ask_tenant_deletion(:id, :grace, :by_kind, :by_id)").bindparams(
            sa.bindparam("id", type_=sa.Uuid()), sa.bindparam("by_id", type_=sa.Uuid())
        ),
        {"id": deletion_id, "grace": grace, "by_kind": by.kind.value, "by_id": by.id},
    )
    return None if due is None else deletion_id


async def latest(tx: TenantTx) -> Deletion | None:
    """The tenant's deletion that was asked for last."""
    row = (
        await tx.connection.execute(
            sa.select(*(tenant_deletions.c[name] for name in FIELDS))
            .where(tenant_deletions.c.tenant_id == tx.tenant_id)
            .order_by(tenant_deletions.c.id.desc())
            .limit(1)
        )
    ).one_or_none()
    return None if row is None else _deletion(row)


async def cancel(tx: TenantTx) -> UUID | None:
    """Call it off, and resume the tenant unless it had been suspended before. None: there is none, or it has begun."""
    cancelled: UUID | None = await tx.connection.scalar(sa.text("SELECT cancel_tenant_deletion()"))
    return cancelled


async def bring_forward(tx: SystemTx, deletion_id: UUID) -> None:
    """Have no grace left. For the owner of the tables only: raises ProgrammingError for the application role."""
    await tx.connection.execute(
        sa.update(tenant_deletions)
        .where(tenant_deletions.c.id == deletion_id, tenant_deletions.c.started_at.is_(None))
        .values(due_at=sa.func.now())
    )


async def begin(tx: SystemTx, given: DeletionInput) -> float | None:
    """Seconds until it may begin; 0: it has begun; None: it was called off."""
    seconds: float | None = await tx.connection.scalar(
        sa.text("SELECT begin_tenant_deletion(:tenant, :deletion)").bindparams(
            sa.bindparam("tenant", type_=sa.Uuid()), sa.bindparam("deletion", type_=sa.Uuid())
        ),
        {"tenant": given.tenant_id, "deletion": given.deletion_id},
    )
    return seconds


async def delete_rows(tx: SystemTx, tenant_id: UUID, table: str, limit: int) -> int:
    """Delete some rows of a table; how many there were. Raises ProgrammingError unless the deletion has begun."""
    gone: int = await tx.connection.scalar(
        sa.text("SELECT delete_tenant_rows(:tenant, :table, :at_most)").bindparams(
            sa.bindparam("tenant", type_=sa.Uuid())
        ),
        {"tenant": tenant_id, "table": table, "at_most": limit},
    )
    return gone


async def finish(tx: SystemTx, given: DeletionInput, processes: int) -> int:
    """Delete the tenant's own row, and close the report; all rows that are gone. Safe to repeat."""
    rows: int | None = await tx.connection.scalar(
        sa.text("SELECT finish_tenant_deletion(:tenant, :deletion, :processes)").bindparams(
            sa.bindparam("tenant", type_=sa.Uuid()), sa.bindparam("deletion", type_=sa.Uuid())
        ),
        {"tenant": given.tenant_id, "deletion": given.deletion_id, "processes": processes},
    )
    return rows or 0


async def list_all(tx: SystemTx) -> list[Deletion]:
    """Every deletion that was ever asked for, the latest first (for operators on the command line)."""
    rows = await tx.connection.execute(sa.text("SELECT * FROM list_tenant_deletions()"))
    return [_deletion(row) for row in rows]


async def unstarted(tx: SystemTx, after: timedelta) -> list[ExportInput | DeletionInput]:
    """Exports and deletions that nobody has taken up for `after`."""
    rows = await tx.connection.execute(sa.text("SELECT * FROM unstarted_tenant_work(:after)"), {"after": after})
    return [
        ExportInput(tenant_id=row.tenant_id, export_id=row.id)
        if row.kind == "export"
        else DeletionInput(tenant_id=row.tenant_id, deletion_id=row.id)
        for row in rows
    ]


def _deletion(row: sa.Row[Any]) -> Deletion:
    found = {name: row._mapping[name] for name in FIELDS}
    return Deletion(**found | {"asked_by_kind": ActorKind(row.asked_by_kind)})
