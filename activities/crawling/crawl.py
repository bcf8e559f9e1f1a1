"""The steps of a crawl: begin it, fetch what waits, end it. What is done shows in the rows.

A step that died goes on with the address at hand: every other one is asked for once in a run. Each is settled in one
transaction, its bytes added to the run's job as a file included; the job is read, split, embedded and published by the
ingestion of its source when the crawl ends.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import structlog
from temporalio import activity
from temporalio.client import Client

from activities.crawling.politeness import Politeness
from activities.crawling.site import Site
from activities.crawling.visit import Visit, Visits
from activities.ingestion.beating import beating
from activities.ingestion.ingest import classified
from activities.reading.port import Reader
from models import processes, schedules
from models.contracts.crawl import (
    BEGIN_CRAWL,
    END_CRAWL,
    FETCH_PAGES,
    AddressKind,
    BeginCrawlInput,
    CrawlBegun,
    CrawlEnded,
    CrawlStatus,
    EndCrawlInput,
    FetchPagesInput,
    PagesFetched,
    PageState,
)
from models.contracts.enums import FileStatus
from models.contracts.ingest import IngestInput
from models.repositories import crawl_pages, crawls, ingest_files, knowledge, staging
from models.repositories.crawl_pages import OUTSIDE, Address, Queued, Tally
from models.repositories.crawls import Crawl
from models.repositories.ingest_files import NewFile
from runtime.database import Database, TenantTx
from runtime.egress import Egress

log = structlog.get_logger(__name__)

BATCH_SECONDS = 60.0
"""A batch ends after so long, however slow its site is."""
MAX_SITEMAPS = 50
ADDRESSES_PER_PAGE = 5
"""A crawl remembers so many addresses for each page that it may fetch; what it finds beyond is passed over."""
QUERIES_OF_A_PATH = 100
"""Of addresses that differ only behind the question mark, no more are asked for: calendars and filters have no end."""
MAX_PAGES, NO_ROOM = "max_pages", "no_room"


@dataclass(frozen=True, slots=True)
class CrawlLimits:
    """`pause` is in seconds. `bytes` is what one run may fetch, `tenant_bytes` what a tenant's knowledge may have."""

    pause: float
    bytes: int
    tenant_bytes: int


class CrawlSteps:
    """Holds what the steps need."""

    def __init__(self, database: Database, client: Client, egress: Egress, reader: Reader, limits: CrawlLimits):
        self._database = database
        self._client = client
        self._egress = egress
        self._reader = reader
        self._limits = limits
        self._politeness = Politeness()

    @activity.defn(name=BEGIN_CRAWL.name)
    async def begin_crawl(self, given: BeginCrawlInput) -> CrawlBegun:
        """See CrawlBegun. A schedule that its crawl knows nothing of (any more) ends here."""
        with classified():
            async with self._database.tenant(given.tenant_id) as tx:
                crawl = await crawls.get(tx, given.crawl_id)
                if not given.scheduled or (crawl is not None and crawl.definition.every_hours is not None):
                    return CrawlBegun(begun=await begin(tx, given.crawl_id, _workflow(), scheduled=given.scheduled))
            await schedules.delete_crawl(self._client, given.tenant_id, given.crawl_id)
            return CrawlBegun(begun=False)

    @activity.defn(name=FETCH_PAGES.name)
    async def fetch_pages(self, given: FetchPagesInput) -> PagesFetched:
        """See FetchPagesInput."""
        with classified():
            return await fetch(self._database, self._visits, self._limits, given, _workflow(), activity.heartbeat)

    @activity.defn(name=END_CRAWL.name)
    async def end_crawl(self, given: EndCrawlInput) -> CrawlEnded:
        """Settle what is left, have withdrawn what is gone, and start the ingestion. Safe to repeat."""
        with classified():
            async with self._database.tenant(given.tenant_id) as tx:
                ended = await end(tx, self._limits, given, _workflow())
                crawl = await crawls.get(tx, given.crawl_id)
            if crawl is not None and crawl.job_id is not None:
                start = IngestInput(
                    tenant_id=given.tenant_id, source_id=crawl.source_id, job_id=crawl.job_id, reads_files=True
                )
                await processes.ingest(self._client, start)
            return ended

    def _visits(self, crawl: Crawl) -> Visits:
        return Visits(Site(crawl.definition), self._egress, self._reader, self._politeness, self._limits.pause)


def _workflow() -> str:
    found = activity.info().workflow_id
    assert found is not None, "a workflow calls it"
    return found


async def begin(tx: TenantTx, crawl_id: UUID, workflow_id: str, *, scheduled: bool) -> bool:
    """Queue the crawl's own address, and all that former runs have found; whether this process is to go on."""
    given = await crawls.begin(tx, crawl_id, workflow_id, scheduled=scheduled)
    if given is None:
        return False
    crawl, begins = given
    if begins:
        site = Site(crawl.definition)
        await crawl_pages.restart(tx, crawl)
        await crawl_pages.add(tx, crawl.id, site.seeds())
        waiting = await crawl_pages.addresses(tx, crawl.id)
        outside = [id_ for id_, address in waiting.items() if not site.follows(address)]
        await crawl_pages.leave(tx, crawl.id, PageState.SKIPPED, OUTSIDE, only=outside)
    return True


