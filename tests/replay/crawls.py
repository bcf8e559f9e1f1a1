"""The outcomes of a crawl, played on scripted steps."""

from contextlib import suppress
from typing import Any

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from tests.workflow.test_crawl import BUSY, LAST, MORE, Spider

Handle = WorkflowHandle[Any, Any]


async def done(environment: WorkflowEnvironment) -> Handle:
    """Two runs: the first waits for its site, and the second is asked for before it has ended."""
    spider = Spider(environment)
    spider.batches = [MORE, BUSY, MORE, LAST]
    spider.during["end"] = spider.ask
    async with spider.worker():
        await spider.ask()
        await spider.handle.result()
        return spider.handle


async def failed(environment: WorkflowEnvironment) -> Handle:
    def refuse() -> None:
        raise ApplicationError("refused", type="RejectedError", non_retryable=True)

    spider = Spider(environment)
    spider.during["fetch"] = refuse
    async with spider.worker():
        await spider.ask()
        with suppress(WorkflowFailureError):
            await spider.handle.result()
        return spider.handle
