"""A source's site is fetched: address by address, in batches, until none is left; then its source is ingested.

What is fetched shows in the records, so a run can be killed, or continue as new, anywhere. It ends before its next address
when its record says that it was cancelled.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from models.contracts.crawl import (
        ASKED,
        BEGIN_CRAWL,
        CRAWL,
        END_CRAWL,
        FETCH_PAGES,
        BeginCrawlInput,
        CrawlAsked,
        Crawled,
        CrawlInput,
        EndCrawlInput,
        FetchPagesInput,
    )
    from workflows.calls import call
    from workflows.ingest import kind_of
    from workflows.policies import BATCHES_PER_RUN


@workflow.defn(name=CRAWL.name)
class CrawlWorkflow:
    """See the module. A run that fails withdraws nothing; what it has fetched becomes knowledge."""

    @workflow.init
    def __init__(self, start: CrawlInput) -> None:
        self._start = start
        self._again = start.again
        self._pages = 0

    @workflow.signal(name=ASKED.name)
    def crawl_asked(self, _: CrawlAsked) -> None:
        """A run was queued; it may be after the one before was cancelled, and before its process knows."""
        self._again = True

    @workflow.run
    async def run(self, _: CrawlInput) -> Crawled:
        if self._start.begun:
            await self._go_on()
        else:
            self._again = True
        while self._again:
            self._again = False
            begin = BeginCrawlInput(
                tenant_id=self._start.tenant_id, crawl_id=self._start.crawl_id, scheduled=self._start.scheduled
            )
            if (await call(BEGIN_CRAWL, begin, self._start.tenant_id)).begun:
                await self._go_on()
            else:
                workflow.set_current_details("There is nothing to do: it was ended, or another run is under way.")
        return Crawled(pages=self._pages)

    async def _go_on(self) -> None:
        try:
            await self._end(await self._fetch())
        except (ActivityError, asyncio.CancelledError) as error:
            await self._end(kind_of(error))
            raise

    async def _end(self, error: str | None) -> None:
        tenant = self._start.tenant_id
        ended = await call(
            END_CRAWL, EndCrawlInput(tenant_id=tenant, crawl_id=self._start.crawl_id, error=error), tenant
        )
        workflow.set_current_details(
            f"Failed: {error}. Nothing is withdrawn." if error else f"Done; {ended.withdrawn} documents are withdrawn."
        )

    async def _fetch(self) -> str | None:
        """Fetch until nothing is left. Returns why that was given up, in a word."""
        tenant, crawl = self._start.tenant_id, self._start.crawl_id
        batches, waits = 0, self._start.waits
        while True:
            fetched = await call(FETCH_PAGES, FetchPagesInput(tenant_id=tenant, crawl_id=crawl), tenant)
            self._pages += fetched.pages
            workflow.set_current_details(f"Fetching: {self._pages} addresses done in this run.")
            if not fetched.more:
                return None
            if fetched.wait_seconds:
                if not waits:
                    return "site_busy"
                waits -= 1
                await workflow.sleep(timedelta(seconds=fetched.wait_seconds))
            batches += 1
            if batches >= BATCHES_PER_RUN or workflow.info().is_continue_as_new_suggested():
                carried = {"begun": True, "again": self._again, "waits": waits}
                workflow.continue_as_new(self._start.model_copy(update=carried))
