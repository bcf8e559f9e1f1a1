"""Hands over what was stored while Temporal could not be reached. Run by a schedule, one activity a run."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from models.contracts.ingest import HAND_OVER, RECONCILE, HandedOver, HandOverInput
    from workflows.calls import call


@workflow.defn(name=RECONCILE.name)
class ReconcileWorkflow:
    """See the module."""

    @workflow.run
    async def run(self, start: HandOverInput) -> HandedOver:
        workflow.set_current_details("Looking for stored messages that no conversation has accepted.")
        return await call(HAND_OVER, start, None)
