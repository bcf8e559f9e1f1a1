"""The order of a re-index: filled until complete, switched, and the old vectors dropped a while after."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from models.contracts.reindex import (
    BEGIN_REINDEX,
    DROP_VECTORS,
    FILL_SPACE,
    REINDEX,
    SWITCH_SPACE,
    BeginReindexInput,
    Begun,
    DropInput,
    Dropped,
    Filled,
    FillInput,
    ReindexInput,
    Switched,
    SwitchInput,
)
from models.contracts.routing import KNOWLEDGE_QUEUE, reindex_id
from workflows import policies
from workflows.policies import OLD_SPACE_KEPT
from workflows.reindex import ReindexWorkflow


class Shelves:
    """A tenant's chunks, two to a batch, as places in a walk; `late` come after the walk has passed."""

    def __init__(self, environment: WorkflowEnvironment) -> None:
        self.client: Client = environment.client
        self.tenant, self.reindex = uuid4(), uuid4()
        self.batches, self.late, self.old = 2, 0, 3
        self.taken, self.broken = False, False
        self.steps: list[tuple[str, datetime]] = []
        self.begun: list[UUID | None] = []
        self.errors: list[str | None] = []

    @property
    def order(self) -> list[str]:
        return [step for step, _ in self.steps]

    def _step(self, name: str) -> None:
        self.steps.append((name, activity.info().started_time))

    @activity.defn(name=BEGIN_REINDEX.name)
    async def begin(self, given: BeginReindexInput) -> Begun:
        self._step("begin")
        self.begun.append(given.reindex_id)
        return Begun() if self.taken else Begun(reindex_id=self.reindex)

    @activity.defn(name=FILL_SPACE.name)
    async def fill(self, given: FillInput) -> Filled:
        self._step("fill")
        if self.broken:
            raise ApplicationError("refused", type="RejectedError", non_retryable=True)
        place = 0 if given.after is None else given.after.int
        more = place + 1 < self.batches
        return Filled(chunks=2, after=UUID(int=place + 1) if more else None)

    @activity.defn(name=SWITCH_SPACE.name)
    async def switch(self, given: SwitchInput) -> Switched:
        self._step("switch")
        self.errors.append(given.error)
        missing, self.late = self.late, 0
        return Switched(missing=missing)

    @activity.defn(name=DROP_VECTORS.name)
    async def drop(self, given: DropInput) -> Dropped:
        self._step("drop")
        gone, self.old = min(self.old, 2), max(0, self.old - 2)
        return Dropped(vectors=gone)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator["Shelves"]:
        steps: list[Callable[..., Any]] = [self.begin, self.fill, self.switch, self.drop]
        async with Worker(
            self.client,
            task_queue=KNOWLEDGE_QUEUE,
            workflows=[ReindexWorkflow],
            activities=steps,
            max_cached_workflows=0,
        ):
            yield self

    async def start(self, reindex: UUID | None = None) -> WorkflowHandle[Any, Any]:
        return await self.client.start_workflow(
            REINDEX.name,
            ReindexInput(tenant_id=self.tenant, reindex_id=reindex),
            id=reindex_id(self.tenant, reindex or "scheduled"),
            task_queue=KNOWLEDGE_QUEUE,
            result_type=REINDEX.output,
        )


@pytest.fixture
async def shelves(skipping: WorkflowEnvironment) -> AsyncIterator[Shelves]:
    async with Shelves(skipping).worker() as shelves:
        yield shelves


async def test_it_fills_switches_and_drops_what_nobody_searches_any_more(shelves: Shelves) -> None:
    done = await (await shelves.start(shelves.reindex)).result()
    assert shelves.order == ["begin", "fill", "fill", "switch", "drop", "drop", "drop"]
    assert (done.reindex_id, done.dropped) == (shelves.reindex, 3)
    at = dict(reversed(shelves.steps))
    assert at["drop"] - at["switch"] >= OLD_SPACE_KEPT - timedelta(seconds=1)


async def test_what_came_late_is_filled_before_the_switch(shelves: Shelves) -> None:
    shelves.late = 1
    await (await shelves.start(shelves.reindex)).result()
    assert shelves.order[:7] == ["begin", "fill", "fill", "switch", "fill", "fill", "switch"]


async def test_a_schedules_run_makes_its_record_and_gives_way_to_another(shelves: Shelves) -> None:
    assert (await (await shelves.start()).result()).reindex_id == shelves.reindex
    assert shelves.begun == [None]
    shelves.taken = True
    assert (await (await shelves.start()).result()).reindex_id is None
    assert shelves.order[-1] == "begin"


async def test_a_failure_ends_the_record_and_nothing_is_dropped(shelves: Shelves) -> None:
    shelves.broken = True
    with pytest.raises(WorkflowFailureError):
        await (await shelves.start(shelves.reindex)).result()
    assert shelves.errors == ["RejectedError"]
    assert "drop" not in shelves.order


async def test_a_long_one_continues_where_it_was(shelves: Shelves, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "BATCHES_PER_RUN", 3)
    shelves.batches = 8
    handle = await shelves.start(shelves.reindex)
    assert (await handle.result()).reindex_id == shelves.reindex
    assert (await handle.describe()).run_id != handle.first_execution_run_id
    assert shelves.order.count("begin") == 1
    assert shelves.order.count("fill") == shelves.batches
