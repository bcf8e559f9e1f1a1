"""What becomes of a whole tenant: everything exported, everything deleted."""

from enum import StrEnum
from uuid import UUID

from models.contracts.base import Activity, Frozen, Signal, Workflow


class ExportStatus(StrEnum):
    """How far an export is. It can be fetched when it is done, and until it expires."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"


class DeletionStatus(StrEnum):
    """How far a tenant's deletion is. It can be cancelled while it is waiting."""

    WAITING = "waiting"
    RUNNING = "running"
    CANCELLED = "cancelled"
    DONE = "done"


class ExportInput(Frozen):
    tenant_id: UUID
    export_id: UUID


class Exported(Frozen):
    """What is in the export; nothing when it was given up meanwhile."""

    rows: int
    parts: int


class DeletionInput(Frozen):
    tenant_id: UUID
    deletion_id: UUID


class DeletionChanged(Frozen):
    """It was cancelled, or brought forward: look again."""


class DeletionTurn(Frozen):
    """Whether a deletion may begin. `wait_seconds`: not before so long; 0: it has begun; None: it was called off."""

    wait_seconds: float | None


class Purged(Frozen):
    """How many of the tenant's workflow executions were deleted from Temporal."""

    processes: int


class FinishInput(Frozen):
    """`processes`: see Purged; for the report."""

    tenant_id: UUID
    deletion_id: UUID
    processes: int


class Deleted(Frozen):
    rows: int


TENANT_EXPORT = Workflow("tenant_export", ExportInput, Exported)
EXPORT_TENANT = Activity("export_tenant", ExportInput, Exported)

TENANT_DELETION = Workflow("tenant_deletion", DeletionInput, type(None))
DELETION_CHANGED = Signal("deletion_changed", DeletionChanged)
BEGIN_DELETION = Activity("begin_tenant_deletion", DeletionInput, DeletionTurn)
PURGE_PROCESSES = Activity("purge_processes", DeletionInput, Purged)
DELETE_ROWS = Activity("delete_tenant_rows", DeletionInput, Deleted)
FINISH_DELETION = Activity("finish_tenant_deletion", FinishInput, Deleted)
