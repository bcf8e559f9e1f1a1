"""Erases a customer: ends their processes, removes what is kept of them, and looks again for what came late."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from models.contracts.privacy import (
        CLOSE_ERASURE,
        END_PROCESSES,
        ERASE_CONVERSATIONS,
        ERASE_CUSTOMER,
        ERASURE,
        FIND_TO_ERASE,
        EndProcessesInput,
        EraseConversationsInput,
        ErasureInput,
        ToErase,
    )
    from workflows.calls import call

LATE = timedelta(seconds=10)
"""A message that was stored just before its conversation was erased is handed over within this time, and starts a
process that finds nothing to do."""


@workflow.defn(name=ERASURE.name)
class ErasureWorkflow:
    """See the module. Safe to end and start again at any point: what is gone stays gone and is counted once."""

    @workflow.init
    def __init__(self, start: ErasureInput) -> None:
        self._start = start
        self._ended: list[ToErase] = []

    @workflow.run
    async def run(self, start: ErasureInput) -> None:
        workflow.set_current_details("Erasing a customer's conversations.")
        while True:
            found = await call(FIND_TO_ERASE, start, start.tenant_id)
            if found.conversations:
                await self._erase(found)
            elif (await call(ERASE_CUSTOMER, start, start.tenant_id)).erased:
                break
        workflow.set_current_details("Everything is erased; looking once more for what came late.")
        await workflow.sleep(LATE)
        for found in self._ended:
            await self._end(found)
        await call(CLOSE_ERASURE, start, start.tenant_id)

    async def _erase(self, found: ToErase) -> None:
        await self._end(found)
        # A message may have woken a conversation again by now: it finds nothing, and is ended at last.
        given = EraseConversationsInput(
            tenant_id=self._start.tenant_id, erasure_id=self._start.erasure_id, conversations=found.conversations
        )
        await call(ERASE_CONVERSATIONS, given, self._start.tenant_id)
        self._ended.append(found)

    async def _end(self, found: ToErase) -> None:
        await call(
            END_PROCESSES, EndProcessesInput(tenant_id=self._start.tenant_id, found=found), self._start.tenant_id
        )
