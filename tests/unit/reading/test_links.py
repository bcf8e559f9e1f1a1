"""What pages and sitemaps say to crawlers, read in the process that reads files."""

import gzip

import pytest

from activities.reading.port import Limits, Links, UnreadableError
from activities.reading.process import ProcessReader

READER = ProcessReader(
    Limits(unpacked_bytes=10_000_000, pages=100, seconds=20, memory_bytes=768 << 20, characters=100_000)
)
SITEMAP = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{}</urlset>'


async def page(html: str, url: str = "https://acme.example/help/") -> Links:
    return await READER.links(f"<!doctype html><html>{html}".encode(), url, sitemap=False)


async def sitemap(data: bytes) -> Links:
    return await READER.links(data, "https://acme.example/sitemap.xml", sitemap=True)


async def test_the_links_of_a_page_are_absolute_and_once_each() -> None:
    found = await page(
        """<head><link rel=canonical href="/help"><base href="/docs/"></head>
        <a href="a?b=1#part">A</a> <a href="a?b=1">again</a> <a href="https://other.example/x">X</a>
        <a rel="nofollow noopener" href="no">N</a> <a href="mailto:a@b.example">M</a> <a href="javascript:x()">J</a>
        <map><area href="../up"></map> <a href="http://[broken">B</a>"""
    )
    assert found.pages == (
        "https://acme.example/docs/a?b=1", "https://other.example/x", "https://acme.example/up",
    )  # fmt: skip
    assert (found.canonical, found.index, found.follow) == ("https://acme.example/help", True, True)


@pytest.mark.parametrize(
    ("meta", "index", "follow"),
    [
        ('name="robots" content="noindex"', False, True),
        ('name="ROBOTS" content="NoFollow, noarchive"', True, False),
        ('name="mainstay" content="none"', False, False),
        ('name="otherbot" content="none"', True, True),
    ],
)
async def test_what_a_page_forbids(meta: str, index: bool, follow: bool) -> None:
    found = await page(f"<meta {meta}><a href=x>x</a>")
    assert (found.index, found.follow) == (index, follow)


async def test_a_sitemap_lists_pages_and_an_index_sitemaps() -> None:
    entry = (
        '<url><loc> https://acme.example/a?x=1&amp;y=2 </loc><image:image xmlns:image="urn:i"><image:loc>'
        "https://acme.example/a.png</image:loc></image:image></url>"
    )
    pages = SITEMAP.format(entry).encode()
    assert (await sitemap(pages)).pages == ("https://acme.example/a?x=1&y=2",)
    assert (await sitemap(gzip.compress(pages))).pages == ("https://acme.example/a?x=1&y=2",)
    index = b"<sitemapindex><sitemap><loc>https://acme.example/b.xml.gz</loc></sitemap></sitemapindex>"
    assert (await sitemap(index)).sitemaps == ("https://acme.example/b.xml.gz",)
    assert (await sitemap(b"https://acme.example/c\n\n# no\nhttps://acme.example/d\n")).pages[1:] == (
        "https://acme.example/d",
    )


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(b"<urlset>" + b" " * (60 << 20)),
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>',
        b"<urlset><url><loc>https://acme.example/",
        b"\x1f\x8bnothing",
    ],
    ids=["unpacks to sixty MiB", "entities", "cut off", "no gzip"],
)
async def test_a_hostile_sitemap_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        await sitemap(data)


async def test_a_page_with_links_without_end_is_cut() -> None:
    found = await page("".join(f"<a href=/{number}>.</a>" for number in range(5_000)))
    assert len(found.pages) == 2_000
