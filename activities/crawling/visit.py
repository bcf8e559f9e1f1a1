"""One address: asked for as its site allows, and what the answer means."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from protego import Protego

from activities.crawling.politeness import Politeness
from activities.crawling.robots import AGENT, delay_of, forbidden_by, robots_of
from activities.crawling.site import Site
from activities.provider.http import retry_after
from activities.reading.port import Links, Reader, UnreadableError
from models.contracts.crawl import AddressKind, PageState
from models.repositories.crawl_pages import OUTSIDE, Address, Queued
from runtime.egress import Egress, EgressError, Fetched, TooLongError, TooSlowError, UrlError

ACCEPT = "text/html, application/xhtml+xml, application/pdf;q=0.9, */*;q=0.5"
ATTEMPTS = 3
"""At an address whose site has too much to do; then it is left for the next run."""
PATIENCE, LONGEST_WAIT = 30.0, 300.0
"""Seconds that such a site is left alone if it does not say how many, and the most that it can ask for."""
BUSY = frozenset({429, 503})
GONE = frozenset({404, 410})
MOVED = frozenset({301, 302, 303, 307, 308})
FOR_GOOD = frozenset({301, 308})

MAX_VALIDATOR = 200
"""Characters of an ETag; a longer one is not kept."""

MARKUP = frozenset({"", "text/html", "application/xhtml+xml"})
NO_PAGES = ("image/", "audio/", "video/", "font/")
NO_PAGE = frozenset(
    {"text/css", "text/javascript", "text/xml", "application/javascript", "application/xml"}
    | {"application/rss+xml", "application/atom+xml", "application/wasm"}
)


@dataclass(frozen=True, slots=True)
class Visit:
    """What became of an address. `content` is what its page says, if that is wanted and new.

    QUEUED: the site has too much to do; ask again after `wait_seconds`.
    """

    state: PageState
    reason: str | None = None
    status: int | None = None
    content: bytes | None = None
    etag: str | None = None
    last_modified: str | None = None
    links: Sequence[Address] = ()
    wait_seconds: float = 0.0
    asked: bool = True
    """Whether it was asked for at all."""


@dataclass
class Visits:
    """Visits to one site, a few at a time. `pause` is in seconds, between two requests."""

    site: Site
    egress: Egress
    reader: Reader
    politeness: Politeness
    pause: float
    _robots: dict[str, Protego | None] = field(default_factory=dict)
    """By origin. Asked for anew with each batch, so that a change is heard within minutes."""

    async def visit(self, page: Queued) -> Visit:
        """Ask for an address. Nothing is raised for what the site does."""
        origin, host = _place(page.url)
        if origin not in self._robots:
            async with self.politeness.turn(host, self.pause):
                self._robots[origin] = await robots_of(self.egress, origin)
        robots = self._robots[origin]
        if robots is None:
            return Visit(PageState.FAILED, "robots_unreachable", asked=False)
        if not robots.can_fetch(page.url, AGENT):
            return Visit(PageState.SKIPPED, "robots", asked=False)
        try:
            async with self.politeness.turn(host, max(self.pause, delay_of(robots))):
                fetched = await self.egress.fetch(page.url, headers=_headers(page))
        except UrlError:
            return Visit(PageState.FAILED, "not_allowed")
        except EgressError as error:
            return Visit(PageState.FAILED, _why(error))
        return replace(await self._judged(page, fetched), status=fetched.status)

    async def _judged(self, page: Queued, fetched: Fetched) -> Visit:
        status = fetched.status
        if status == 200:
            return await self._read(page, fetched)
        if status == 304 and (page.etag or page.last_modified):
            return Visit(PageState.UNCHANGED, etag=page.etag, last_modified=page.last_modified)
        if status in GONE:
            return Visit(PageState.GONE)
        if status in MOVED and (location := fetched.headers.get("location")):
            return self._moved(page, location, for_good=status in FOR_GOOD)
        if status in BUSY and page.attempts + 1 < ATTEMPTS:
            wait = retry_after(fetched.headers)
            return Visit(PageState.QUEUED, wait_seconds=min(PATIENCE if wait is None else wait, LONGEST_WAIT))
        return Visit(PageState.FAILED, "http_error")

    def _moved(self, page: Queued, location: str, *, for_good: bool) -> Visit:
        """Never followed at once: where it leads is an address like every other, with rules and a turn of its own."""
        target = self.site.joined(page.url, location)
        if target is None:
            # A site that is down for an hour sends its visitors elsewhere, too.
            return Visit(PageState.SKIPPED if for_good else PageState.FAILED, "off_site")
        return Visit(PageState.SKIPPED, "redirected", links=self.site.following([target], page.kind, page.depth))

    async def _read(self, page: Queued, fetched: Fetched) -> Visit:
        if page.kind is AddressKind.SITEMAP:
            return await self._read_sitemap(page, fetched)
        if fetched.media_type.startswith(NO_PAGES) or fetched.media_type in NO_PAGE:
            return Visit(PageState.SKIPPED, "not_a_page")
        said = Links() if fetched.media_type not in MARKUP else await self._said(page, fetched.body)
        forbidden = forbidden_by(", ".join(fetched.headers.get_list("x-robots-tag")))
        follow = said.follow and not forbidden & {"nofollow", "none"}
        links = self.site.following(said.pages, AddressKind.PAGE, page.depth + 1) if follow else []
        if not said.index or forbidden & {"noindex", "none"}:
            return Visit(PageState.SKIPPED, "noindex", links=links)
        if said.canonical is not None and (own := self.site.address(said.canonical)) != page.url:
            elsewhere = [] if own is None else self.site.following([own], AddressKind.PAGE, page.depth)
            return Visit(PageState.SKIPPED, "canonical", links=[*elsewhere, *links])
        if not self.site.wants(page.url):
            return Visit(PageState.SKIPPED, OUTSIDE, links=links)
        headers = fetched.headers
        return Visit(
            PageState.FETCHED,
            content=fetched.body,
            etag=_sendable(headers.get("etag")),
            last_modified=_sendable(headers.get("last-modified")),
            links=links,
        )

    async def _said(self, page: Queued, body: bytes) -> Links:
        try:
            return await self.reader.links(body, page.url, sitemap=False)
        except UnreadableError:
            # Its bytes go on all the same: the report of the files says what is wrong with them.
            return Links()

    async def _read_sitemap(self, page: Queued, fetched: Fetched) -> Visit:
        if urlsplit(page.url).path == "/robots.txt":
            robots = await asyncio.to_thread(Protego.parse, fetched.body.decode(errors="replace"))
            said = Links(sitemaps=tuple(robots.sitemaps))
        else:
            try:
                said = await self.reader.links(fetched.body, page.url, sitemap=True)
            except UnreadableError as error:
                return Visit(PageState.FAILED, error.reason.value)
        sitemaps = self.site.following(said.sitemaps, AddressKind.SITEMAP, page.depth + 1)
        return Visit(PageState.FETCHED, links=[*sitemaps, *self.site.following(said.pages, AddressKind.PAGE, 1)])


def _place(url: str) -> tuple[str, str]:
    """An address's origin, and its host without `www.`, which is the same machine."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", (parts.hostname or "").removeprefix("www.")


def _headers(page: Queued) -> dict[str, str]:
    headers = {"Accept": ACCEPT}
    if page.etag:
        headers["If-None-Match"] = page.etag
    if page.last_modified:
        headers["If-Modified-Since"] = page.last_modified
    return headers


def _sendable(value: str | None) -> str | None:
    """What is to be sent back as a header, if it can be."""
    return value if value and len(value) <= MAX_VALIDATOR and value.isascii() and value.isprintable() else None


def _why(error: EgressError) -> str:
    """In one word that stays the same."""
    if isinstance(error, TooLongError):
        return "too_large"
    return "too_slow" if isinstance(error, TooSlowError) else "unreachable"
