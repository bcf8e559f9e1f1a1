"""A site becomes knowledge: what is asked for, what is not, what changes and goes, and what a hostile site can do."""

import asyncio
import gzip
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from activities.embedding.nano import NanoEmbedder
from models.contracts.crawl import CrawlMode, CrawlStatus
from models.contracts.enums import Language
from models.repositories import crawls, knowledge
from models.repositories.ingest_files import NewFile
from runtime.database import Database
from runtime.egress import Limits
from runtime.embedded import Servers
from tests.fakes.site import Page, Site, html, moved, serving
from tests.service.commands import ROOT
from tests.service.crawling import GOOD, INSIDE, Crawler, egress
from tests.service.library import open_library
from tests.unit.test_egress import answering


@pytest.fixture(scope="module")
async def embedder() -> AsyncIterator[NanoEmbedder]:
    embedder = NanoEmbedder()
    yield embedder
    await embedder.close()


@pytest.fixture
async def crawler(database: Database, tenant: UUID, embedder: NanoEmbedder) -> Crawler:
    return Crawler(await open_library(database, tenant, embedder))


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving(GOOD) as site:
        yield site


def said(number: int) -> str:
    return f"Delivery to town {number} costs {100 * number} tenge and takes {number} days."


def text(body: str, media_type: str = "text/plain") -> Page:
    return Page(body.encode(), media_type)


async def test_a_site_becomes_knowledge(crawler: Crawler, site: Site) -> None:
    site.pages = {
        "/robots.txt": text(
            "User-agent: *\nDisallow: /private*.html\nCrawl-delay: 0.01\n\nUser-agent: bad\nDisallow: /"
        ),
        "/": html(said(1), "/a#part", "a", "/private/x.html", "/photo.JPG", "http://elsewhere.example/", "//[bad"),
        "/a": html(said(2), "/b?x=2&y=1", "/logo", "/hidden", "/old", "/copy", "/excluded/x", "/loop"),
        "/b?x=2&y=1": html(said(3), "/", "/deep1"),
        "/logo": Page(b"\x89PNG", "image/png"),
        "/hidden": html(said(4), "/behind", head='<meta name="robots" content="noindex">'),
        "/behind": replace(html(said(5), "/never"), headers={"X-Robots-Tag": "otherbot: noindex, nofollow"}),
        "/tagged": html(said(6)),
        "/old": moved("/new"),
        "/new": html(said(7), "/tagged"),
        "/copy": html(said(8), head='<link rel="canonical" href="/a">'),
        "/excluded/x": html(said(9)),
        "/loop": moved("/loop2", 302),
        "/loop2": moved("/loop"),
        "/deep1": html(said(10), "/deep2"),
        "/deep2": html(said(11), "/deep3"),
        "/never": replace(html(said(12)), headers={"X-Robots-Tag": "noindex"}),
    }
    await crawler.ask(site.url, max_depth=4, exclude=["/excluded"], language=Language.EN)
    report = await crawler.run()
    assert report == {
        "/": "fetched", "/a": "fetched", "/private/x.html": "skipped robots", "/b?x=2&y=1": "fetched",
        "/logo": "skipped not_a_page", "/hidden": "skipped noindex", "/behind": "fetched", "/old": "skipped redirected",
        "/new": "fetched", "/copy": "skipped canonical", "/loop": "skipped redirected", "/loop2": "skipped redirected",
        "/deep1": "fetched", "/deep2": "fetched", "/tagged": "fetched", "/never": "skipped noindex",
    }  # fmt: skip
    assert await crawler.known() == {"/", "/a", "/b?x=2&y=1", "/behind", "/new", "/deep1", "/deep2", "/tagged"}
    assert set(site.times().values()) == {1}, "each address is asked for once"
    assert (site.agents, site.most_at_once) == ({"Mainstay"}, 1)
    assert await crawler.status() == (CrawlStatus.DONE, None)
    (found, *_) = await crawler.library.search("How long does delivery to town 7 take?")
    assert (found.uri, found.language) == (f"{site.url}/new", Language.EN)
    lines = {page.url.removeprefix(site.url): page for page in await crawler.pages()}
    assert (lines["/new"].file_status, lines["/new"].status, lines["/new"].depth) == ("read", 200, 2)
    job = (await crawler.get()).job_id
    assert job is not None
    done = await crawler.library.job(job)
    assert (done.status.value, done.files_total, done.files_done) == ("done", 8, 8)


