"""A site as knowledge: which of its pages, and the process that fetches them, politely and again."""

from enum import StrEnum
from uuid import UUID

from models.contracts.base import Activity, Frozen, Signal, Workflow


class CrawlMode(StrEnum):
    """`page`: the address alone; `site`: what it leads to on its own site; `sitemap`: what its sitemap lists."""

    PAGE = "page"
    SITE = "site"
    SITEMAP = "sitemap"


class CrawlStatus(StrEnum):
    """Of a crawl's latest run. `done`: all is fetched; what is made of it is told by its job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def open(self) -> bool:
        return self in (CrawlStatus.QUEUED, CrawlStatus.RUNNING)


class AddressKind(StrEnum):
    PAGE = "page"
    SITEMAP = "sitemap"


class PageState(StrEnum):
    """What became of an address. `fetched`: its bytes are a file of the job; `unchanged`: they are what they were.

    What knowledge has of an address is withdrawn when it is `gone` or `skipped` (by somebody's rule: the site's, or the
    owner's), and stays when it `failed`.
    """

    QUEUED = "queued"
    FETCHED = "fetched"
    UNCHANGED = "unchanged"
    GONE = "gone"
    SKIPPED = "skipped"
    FAILED = "failed"


class CrawlInput(Frozen):
    """`scheduled`: nobody has asked for this run, its time has come. `waits`: how often the crawl may be told to wait by a
    site that has too much to do, before it is given up.

    `begun`, and `again` (another run was asked for), are carried across continue-as-new.
    """

    tenant_id: UUID
    crawl_id: UUID
    scheduled: bool = False
    waits: int = 20
    begun: bool = False
    again: bool = False


class CrawlAsked(Frozen):
    """A run is queued, perhaps while the process of a cancelled one has not ended yet."""


class Crawled(Frozen):
    """How many addresses this run has settled."""

    pages: int = 0


class BeginCrawlInput(Frozen):
    tenant_id: UUID
    crawl_id: UUID
    scheduled: bool = False


class CrawlBegun(Frozen):
    """False: the crawl is gone, was ended, or another run of it is under way."""

    begun: bool


class FetchPagesInput(Frozen):
    """Fetch the next addresses of a crawl, `limit` at most, and for about a minute at most."""

    tenant_id: UUID
    crawl_id: UUID
    limit: int = 50


class PagesFetched(Frozen):
    """`more`: addresses are left. `wait_seconds`: the site asks to be left alone for so long."""

    pages: int
    more: bool
    wait_seconds: float = 0


class EndCrawlInput(Frozen):
    """`error` set: the run failed. It is the kind of the failure, never text.

    A run that failed withdraws nothing."""

    tenant_id: UUID
    crawl_id: UUID
    error: str | None = None


class CrawlEnded(Frozen):
    """How many documents are withdrawn."""

    withdrawn: int = 0


CRAWL = Workflow("crawl", CrawlInput, Crawled)
ASKED = Signal("crawl_asked", CrawlAsked)
BEGIN_CRAWL = Activity("begin_crawl", BeginCrawlInput, CrawlBegun)
FETCH_PAGES = Activity("fetch_pages", FetchPagesInput, PagesFetched)
END_CRAWL = Activity("end_crawl", EndCrawlInput, CrawlEnded)
