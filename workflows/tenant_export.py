"""Exports everything of a tenant. One activity does it, part by part; what is done shows in the records."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from models.contracts.tenant_life import EXPORT_TENANT, TENANT_EXPORT, Exported, ExportInput
    from workflows.calls import call


@workflow.defn(name=TENANT_EXPORT.name)
class TenantExportWorkflow:
    """See the module."""

    @workflow.run
    async def run(self, start: ExportInput) -> Exported:
        workflow.set_current_details("Reading everything that belongs to the tenant.")
        done = await call(EXPORT_TENANT, start, start.tenant_id)
        workflow.set_current_details(f"Done: {done.rows} rows in {done.parts} parts.")
        return done
