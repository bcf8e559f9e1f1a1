"""Moves a tenant's knowledge to another embedding space while it is searched in the old one, then switches at once.

The same walk brings the space that is searched up to date where there is no other: what is missing or of an older
version is embedded again.
"""

import asyncio
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from models.contracts.reindex import (
        BEGIN_REINDEX,
        DROP_VECTORS,
        FILL_SPACE,
        REINDEX,
        SWITCH_SPACE,
        BeginReindexInput,
        DropInput,
        FillInput,
        Reindexed,
        ReindexInput,
        SwitchInput,
    )
    from workflows.calls import call
    from workflows.ingest import kind_of
    from workflows.policies import BATCHES_PER_RUN, OLD_SPACE_KEPT


@workflow.defn(name=REINDEX.name)
class ReindexWorkflow:
    """See the module. A run that fails leaves the tenant where it was; what is embedded serves the next one."""

    @workflow.init
    def __init__(self, start: ReindexInput) -> None:
        self._start = start
        self._batches = 0

    @workflow.run
    async def run(self, _: ReindexInput) -> Reindexed:
        tenant = self._start.tenant_id
        reindex_id = self._start.reindex_id
        if self._start.after is None:
            begin = BeginReindexInput(tenant_id=tenant, reindex_id=reindex_id)
            reindex_id = (await call(BEGIN_REINDEX, begin, tenant)).reindex_id
        if reindex_id is None:
            workflow.set_current_details("Another re-index of this tenant is under way.")
            return Reindexed()
        try:
            await self._fill_and_switch(reindex_id)
        except (ActivityError, asyncio.CancelledError) as error:
            kind = kind_of(error)
            workflow.set_current_details(f"Failed: {kind}. Searches stay where they were.")
            await call(SWITCH_SPACE, SwitchInput(tenant_id=tenant, reindex_id=reindex_id, error=kind), tenant)
            raise
        workflow.set_current_details("Switched; the old vectors are dropped in a moment.")
        await workflow.sleep(OLD_SPACE_KEPT)
        dropped = 0
        while gone := (await call(DROP_VECTORS, DropInput(tenant_id=tenant), tenant)).vectors:
            dropped += gone
        workflow.set_current_details(f"Done; {dropped} old vectors dropped.")
        return Reindexed(reindex_id=reindex_id, dropped=dropped)

    async def _fill_and_switch(self, reindex_id: UUID) -> None:
        tenant, after = self._start.tenant_id, self._start.after
        embedded = 0
        while True:
            fill = FillInput(tenant_id=tenant, reindex_id=reindex_id, after=after)
            filled = await call(FILL_SPACE, fill, tenant)
            embedded, after = embedded + filled.chunks, filled.after
            workflow.set_current_details(f"Embedding: {embedded} passages done in this run.")
            if after is None:
                # Passages that came after the walk had passed their place are found by the next one.
                switch = SwitchInput(tenant_id=tenant, reindex_id=reindex_id)
                if not (await call(SWITCH_SPACE, switch, tenant)).missing:
                    return
            self._batches += 1
            if self._batches >= BATCHES_PER_RUN or workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(self._start.model_copy(update={"reindex_id": reindex_id, "after": after}))
