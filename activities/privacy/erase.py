"""The steps of erasing a customer: their processes, their conversations, and then what they were called."""

import asyncio

import structlog
from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.media.sweep import Sweep
from models.contracts.audit import AuditAction
from models.contracts.privacy import (
    CLOSE_ERASURE,
    END_PROCESSES,
    ERASE_CONVERSATIONS,
    ERASE_CUSTOMER,
    FIND_TO_ERASE,
    CustomerErased,
    EndProcessesInput,
    EraseConversationsInput,
    ErasureInput,
    ToErase,
)
from models.contracts.routing import conversation_id, escalation_id
from models.repositories import audit, erasure
from models.repositories.audit import SYSTEM
from runtime.database import Database

log = structlog.get_logger(__name__)

LOOKS = 40
PAUSE_SECONDS = 0.25
"""Temporal deletes behind our back: so often is looked, and so long waited, before the step is begun again."""


class Erase:
    """Holds what the steps need."""

    def __init__(self, database: Database, client: Client, sweep: Sweep):
        self._database = database
        self._client = client
        self._sweep = sweep

    @activity.defn(name=FIND_TO_ERASE.name)
    async def find_to_erase(self, given: ErasureInput) -> ToErase:
        async with self._database.tenant(given.tenant_id) as tx:
            return await erasure.find(tx, given.erasure_id)

    @activity.defn(name=END_PROCESSES.name)
    async def end_processes(self, given: EndProcessesInput) -> None:
        """End the processes of conversations and escalations, and delete their histories; until none is left."""
        for each in given.found.conversations:
            await self._delete(conversation_id(given.tenant_id, each))
        for each in given.found.escalations:
            await self._delete(escalation_id(given.tenant_id, each))

    @activity.defn(name=ERASE_CONVERSATIONS.name)
    async def erase_conversations(self, given: EraseConversationsInput) -> None:
        for each in given.conversations:
            async with self._database.tenant(given.tenant_id) as tx:
                removed = await erasure.erase_conversation(tx, each)
                await erasure.enter(tx, given.erasure_id, removed)
            activity.heartbeat()
        await self._sweep.all()

    @activity.defn(name=ERASE_CUSTOMER.name)
    async def erase_customer(self, given: ErasureInput) -> CustomerErased:
        async with self._database.tenant(given.tenant_id) as tx:
            done = await erasure.erase_customer(tx, given.erasure_id)
        return CustomerErased(erased=done is not None)

    @activity.defn(name=CLOSE_ERASURE.name)
    async def close_erasure(self, given: ErasureInput) -> None:
        async with self._database.tenant(given.tenant_id) as tx:
            done = await erasure.close(tx, given.erasure_id)
            if done is None:
                return
            await audit.record(
                tx,
                SYSTEM,
                AuditAction.CUSTOMER_ERASED,
                done.customer_id,
                erasure_id=str(done.id),
                rows=sum(done.removed.values()),
            )
        log.info("customer erased", erasure_id=given.erasure_id, rows=sum(done.removed.values()))

    async def _delete(self, process: str) -> None:
        # The last run at once: the list of runs lags behind.
        await self._delete_run(process, "")
        for _ in range(LOOKS):
            activity.heartbeat()
            runs = [each.run_id async for each in self._client.list_workflows(f'WorkflowId = "{process}"')]
            if not runs:
                return
            for run in runs:
                await self._delete_run(process, run)
            await asyncio.sleep(PAUSE_SECONDS)
        raise ApplicationError("histories are not deleted yet", type="NotDeletedYet")

    async def _delete_run(self, process: str, run: str) -> None:
        """Deleting a run that is under way ends it first."""
        try:
            await self._client.workflow_service.delete_workflow_execution(
                DeleteWorkflowExecutionRequest(
                    namespace=self._client.namespace,
                    workflow_execution=WorkflowExecution(workflow_id=process, run_id=run),
                )
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
