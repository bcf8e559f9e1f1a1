"""A source's crawl, step by step, on a real database and a real site."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from activities.crawling.crawl import CrawlLimits, begin, end, fetch
from activities.crawling.politeness import Politeness
from activities.crawling.site import SCHEMES, Site
from activities.crawling.visit import Visits
from models.contracts.crawl import CrawlMode, CrawlStatus, EndCrawlInput, FetchPagesInput, PagesFetched
from models.repositories import crawl_pages, crawls, staging
from models.repositories.crawl_pages import Page
from models.repositories.crawls import Crawl, Definition
from models.repositories.ingest_files import File
from runtime.egress import Egress, Limits
from runtime.egress.addresses import networks
from tests.service.library import READER, SOURCE, Library, quietly

GOOD, INSIDE = "127.0.0.2", "127.0.0.1"
"""The first stands for the public internet; the second is as private as ever."""
WORKFLOW = "crawl/of/tests"
LIMITS = CrawlLimits(pause=0, bytes=5_000_000, tenant_bytes=50_000_000)


def egress(**changes: Any) -> Egress:
    given = {
        "allowed": networks(f"{GOOD}/32"),
        "schemes": SCHEMES,
        "ports": None,
        "limits": Limits(body_bytes=100_000, seconds=5),
    }
    return Egress(**(given | changes))


@dataclass
class Crawler:
    library: Library
    limits: CrawlLimits = LIMITS
    egress: Egress = field(default_factory=egress)
    id: UUID = field(init=False)

    async def ask(self, url: str, mode: CrawlMode = CrawlMode.SITE, source: str = SOURCE, **changes: Any) -> None:
        """Queue a run."""
        definition = Definition(**{"url": url, "mode": mode, "max_pages": 100, "max_depth": 5, **changes})
        async with self.library.database.tenant(self.library.tenant) as tx:
            found = await crawls.put(tx, await staging.lock_called(tx, source, None), definition)
        assert found is not None
        self.id = found

    async def begin(self, workflow: str = WORKFLOW, *, scheduled: bool = False) -> bool:
        async with self.library.database.tenant(self.library.tenant) as tx:
            return await begin(tx, self.id, workflow, scheduled=scheduled)

    async def fetch(self, limit: int = 1000) -> PagesFetched:
        given = FetchPagesInput(tenant_id=self.library.tenant, crawl_id=self.id, limit=limit)
        return await fetch(self.library.database, self._visits, self.limits, given, WORKFLOW, quietly)

    def _visits(self, crawl: Crawl) -> Visits:
        return Visits(Site(crawl.definition), self.egress, READER, Politeness(), self.limits.pause)

    async def end(self) -> int:
        """How many documents are to be withdrawn."""
        async with self.library.database.tenant(self.library.tenant) as tx:
            given = EndCrawlInput(tenant_id=self.library.tenant, crawl_id=self.id)
            return (await end(tx, self.limits, given, WORKFLOW)).withdrawn

    async def run(self, *, scheduled: bool = False) -> dict[str, str]:
        """One run, and what it has fetched made current; its report by path."""
        await self.only_fetch(scheduled=scheduled)
        await self.publish()
        return await self.report()

    async def only_fetch(self, *, scheduled: bool = False) -> dict[str, str]:
        """One run, or the rest of it, and its report by path."""
        assert await self.begin(scheduled=scheduled)
        while (await self.fetch()).more:
            pass
        await self.end()
        return await self.report()

    async def publish(self) -> int:
        """Make current what the run has brought; how many files were read for it."""
        source = (await self.get()).source_id
        read = await self.library.read(source)
        assert (await self.library.split(source)).remaining == 0
        await self.library.embed(source)
        assert (await self.library.publish(source)).remaining == 0
        return read.files

    async def get(self) -> Crawl:
        async with self.library.database.tenant(self.library.tenant) as tx:
            found = await crawls.get(tx, self.id)
        assert found is not None
        return found

    async def pages(self) -> list[Page]:
        async with self.library.database.tenant(self.library.tenant) as tx:
            return await crawl_pages.page(tx, self.id, limit=2000)

    async def files(self) -> list[File]:
        """Of the run's job."""
        job = (await self.get()).job_id
        assert job is not None
        return await self.library.report(job)

    async def report(self) -> dict[str, str]:
        """By path: the state, and the reason if there is one."""
        return {
            "/" + page.url.split("/", 3)[3]: " ".join(filter(None, (page.state.value, page.reason)))
            for page in await self.pages()
        }

    async def status(self) -> tuple[CrawlStatus, str | None]:
        found = await self.get()
        return found.status, found.error

    async def known(self) -> set[str]:
        """Paths of what is current."""
        return {"/" + name.split("/", 3)[3] for name in await self.library.names()}