async def test_what_has_not_changed_is_not_read_again_and_what_is_gone_is_withdrawn(
    crawler: Crawler, site: Site
) -> None:
    site.pages = {"/": html(said(1), *(f"/{name}" for name in "abcdef"))} | {
        f"/{name}": html(said(number)) for number, name in enumerate("abcdef", 2)
    }
    site.pages["/b"].etag = False
    await crawler.library.add_files(NewFile(name="own.txt", content=said(50).encode()))
    await crawler.ask(site.url)
    await crawler.run()
    assert len(await crawler.library.names()) == 8

    site.pages["/c"] = html(said(33))
    site.pages["/d"] = Page(b"", status=410)
    del site.pages["/e"]
    site.pages["/f"] = Page(b"", status=500)
    # Neither what is fetched nor what is gone shows before all is published.
    assert await crawler.begin(scheduled=True)
    await crawler.fetch()
    assert len(await crawler.library.names()) == 8
    assert await crawler.end() == 2
    assert len(await crawler.library.names()) == 8
    job = (await crawler.get()).job_id
    assert job is not None
    assert await crawler.publish() == 1
    assert await crawler.report() == {
        "/": "unchanged", "/a": "unchanged", "/b": "unchanged", "/c": "fetched", "/d": "gone", "/e": "gone",
        "/f": "failed http_error",
    }  # fmt: skip
    statuses = {page.url.removeprefix(site.url): page.status for page in await crawler.pages()}
    assert (statuses["/a"], statuses["/b"]) == (304, 200), "one of them says itself that it is what it was"
    names = {name.removeprefix(site.url): version for name, version in (await crawler.library.names()).items()}
    assert names == {"/": 1, "/a": 1, "/b": 1, "/c": 2, "/f": 1, "own.txt": 1}
    assert (await crawler.library.job(job)).documents_changed == 3

    site.pages["/e"] = html(said(5))
    site.pages["/"] = html(said(1), *(f"/{name}" for name in "abce"))
    assert (await crawler.run(scheduled=True))["/e"] == "fetched"


async def test_a_page_and_a_sitemap(crawler: Crawler, site: Site) -> None:
    listed = "".join(f"<url><loc>{site.url}/{name}</loc></url>" for name in ("a", "b?p=1", "b?p=1", "c.zip"))
    site.pages = {
        "/robots.txt": text(f"Sitemap: {site.url}/index.xml\nSitemap: http://elsewhere.example/s.xml"),
        "/index.xml": text(
            f"<sitemapindex><sitemap><loc>{site.url}/pages.xml.gz</loc></sitemap>"
            f"<sitemap><loc>{site.url}/bomb.xml.gz</loc></sitemap></sitemapindex>",
            "application/xml",
        ),
        "/pages.xml.gz": Page(gzip.compress(f"<urlset>{listed}</urlset>".encode()), "application/gzip"),
        "/bomb.xml.gz": Page(gzip.compress(b"<urlset>" + b" " * (60 << 20)), "application/gzip"),
        "/a": html(said(1), "/unlisted"),
        "/b?p=1": html(said(2)),
    }
    await crawler.ask(site.url, CrawlMode.SITEMAP)
    assert await crawler.run() == {
        "/robots.txt": "fetched", "/sitemap.xml": "gone", "/index.xml": "fetched", "/pages.xml.gz": "fetched",
        "/bomb.xml.gz": "failed too_large", "/a": "fetched", "/b?p=1": "fetched",
    }  # fmt: skip
    await crawler.ask(f"{site.url}/a", CrawlMode.PAGE)
    report = await crawler.run()
    assert (report["/a"], report["/b?p=1"]) == ("unchanged", "skipped outside")
    assert await crawler.known() == {"/a"}


