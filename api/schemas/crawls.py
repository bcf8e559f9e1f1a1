"""Requests and responses about sites that are crawled."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StrictInt, StringConstraints

from api.schemas.base import Instant, Name, PageQuery, Request, Response
from api.schemas.knowledge import Tag
from models.contracts.crawl import AddressKind, CrawlMode, CrawlStatus, PageState
from models.contracts.enums import FileStatus, Language
from models.repositories.crawl_pages import Page
from models.repositories.crawls import Counts, Crawl, Definition
from runtime.egress import check_url

ADDRESS_CHARACTERS = 1000


def _path(value: str) -> str:
    """Written as the addresses are that it is compared with."""
    return check_url(f"https://localhost{value}").path


Prefix = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, pattern=r"^/[^#\s\\]*$"),
    AfterValidator(_path),
    Field(examples=["/help/"]),
]


class CrawlIn(Request):
    """What to fetch into a source. A source has one crawl: this takes the place of the one before."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "help", "url": "https://example.com/help/", "mode": "site", "include": ["/help/"]}]
        }
    )

    name: Name = Field(description="The source's name.")
    url: Annotated[str, StringConstraints(min_length=1, max_length=ADDRESS_CHARACTERS)] = Field(
        description="Where to begin, on the public internet, over https or http."
    )
    mode: CrawlMode = Field(
        CrawlMode.SITE,
        description="`page`: this address alone; `site`: what it leads to on its own host; `sitemap`: what its sitemap lists.",
    )
    max_pages: StrictInt = Field(200, ge=1, description="Pages that a run asks for, whatever comes of them.")
    max_depth: StrictInt = Field(5, ge=0, le=50, description="Links between the address and a page.")
    include: list[Prefix] = Field([], max_length=50, description="Beginnings of paths; empty: all of the site.")
    exclude: list[Prefix] = Field([], max_length=50, description="Beginnings of paths, even of included ones.")
    tags: list[Tag] | None = Field(None, max_length=20, description="Left out, a known source keeps its tags.")
    language: Language | None = Field(None, description="Found out from the pages, if left out.")
    every_hours: StrictInt | None = Field(
        None, ge=1, le=24 * 90, description="Run it again so often; left out, only when asked."
    )

    def definition(self, url: str) -> Definition:
        """`url`: the address as it was read."""
        return Definition(
            url=url,
            mode=self.mode,
            max_pages=self.max_pages,
            max_depth=self.max_depth,
            include=self.include,
            exclude=self.exclude,
            language=self.language,
            every_hours=self.every_hours,
        )

    @property
    def every(self) -> timedelta | None:
        return None if self.every_hours is None else timedelta(hours=self.every_hours)


class PagesOut(Response):
    """How many addresses of the latest run are in each state."""

    queued: int = 0
    fetched: int = 0
    unchanged: int = 0
    gone: int = 0
    skipped: int = 0
    failed: int = 0


class CrawlOut(Response):
    """A crawl with its latest run. `done`: all is fetched; how much of it is knowledge is told by the job."""

    id: UUID
    source_id: UUID
    job_id: UUID | None
    url: str
    mode: CrawlMode
    max_pages: int
    max_depth: int
    include: list[str]
    exclude: list[str]
    language: Language | None
    every_hours: int | None
    status: CrawlStatus
    error: str | None = Field(description="Why it failed, in one word.")
    pages: PagesOut
    bytes: int = Field(description="Fetched by the latest run.")
    started_at: Instant | None
    ended_at: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, crawl: Crawl, counts: Counts) -> "CrawlOut":
        definition = crawl.definition
        return cls(
            id=crawl.id,
            source_id=crawl.source_id,
            job_id=crawl.job_id,
            url=definition.url,
            mode=definition.mode,
            max_pages=definition.max_pages,
            max_depth=definition.max_depth,
            include=list(definition.include),
            exclude=list(definition.exclude),
            language=definition.language,
            every_hours=definition.every_hours,
            status=crawl.status,
            error=crawl.error,
            pages=PagesOut(**{state.value: number for state, number in counts.states.items()}),
            bytes=counts.size,
            started_at=crawl.started_at,
            ended_at=crawl.ended_at,
            created_at=crawl.created_at,
        )


class CrawlsQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")


class CrawlPageOut(Response):
    """What became of an address; of a page that was fetched also what reading made of its bytes (`file_*`, `advice`)."""

    id: UUID
    url: str
    kind: AddressKind
    depth: int
    state: PageState
    reason: str | None = Field(description="Why, in one word that stays the same.")
    status: int | None = Field(description="Of the HTTP response.")
    size: int | None
    file_status: FileStatus | None
    file_reason: str | None
    advice: str | None

    @classmethod
    def of(cls, page: Page) -> "CrawlPageOut":
        return cls(**{name: getattr(page, name) for name in cls.model_fields})


class CrawlPagesQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")
    state: PageState | None = None
