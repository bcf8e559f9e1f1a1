"""Reads everything of a tenant into an export's sealed parts."""

from temporalio import activity

from models.contracts.tenant_life import EXPORT_TENANT, Exported, ExportInput, ExportStatus
from models.repositories import tenant_exports
from models.repositories.vault import Vault
from runtime.database import Database


class TenantExport:
    """Holds what the step needs."""

    def __init__(self, database: Database, vault: Vault):
        self._database = database
        self._vault = vault

    @activity.defn(name=EXPORT_TENANT.name)
    async def export_tenant(self, given: ExportInput) -> Exported:
        """Part by part, each in a transaction of its own; a step that died goes on with the part that it was at."""
        while True:
            async with self._database.tenant(given.tenant_id) as tx:
                export = await tenant_exports.step(tx, self._vault, given.export_id)
            if export is None:
                return Exported(rows=0, parts=0)
            if export.status is ExportStatus.DONE:
                return Exported(rows=export.rows, parts=export.parts)
            activity.heartbeat(export.parts)