async def test_a_site_without_end_is_bounded(crawler: Crawler, site: Site) -> None:
    """Calendars, filters, and pages that lead to ever new ones."""
    site.pages = {
        "/": html(said(1), *(f"/list?day={n}" for n in range(150)), *(f"/p{n}" for n in range(400))),
    }
    await crawler.ask(site.url, max_pages=25)
    report = await crawler.only_fetch()
    assert sum(site.times().values()) == 25
    assert len(report) == 5 * 25, "what is found beyond is passed over"
    assert sum("?day=" in path for path in report) == 100
    assert report["/p1"] == "skipped max_pages"


async def test_pages_that_are_too_large_or_too_slow(crawler: Crawler, site: Site) -> None:
    never = asyncio.Event()
    site.pages = {
        "/": html(said(1), "/huge", "/bomb", "/slow", "/good"),
        "/huge": Page(b"x" * 200_000, "text/plain"),
        "/bomb": Page(gzip.compress(b"x" * 10_000_000), "text/plain", headers={"Content-Encoding": "gzip"}),
        "/slow": Page(b"", hangs=never),
        "/good": html(said(2)),
    }
    crawler.egress = egress(limits=Limits(body_bytes=100_000, seconds=0.3))
    await crawler.ask(site.url)
    assert await crawler.run() == {
        "/": "fetched", "/huge": "failed too_large", "/bomb": "failed too_large", "/slow": "failed too_slow",
        "/good": "fetched",
    }  # fmt: skip
    crawler.limits = replace(crawler.limits, bytes=len(site.pages["/"].body) + 10)
    del site.pages["/slow"]
    site.pages |= {"/": html(said(3), "/good"), "/good": html(said(4))}
    report = await crawler.run(scheduled=True)
    assert report["/good"] == "failed no_room"
    assert await crawler.known() == {"/", "/good"}, "what found no room is not withdrawn"


async def test_a_redirect_never_leads_inside(crawler: Crawler, site: Site) -> None:
    """Nor does a link, nor an address that an owner names."""
    inward = f"http://{INSIDE}:{site.port}/secret"
    async with serving(INSIDE, site.port) as inside:
        inside.pages["/secret"] = html(said(1))
        site.pages = {
            "/": html(said(2), inward, "/1", "/2", "/3", "/4"),
            "/1": moved(inward),
            "/2": moved(inward.removeprefix("http:")),
            "/3": moved("http://169.254.169.254/latest/meta-data/"),
            "/4": moved("file:///etc/passwd", 302),
        }
        await crawler.ask(site.url)
        left = dict.fromkeys(("/1", "/2", "/3"), "skipped off_site") | {"/4": "failed off_site"}
        assert await crawler.only_fetch() == {"/": "fetched"} | left
        await crawler.ask(inward, CrawlMode.PAGE, source="inside")
        await crawler.only_fetch()
        assert await crawler.status() == (CrawlStatus.FAILED, "robots_unreachable")
        assert inside.asked == []


async def test_a_name_that_leads_inside_after_the_first_answer(crawler: Crawler, site: Site) -> None:
    """DNS rebinding: robots.txt and the first page come from a good address, the rest would come from inside."""
    async with serving(INSIDE, site.port) as inside:
        site.pages["/"] = html(said(1), "/a", "/b")
        crawler.egress = egress(resolve=answering([GOOD], [GOOD], [INSIDE]))
        await crawler.ask(f"http://rebind.example:{site.port}/")
        report = await crawler.only_fetch()
        assert (report["/"], report["/a"], report["/b"]) == ("fetched", "failed unreachable", "failed unreachable")
        assert inside.asked == []


