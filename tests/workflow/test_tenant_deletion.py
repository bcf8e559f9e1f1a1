"""A tenant's deletion waits for its grace, and the records have the last word: on a server whose clock jumps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from models import processes
from models.contracts.routing import OPERATIONS_QUEUE, deletion_id
from models.contracts.tenant_life import (
    BEGIN_DELETION,
    DELETE_ROWS,
    DELETION_CHANGED,
    FINISH_DELETION,
    PURGE_PROCESSES,
    Deleted,
    DeletionChanged,
    DeletionInput,
    DeletionTurn,
    FinishInput,
    Purged,
)
from workflows.tenant_deletion import TenantDeletionWorkflow


class Records:
    """A deletion by its records, with steps that note what they do."""

    def __init__(self, environment: WorkflowEnvironment, grace: timedelta) -> None:
        self.environment = environment
        self.given = DeletionInput(tenant_id=uuid4(), deletion_id=uuid4())
        self.grace = grace
        self.cancelled = False
        self.steps: list[str] = []
        self.processes = 0
        self.looked = asyncio.Event()
        self.stumbles = 0

    async def open(self) -> None:
        self.due_at = await self.environment.get_current_time() + self.grace

    @activity.defn(name=BEGIN_DELETION.name)
    async def begin(self, _: DeletionInput) -> DeletionTurn:
        self.looked.set()
        if self.cancelled:
            return DeletionTurn(wait_seconds=None)
        left = (self.due_at - await self.environment.get_current_time()).total_seconds()
        return DeletionTurn(wait_seconds=max(0.0, left))

    @activity.defn(name=PURGE_PROCESSES.name)
    async def purge(self, _: DeletionInput) -> Purged:
        self.steps.append("purge")
        return Purged(processes=2 if self.steps.count("purge") == 1 else 1)

    @activity.defn(name=DELETE_ROWS.name)
    async def rows(self, _: DeletionInput) -> Deleted:
        self.steps.append("rows")
        if self.stumbles:
            self.stumbles -= 1
            raise ApplicationError("away")
        return Deleted(rows=10)

    @activity.defn(name=FINISH_DELETION.name)
    async def finish(self, given: FinishInput) -> Deleted:
        self.steps.append("finish")
        self.processes = given.processes
        return Deleted(rows=11)

    @property
    def handle(self) -> WorkflowHandle[object, object]:
        return self.environment.client.get_workflow_handle(deletion_id(self.given.deletion_id))

    async def pass_time(self) -> None:
        """Past the grace, and to the end. Asking for the result alone would not move the clock."""
        await self.environment.sleep(self.grace + timedelta(minutes=1))
        await self.handle.result()

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """Every task is replayed from the start."""
        async with Worker(
            self.environment.client,
            task_queue=OPERATIONS_QUEUE,
            workflows=[TenantDeletionWorkflow],
            activities=[self.begin, self.purge, self.rows, self.finish],
            max_cached_workflows=0,
        ):
            yield


@pytest.fixture
async def records(skipping: WorkflowEnvironment) -> AsyncIterator[Records]:
    records = Records(skipping, timedelta(hours=72))
    await records.open()
    async with records.worker():
        await processes.deletion(skipping.client, records.given)
        async with asyncio.timeout(10):
            await records.looked.wait()
        yield records


async def test_it_begins_when_the_grace_is_over(records: Records) -> None:
    await records.environment.sleep(timedelta(hours=71, minutes=59))
    assert records.steps == []
    await records.pass_time()
    assert records.steps == ["purge", "rows", "purge", "finish"]
    assert records.processes == 3


async def test_called_off_it_does_nothing(records: Records) -> None:
    await records.environment.sleep(timedelta(hours=1))
    records.cancelled = True
    await processes.deletion(records.environment.client, records.given)
    await records.handle.result()
    assert records.steps == []
    assert await records.environment.get_current_time() < records.due_at


async def test_called_off_without_being_told_it_does_nothing_either(records: Records) -> None:
    records.cancelled = True
    await records.pass_time()
    assert records.steps == []


async def test_brought_forward_it_begins_at_once(records: Records) -> None:
    due_at, records.due_at = records.due_at, await records.environment.get_current_time()
    await records.handle.signal(DELETION_CHANGED.name, DeletionChanged())
    await records.handle.result()
    assert records.steps == ["purge", "rows", "purge", "finish"]
    assert await records.environment.get_current_time() < due_at


async def test_a_step_is_tried_until_it_works(records: Records) -> None:
    records.stumbles = 3
    await records.pass_time()
    assert records.steps == ["purge", *["rows"] * 4, "purge", "finish"]
