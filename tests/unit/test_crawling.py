"""Which addresses belong to a crawl, and what a site lets us do."""

import asyncio
from typing import Any

import pytest
import typer
from protego import Protego

from activities.crawling.politeness import Politeness
from activities.crawling.robots import AGENT, LONGEST_DELAY, delay_of, forbidden_by
from activities.crawling.site import Site
from cli.crawl import hours
from models.contracts.crawl import AddressKind, CrawlMode
from models.repositories.crawl_pages import Address
from models.repositories.crawls import Definition


def site(url: str = "https://acme.example/", mode: CrawlMode = CrawlMode.SITE, **changes: Any) -> Site:
    return Site(Definition(url=url, mode=mode, **{"max_pages": 10, "max_depth": 3, **changes}))


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://acme.example/a#part", "https://acme.example/a"),
        ("https://ACME.example:443/a?b=2&a=1", "https://acme.example/a?b=2&a=1"),
        ("https://www.acme.example", "https://www.acme.example/"),
        ("http://acme.example/a", "https://acme.example/a"),
        ("https://acme.example/помощь", "https://acme.example/%D0%BF%D0%BE%D0%BC%D0%BE%D1%89%D1%8C"),
        ("https://help.acme.example/", None),
        ("https://acme.example.evil.example/", None),
        ("https://notacme.example/", None),
        ("https://acme.example:8443/", None),
        ("https://acme.example@evil.example/", None),
        ("https://acme.example\\@evil.example/", None),
        ("ftp://acme.example/", None),
        ("javascript:alert(1)", None),
    ],
)
def test_an_address_of_the_site_is_written_in_one_way(url: str, written: str | None) -> None:
    assert site().address(url) == written


def test_a_site_without_encryption_may_lead_to_its_encrypted_self_and_an_address_has_no_www() -> None:
    plain = site("http://acme.example/")
    assert plain.address("https://www.acme.example/a") == "https://www.acme.example/a"
    assert plain.address("http://acme.example:8080/") is None
    assert site("https://203.0.113.7/").address("https://www.203.0.113.7/") is None


@pytest.mark.parametrize(
    ("path", "depth", "followed"),
    [
        ("/help/a", 1, True),
        ("/help/a", 4, False),
        ("/shop/a", 1, False),
        ("/shop/a", 0, True),  # where the beginning has moved to
        ("/help/internal/a", 1, False),
        ("/help/logo.SVG?v=2", 1, False),
        ("/help/terms.pdf", 1, True),
        ("/help" + "/again" * 30, 1, False),
    ],
)
def test_what_is_followed(path: str, depth: int, followed: bool) -> None:
    ours = site(include=["/help"], exclude=["/help/internal"])
    assert ours.follows(Address(f"https://acme.example{path}", AddressKind.PAGE, depth)) is followed


def test_each_mode_has_its_beginning() -> None:
    assert [each.url for each in site(mode=CrawlMode.SITEMAP).seeds()] == [
        "https://acme.example/robots.txt",
        "https://acme.example/sitemap.xml",
    ]
    (named,) = site("https://acme.example/news.xml", CrawlMode.SITEMAP).seeds()
    assert (named.url, named.kind) == ("https://acme.example/news.xml", AddressKind.SITEMAP)
    page = site("https://acme.example/a", CrawlMode.PAGE)
    assert page.following(["https://acme.example/b"], AddressKind.PAGE, 1) == []


def test_robots_are_read_as_the_standard_says() -> None:
    robots = Protego.parse(
        "User-agent: *\nDisallow: /\n\nUser-agent: Mainstay\nDisallow: /*?sort=\nDisallow: /a\nAllow: /a/b$\nCrawl-delay: 60"
    )
    allowed = {
        path: robots.can_fetch(f"https://acme.example{path}", AGENT)
        for path in ("/", "/a", "/a/b", "/a/bc", "/l?sort=1")
    }
    assert allowed == {"/": True, "/a": False, "/a/b": True, "/a/bc": False, "/l?sort=1": False}
    assert delay_of(robots) == LONGEST_DELAY
    assert delay_of(Protego.parse("")) == 0


@pytest.mark.parametrize(
    ("tag", "forbidden"),
    [
        ("noindex, nofollow", {"noindex", "nofollow"}),
        ("otherbot: noindex, nofollow", set()),
        ("mainstay: noindex", {"noindex"}),
        ("otherbot: nofollow, mainstay: none", {"none"}),
        ("max-snippet: 5, noindex", {"noindex"}),
    ],
)
def test_headers_for_robots(tag: str, forbidden: set[str]) -> None:
    assert forbidden_by(tag) & {"noindex", "nofollow", "none"} == forbidden


@pytest.mark.parametrize(("every", "expected"), [("24h", 24), ("7d", 168), ("0h", None), ("1w", None), ("soon", None)])
def test_how_often_is_said_in_hours_or_days(every: str, expected: int | None) -> None:
    if expected is not None:
        assert hours(every) == expected
    else:
        with pytest.raises(typer.BadParameter):
            hours(every)


async def test_a_host_is_asked_by_one_at_a_time() -> None:
    polite, entered, leave = Politeness(), asyncio.Event(), asyncio.Event()

    async def ask(host: str) -> None:
        async with polite.turn(host, 0):
            entered.set()
            await leave.wait()

    first = asyncio.create_task(ask("acme.example"))
    await entered.wait()
    entered.clear()
    second = asyncio.create_task(ask("acme.example"))
    other = asyncio.create_task(ask("other.example"))
    await entered.wait()
    assert not second.done()
    assert len(polite._turns["acme.example"].lock._waiters or ()) == 1
    leave.set()
    await asyncio.gather(first, second, other)


async def test_between_two_requests_to_a_host_there_is_a_pause() -> None:
    polite, clock = Politeness(), asyncio.get_running_loop().time
    began = clock()
    async with polite.turn("acme.example", 0.2):
        pass
    async with polite.turn("other.example", 0):
        others = clock() - began
    async with polite.turn("acme.example", 0.2):
        assert clock() - began >= 0.2 > others
