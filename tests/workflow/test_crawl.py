"""The crawl of a site: batches until none is left, pauses, runs that were cancelled and asked for again.

On the real dev server: how a signal meets the end of a run is the server's doing.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from models import processes
from models.contracts.crawl import (
    BEGIN_CRAWL,
    END_CRAWL,
    FETCH_PAGES,
    BeginCrawlInput,
    CrawlBegun,
    Crawled,
    CrawlEnded,
    CrawlInput,
    EndCrawlInput,
    FetchPagesInput,
    PagesFetched,
)
from models.contracts.routing import CRAWLS_QUEUE, KNOWLEDGE_QUEUE, crawl_id
from tests.workflow.servers import dev_server
from workflows.crawl import CrawlWorkflow

MORE, LAST = PagesFetched(pages=2, more=True), PagesFetched(pages=1, more=False)
BUSY = PagesFetched(pages=0, more=True, wait_seconds=0.001)


class Spider:
    """A crawl whose steps are scripted: batches, one after the other, and the last one from then on."""

    def __init__(self, environment: WorkflowEnvironment) -> None:
        self.client = environment.client
        self.tenant, self.crawl = uuid4(), uuid4()
        self.queued = False
        self.waits = 20
        self.batches: list[PagesFetched] = [LAST]
        self.steps: list[str] = []
        self.during: dict[str, Callable[[], Any]] = {}
        """By step: what happens at its next call, once."""

    async def _happens(self, step: str) -> None:
        self.steps.append(step)
        if (event := self.during.pop(step.partition(" ")[0], None)) is not None and (result := event()) is not None:
            await result

    @activity.defn(name=BEGIN_CRAWL.name)
    async def begin(self, given: BeginCrawlInput) -> CrawlBegun:
        assert (given.tenant_id, given.crawl_id) == (self.tenant, self.crawl)
        await self._happens("begin")
        begun, self.queued = self.queued, False
        return CrawlBegun(begun=begun)

    @activity.defn(name=FETCH_PAGES.name)
    async def fetch(self, _: FetchPagesInput) -> PagesFetched:
        await self._happens("fetch")
        return self.batches.pop(0) if len(self.batches) > 1 else self.batches[0]

    @activity.defn(name=END_CRAWL.name)
    async def end(self, given: EndCrawlInput) -> CrawlEnded:
        await self._happens(f"end {given.error}")
        return CrawlEnded()

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(crawl_id(self.tenant, self.crawl), result_type=Crawled)

    async def ask(self) -> None:
        self.queued = True
        start = CrawlInput(tenant_id=self.tenant, crawl_id=self.crawl, waits=self.waits)
        await processes.crawl(self.client, start)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """Every task is replayed from the start."""
        async with (
            Worker(
                self.client,
                task_queue=KNOWLEDGE_QUEUE,
                workflows=[CrawlWorkflow],
                activities=[self.begin, self.end],
                max_cached_workflows=0,
            ),
            Worker(self.client, task_queue=CRAWLS_QUEUE, activities=[self.fetch]),
        ):
            yield


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    async with dev_server(limit__historyCount__suggestContinueAsNew=150) as environment:
        yield environment


@pytest.fixture
def spider(server: WorkflowEnvironment) -> Spider:
    return Spider(server)


async def test_batches_until_nothing_is_left(spider: Spider) -> None:
    spider.batches = [MORE, BUSY, MORE, LAST]
    async with spider.worker():
        await spider.ask()
        assert await spider.handle.result() == Crawled(pages=5)
    assert spider.steps == ["begin", *["fetch"] * 4, "end None"]


async def test_a_run_that_is_asked_for_while_a_cancelled_one_ends(spider: Spider) -> None:
    """Cancelled by its record, and queued again, before its process has noticed."""
    spider.during["end"] = spider.ask
    async with spider.worker():
        await spider.ask()
        await spider.handle.result()
        assert spider.steps == ["begin", "fetch", "end None"] * 2
        await processes.crawl(spider.client, CrawlInput(tenant_id=spider.tenant, crawl_id=spider.crawl))
        await spider.handle.result()
    assert spider.steps[6:] == ["begin"], "nobody had queued it"


async def test_a_site_that_is_always_busy_is_given_up(spider: Spider) -> None:
    spider.batches = [BUSY]
    spider.waits = 1
    async with spider.worker():
        await spider.ask()
        await spider.handle.result()
    assert spider.steps == ["begin", "fetch", "fetch", "end site_busy"]


async def test_a_long_crawl_continues_as_new_and_remembers_who_asked(spider: Spider) -> None:
    spider.batches = [MORE] * 40 + [LAST]
    spider.during["fetch"] = spider.ask
    async with spider.worker():
        await spider.ask()
        first = (await spider.handle.describe()).run_id
        await spider.handle.result()
        assert (await spider.handle.describe()).run_id != first
    assert spider.steps == ["begin", *["fetch"] * 41, "end None", "begin", "fetch", "end None"]


@pytest.mark.parametrize("kind", ["RejectedError", "cancelled"])
async def test_a_failure_ends_the_run_with_its_kind(spider: Spider, kind: str) -> None:
    def refuse() -> None:
        raise ApplicationError("no", type="RejectedError", non_retryable=True)

    spider.during["fetch"] = refuse if kind == "RejectedError" else spider.handle.cancel
    spider.batches = [MORE]
    async with spider.worker():
        await spider.ask()
        with pytest.raises(WorkflowFailureError):
            await spider.handle.result()
    assert spider.steps[-1] == f"end {kind}"
