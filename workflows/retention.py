"""Once a day: every tenant's closed conversations and technical rows that have lived long enough go."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from models.contracts.privacy import NEXT_TENANTS, RETAIN, RETENTION, RetainInput, RetentionInput, TenantsInput
    from workflows.calls import call


@workflow.defn(name=RETENTION.name)
class RetentionWorkflow:
    """See the module. Runs with the first tenants, and continues as new with the next."""

    @workflow.run
    async def run(self, start: RetentionInput) -> RetentionInput:
        found = await call(NEXT_TENANTS, TenantsInput(after=start.after), None)
        if not found.tenants:
            return start
        tenants, conversations, failed = start.tenants, start.conversations, start.failed
        for tenant in found.tenants:
            workflow.set_current_details(f"{tenants} tenants done, {conversations} conversations erased.")
            try:
                gone = await call(RETAIN, RetainInput(tenant_id=tenant, now=workflow.now()), tenant)
            except ActivityError:
                failed += 1
                workflow.logger.warning("retention failed", extra={"tenant": str(tenant)})
            else:
                conversations += gone.conversations
            tenants += 1
        return workflow.continue_as_new(
            RetentionInput(after=found.tenants[-1], tenants=tenants, conversations=conversations, failed=failed)
        )
