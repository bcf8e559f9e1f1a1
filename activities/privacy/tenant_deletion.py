"""The steps of a tenant's deletion. Each can be done again: what is gone is not there to be deleted twice."""

import asyncio

import structlog
from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.media.sweep import Sweep
from models import schedules
from models.contracts.routing import TENANT_ID
from models.contracts.tenant_life import (
    BEGIN_DELETION,
    DELETE_ROWS,
    FINISH_DELETION,
    PURGE_PROCESSES,
    Deleted,
    DeletionInput,
    DeletionTurn,
    FinishInput,
    Purged,
)
from models.repositories import crawls, tenant_deletion
from models.repositories.whole_tenant import deleted_tables
from runtime.database import Database

log = structlog.get_logger(__name__)

ROWS_AT_A_TIME = 1_000
"""Deleted in one transaction, which others wait for hardly longer than for any other."""
LOOK_AGAIN_SECONDS = 1.0
LOOKS = 3
"""Executions are listed with a delay: only what is not there so many times in a row is gone."""


class TenantDeletion:
    """Holds what the steps need."""

    def __init__(self, database: Database, client: Client, sweep: Sweep):
        self._database = database
        self._client = client
        self._sweep = sweep

    @activity.defn(name=BEGIN_DELETION.name)
    async def begin_tenant_deletion(self, given: DeletionInput) -> DeletionTurn:
        """See DeletionTurn. Once it has begun it cannot be called off."""
        async with self._database.system() as tx:
            return DeletionTurn(wait_seconds=await tenant_deletion.begin(tx, given))

    @activity.defn(name=PURGE_PROCESSES.name)
    async def purge_processes(self, given: DeletionInput) -> Purged:
        """Delete the tenant's schedules and every workflow execution, open or closed, with its history."""
        await schedules.delete_reindex(self._client, given.tenant_id)
        async with self._database.tenant(given.tenant_id) as tx:
            crawled = await crawls.ids(tx)
        for crawl in crawled:
            await schedules.delete_crawl(self._client, given.tenant_id, crawl)
        deleted: set[tuple[str, str]] = set()
        before = next(iter(activity.info().heartbeat_details), 0)
        empty = 0
        while empty < LOOKS:
            found = 0
            async for each in self._client.list_workflows(f"{TENANT_ID.name} = '{given.tenant_id}'"):
                found += 1
                if await self._delete(each.id, each.run_id):
                    deleted.add((each.id, each.run_id))
                activity.heartbeat(before + len(deleted))
            empty = 0 if found else empty + 1
            activity.heartbeat(before + len(deleted))
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        return Purged(processes=before + len(deleted))

    async def _delete(self, workflow_id: str, run_id: str) -> bool:
        """Terminates it first if it runs. False when it was gone."""
        request = DeleteWorkflowExecutionRequest(
            namespace=self._client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
        )
        try:
            await self._client.workflow_service.delete_workflow_execution(request)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    @activity.defn(name=DELETE_ROWS.name)
    async def delete_tenant_rows(self, given: DeletionInput) -> Deleted:
        """Table by table, a batch a transaction, and the files. Rows are counted in the report too, which outlives a step
        that died."""
        rows = 0
        for table in deleted_tables():
            while True:
                async with self._database.system() as tx:
                    gone = await tenant_deletion.delete_rows(tx, given.tenant_id, table.name, ROWS_AT_A_TIME)
                rows += gone
                activity.heartbeat()
                if gone < ROWS_AT_A_TIME:
                    break
        await self._sweep.all()
        return Deleted(rows=rows)

    @activity.defn(name=FINISH_DELETION.name)
    async def finish_tenant_deletion(self, given: FinishInput) -> Deleted:
        """The tenant's own row, last."""
        deletion = DeletionInput(tenant_id=given.tenant_id, deletion_id=given.deletion_id)
        async with self._database.system() as tx:
            rows = await tenant_deletion.finish(tx, deletion, given.processes)
        log.warning("tenant deleted", tenant_id=given.tenant_id, rows=rows, processes=given.processes)
        return Deleted(rows=rows)