async def fetch(
    database: Database,
    visits_of: Callable[[Crawl], Visits],
    limits: CrawlLimits,
    given: FetchPagesInput,
    workflow_id: str,
    beat: Callable[[], None],
) -> PagesFetched:
    """One address after the other."""
    clock = asyncio.get_running_loop().time
    until = clock() + BATCH_SECONDS
    visits: Visits | None = None
    done = 0
    while done < given.limit and clock() < until:
        async with database.tenant(given.tenant_id) as tx:
            crawl = await crawls.running(tx, given.crawl_id, workflow_id)
            page = None if crawl is None else await _next(tx, crawl, limits)
        if crawl is None or page is None:
            return PagesFetched(pages=done, more=False)
        visits = visits or visits_of(crawl)
        visit = await beating(_visited(visits, page), beat)
        async with database.tenant(given.tenant_id) as tx:
            if await crawls.running(tx, given.crawl_id, workflow_id) is None:
                return PagesFetched(pages=done, more=False)
            await _settle(tx, crawl, limits, page, visit)
        if visit.wait_seconds:
            return PagesFetched(pages=done, more=True, wait_seconds=visit.wait_seconds)
        done += 1
        beat()
    return PagesFetched(pages=done, more=True)


async def _next(tx: TenantTx, crawl: Crawl, limits: CrawlLimits) -> Queued | None:
    tally = await crawl_pages.tally(tx, crawl.id)
    if tally.size >= limits.bytes:
        return None
    full = tally.asked >= crawl.definition.max_pages
    return await crawl_pages.next_queued(tx, crawl.id, sitemaps_only=full)


async def _visited(visits: Visits, page: Queued) -> Visit:
    try:
        return await visits.visit(page)
    except Exception as error:  # noqa: BLE001  # whatever it is, the addresses behind this one are asked for
        # The kind alone: messages may quote the page.
        log.warning("address_not_visited", page_id=str(page.id), cause=type(error).__name__)
        return Visit(PageState.FAILED, "defect")


async def _settle(tx: TenantTx, crawl: Crawl, limits: CrawlLimits, page: Queued, visit: Visit) -> None:
    """Write what became of an address, add its bytes to the job, and queue where it leads."""
    values: dict[str, object] = {
        "state": visit.state,
        "reason": visit.reason,
        "status": visit.status,
        "attempts": page.attempts + visit.asked,
    }
    tally = await crawl_pages.tally(tx, crawl.id)
    if visit.content is not None:
        values |= await _taken_in(tx, crawl, limits, tally, page, visit, visit.content)
    await crawl_pages.settle(tx, page.id, values)
    await crawl_pages.add(tx, crawl.id, await _bounded(tx, crawl, tally, visit))


async def _taken_in(
    tx: TenantTx, crawl: Crawl, limits: CrawlLimits, tally: Tally, page: Queued, visit: Visit, content: bytes
) -> dict[str, object]:
    held = await knowledge.held(tx)
    if tally.size + len(content) > limits.bytes or held.bytes + len(content) > limits.tenant_bytes:
        return {"state": PageState.FAILED, "reason": NO_ROOM}
    assert crawl.job_id is not None, "a run has a job"
    file = NewFile(name=page.url, content=content, uri=page.url, language=crawl.definition.language)
    status = await ingest_files.add(tx, crawl.source_id, crawl.job_id, file)
    return {
        "state": PageState.UNCHANGED if status is FileStatus.UNCHANGED else PageState.FETCHED,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "etag": visit.etag,
        "last_modified": visit.last_modified,
    }


async def _bounded(tx: TenantTx, crawl: Crawl, tally: Tally, visit: Visit) -> list[Address]:
    """Of the links of a page those that there is room for, whatever it leads to."""
    sitemaps = [each for each in visit.links if each.kind is AddressKind.SITEMAP]
    pages = [each for each in visit.links if each.kind is AddressKind.PAGE]
    paths = {each.url.partition("?")[0] for each in pages if "?" in each.url}
    queries = await crawl_pages.queries_of(tx, crawl.id, sorted(paths)) if paths else {}
    kept = sitemaps[: max(0, MAX_SITEMAPS - tally.sitemaps)]
    room = ADDRESSES_PER_PAGE * crawl.definition.max_pages - tally.addresses
    for each in pages:
        path, mark, _ = each.url.partition("?")
        if mark:
            queries[path] = queries.get(path, 0) + 1
        if len(kept) < room and queries.get(path, 0) <= QUERIES_OF_A_PATH:
            kept.append(each)
    return kept


async def end(tx: TenantTx, limits: CrawlLimits, given: EndCrawlInput, workflow_id: str) -> CrawlEnded:
    """A run that failed or was cancelled withdraws nothing; what it has fetched is read all the same."""
    crawl = await crawls.running(tx, given.crawl_id, workflow_id)
    if crawl is None or crawl.job_id is None:
        return CrawlEnded()
    withdrawn = 0
    error = given.error
    if error is None:
        # What found no room may be asked for next time; what is one too many is none of the crawl's.
        full = (await crawl_pages.tally(tx, crawl.id)).size >= limits.bytes
        state, reason = (PageState.FAILED, NO_ROOM) if full else (PageState.SKIPPED, MAX_PAGES)
        await crawl_pages.leave(tx, crawl.id, state, reason)
        gone = await crawl_pages.withdrawn(tx, crawl.id)
        withdrawn = await staging.stage_withdrawals(tx, crawl.source_id, crawl.job_id, gone)
        error = await crawl_pages.first_failure(tx, crawl.id)
    await crawls.end(tx, crawl.id, CrawlStatus.DONE if error is None else CrawlStatus.FAILED, error)
    await staging.announce(tx, crawl.source_id, crawl.job_id)
    return CrawlEnded(withdrawn=withdrawn)
