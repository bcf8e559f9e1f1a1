"""The process of a lane: worked off again whenever there is more, and at rest while the provider is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from temporalio import activity
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from models import processes
from models.contracts.lanes import DELIVER, Lane, LaneInput, LaneWork, Worked
from models.contracts.routing import CHANNELS_QUEUE, lane_id
from workflows.lane import LaneWorkflow
from workflows.policies import LANE_RESTS

TENANT, ACCOUNT = UUID(int=1), UUID(int=2)
START = LaneInput(tenant_id=TENANT, channel_account_id=ACCOUNT, lane=Lane.OUT)


class Provider:
    """Scripted stretches of work: each call takes the next answer, the last one for all that follow."""

    def __init__(self, environment: WorkflowEnvironment) -> None:
        self._environment = environment
        self.answers: list[Callable[[datetime], Worked]] = [lambda _: Worked()]
        self.at: list[datetime] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    @activity.defn(name=DELIVER.name)
    async def deliver(self, _: LaneWork) -> Worked:
        now = await self._environment.get_current_time()
        self.at.append(now)
        self.begun.set()
        await self.go_on.wait()
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(now)


@pytest.fixture
async def provider(skipping: WorkflowEnvironment) -> AsyncIterator[Provider]:
    provider = Provider(skipping)
    async with _worker(skipping, provider):
        yield provider


@asynccontextmanager
async def _worker(skipping: WorkflowEnvironment, provider: Provider) -> AsyncIterator[None]:
    async with Worker(
        skipping.client,
        task_queue=CHANNELS_QUEUE,
        workflows=[LaneWorkflow],
        activities=[provider.deliver],
        max_cached_workflows=0,
    ):
        yield


async def poke(environment: WorkflowEnvironment) -> WorkflowHandle[object, object]:
    await processes.lane(environment.client, START)
    return environment.client.get_workflow_handle(lane_id(TENANT, ACCOUNT, Lane.OUT))


async def test_it_ends_when_nothing_waits_and_begins_again_when_something_does(
    skipping: WorkflowEnvironment, provider: Provider
) -> None:
    for times in (1, 2):
        await (await poke(skipping)).result()
        assert len(provider.at) == times


async def test_what_is_added_during_the_work_is_looked_for_after_it(
    skipping: WorkflowEnvironment, provider: Provider
) -> None:
    provider.go_on.clear()
    lane = await poke(skipping)
    await provider.begun.wait()
    await poke(skipping)
    provider.go_on.set()
    await lane.result()
    assert len(provider.at) == 2


async def test_it_waits_for_what_is_due_later(skipping: WorkflowEnvironment, provider: Provider) -> None:
    provider.answers = [lambda now: Worked(again_at=now + timedelta(hours=1)), lambda _: Worked()]
    lane = await poke(skipping)
    await skipping.sleep(timedelta(hours=2))
    await lane.result()
    first, second = provider.at
    assert second - first >= timedelta(hours=1)


async def test_a_provider_that_is_away_is_tried_ever_less_often(
    skipping: WorkflowEnvironment, provider: Provider
) -> None:
    provider.answers = [lambda _: Worked(away=True) for _ in range(len(LANE_RESTS) + 2)]
    provider.answers.append(lambda _: Worked())
    lane = await poke(skipping)
    await skipping.sleep(timedelta(minutes=10))
    await lane.result()
    waits = [later - earlier for earlier, later in zip(provider.at, provider.at[1:], strict=False)]
    expected = [*LANE_RESTS, LANE_RESTS[-1], LANE_RESTS[-1]]
    assert len(waits) == len(expected)
    for wait, at_least in zip(waits, expected, strict=True):
        assert at_least <= wait < at_least + timedelta(seconds=5)


async def test_nothing_that_is_added_hurries_a_provider_that_is_away(
    skipping: WorkflowEnvironment, provider: Provider
) -> None:
    provider.answers = [lambda now: Worked(away=True, again_at=now + timedelta(minutes=5)), lambda _: Worked()]
    provider.go_on.clear()
    lane = await poke(skipping)
    await provider.begun.wait()
    await poke(skipping)
    provider.go_on.set()
    await skipping.sleep(timedelta(minutes=10))
    await lane.result()
    first, second = provider.at
    assert second - first >= timedelta(minutes=5)


async def test_a_change_of_the_account_does(skipping: WorkflowEnvironment, provider: Provider) -> None:
    provider.answers = [lambda now: Worked(away=True, again_at=now + timedelta(hours=5)), lambda _: Worked()]
    provider.go_on.clear()
    lane = await poke(skipping)
    await provider.begun.wait()
    await processes.lane(skipping.client, START, anew=True)
    provider.go_on.set()
    await lane.result()
    first, second = provider.at
    assert second - first < timedelta(minutes=1)


async def test_work_that_cannot_be_done_ends_no_lane(skipping: WorkflowEnvironment, provider: Provider) -> None:
    def broken(_: datetime) -> Worked:
        raise ApplicationError("a defect", non_retryable=True)

    provider.answers = [broken, lambda _: Worked()]
    lane = await poke(skipping)
    await lane.result()
    assert (await lane.describe()).status is WorkflowExecutionStatus.COMPLETED
    assert len(provider.at) == 2