async def test_a_site_that_cannot_be_asked_what_it_allows_is_left_alone(crawler: Crawler, site: Site) -> None:
    site.pages = {"/": html(said(1)), "/robots.txt": Page(b"", status=503)}
    await crawler.ask(site.url)
    await crawler.only_fetch()
    assert site.asked == ["/robots.txt"]
    assert await crawler.status() == (CrawlStatus.FAILED, "robots_unreachable")


async def test_a_busy_site_is_asked_again_later(crawler: Crawler, site: Site) -> None:
    site.pages = {"/": Page(b"", status=503, headers={"Retry-After": "7"})}
    await crawler.ask(site.url)
    assert await crawler.begin()
    waits = [await crawler.fetch() for _ in range(3)]
    assert [(each.more, each.wait_seconds) for each in waits] == [(True, 7), (True, 7), (False, 0)]
    await crawler.end()
    assert await crawler.status() == (CrawlStatus.FAILED, "http_error")


async def test_a_cancelled_run_ends_before_its_next_address(crawler: Crawler, site: Site) -> None:
    arrived, answered = asyncio.Event(), asyncio.Event()
    site.pages = {"/": html(said(1), "/a", "/b"), "/a": replace(html(said(2)), hangs=answered), "/b": html(said(3))}
    site.reached["/a"] = arrived
    await crawler.ask(site.url)
    assert await crawler.begin()
    fetching = asyncio.create_task(crawler.fetch())
    await arrived.wait()
    database, tenant = crawler.library.database, crawler.library.tenant
    async with database.tenant(tenant) as tx:
        assert await crawls.cancel(tx, crawler.id)
        assert not await crawls.cancel(tx, crawler.id)
    answered.set()
    assert not (await fetching).more
    assert await crawler.end() == 0
    assert await crawler.report() == {"/": "fetched", "/a": "queued", "/b": "queued"}
    assert not await crawler.begin(), "nobody asks for it"
    await crawler.ask(site.url)
    assert (await crawler.only_fetch())["/b"] == "fetched"


async def test_one_run_at_a_time_and_none_of_a_source_that_is_gone(crawler: Crawler, site: Site) -> None:
    site.pages = {"/": html(said(1))}
    await crawler.ask(site.url)
    assert await crawler.begin()
    assert await crawler.begin(), "the same process goes on"
    assert not await crawler.begin("crawl/of/another", scheduled=True)
    running = await crawler.get()
    assert running.job_id is not None
    await crawler.library.publish(running.source_id)
    assert (await crawler.library.job(running.job_id)).status.value == "queued", "no other run ends its job"
    with pytest.raises(AssertionError):
        await crawler.ask(site.url)
    async with crawler.library.database.tenant(crawler.library.tenant) as tx:
        assert await knowledge.delete_source(tx, running.source_id)
    assert not (await crawler.fetch()).more
    assert not await crawler.begin(scheduled=True)
    assert site.asked == []


async def test_a_killed_crawl_goes_on_where_it_was(crawler: Crawler, site: Site, servers: Servers) -> None:
    """Killed in the middle of a page: that one is asked for again, and no other."""
    paths = [f"/{number}" for number in range(5)]
    site.pages = {"/": html(said(0), *paths)} | {path: html(said(n)) for n, path in enumerate(paths, 1)}
    never, site.reached["/2"] = asyncio.Event(), asyncio.Event()
    site.pages["/2"].hangs = never
    await crawler.ask(site.url)
    assert await crawler.begin()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.service.crawl_process", servers.database_url),
        *(str(crawler.library.tenant), str(crawler.id)),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        async with asyncio.timeout(60):
            await site.reached["/2"].wait()
    finally:
        process.kill()
        await process.wait()
    before = site.times()
    assert (before["/2"], before["/3"]) == (1, 0)
    site.pages["/2"].hangs = None
    assert await crawler.only_fetch() == dict.fromkeys(["/", *paths], "fetched")
    assert site.times() == dict.fromkeys(["/", *paths], 1) | {"/2": 2}
    assert {file.name for file in await crawler.files()} == {page.url for page in await crawler.pages()}
