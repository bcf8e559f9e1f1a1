"""Deletes a tenant with everything that it has: after the grace, during which it can be called off, and not before."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from models.contracts.tenant_life import (
        BEGIN_DELETION,
        DELETE_ROWS,
        DELETION_CHANGED,
        FINISH_DELETION,
        PURGE_PROCESSES,
        TENANT_DELETION,
        DeletionChanged,
        DeletionInput,
        FinishInput,
    )
    from workflows.calls import call


@workflow.defn(name=TENANT_DELETION.name)
class TenantDeletionWorkflow:
    """See the module. The records decide when it is due and whether it was called off; the timer only asks again."""

    @workflow.init
    def __init__(self, start: DeletionInput) -> None:
        self._start = start
        self._changed = False

    @workflow.signal(name=DELETION_CHANGED.name)
    def deletion_changed(self, _: DeletionChanged) -> None:
        """Called off, or brought forward."""
        self._changed = True

    @workflow.run
    async def run(self, _: DeletionInput) -> None:
        if not await self._due():
            workflow.set_current_details("Called off.")
            return
        start, tenant = self._start, self._start.tenant_id
        workflow.set_current_details("Deleting the tenant's processes.")
        purged = await call(PURGE_PROCESSES, start, tenant)
        workflow.set_current_details("Deleting the tenant's records.")
        await call(DELETE_ROWS, start, tenant)
        # What a step that was under way has started meanwhile.
        late = await call(PURGE_PROCESSES, start, tenant)
        processes = purged.processes + late.processes
        finish = FinishInput(tenant_id=tenant, deletion_id=start.deletion_id, processes=processes)
        deleted = await call(FINISH_DELETION, finish, tenant)
        workflow.set_current_details(f"Deleted: {deleted.rows} rows, {processes} processes.")

    async def _due(self) -> bool:
        """Wait until the deletion has begun; False when it was called off instead."""
        while True:
            self._changed = False
            turn = await call(BEGIN_DELETION, self._start, self._start.tenant_id)
            if turn.wait_seconds is None:
                return False
            if turn.wait_seconds <= 0:
                return True
            # A second more than the database said: its clock and ours differ.
            wait = timedelta(seconds=turn.wait_seconds + 1)
            workflow.set_current_details(
                f"Waits until {workflow.now() + wait:%F %R} UTC; until then it can be called off."
            )
            try:
                await workflow.wait_condition(lambda: self._changed, timeout=wait)
            except TimeoutError:
                continue
