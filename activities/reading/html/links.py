"""What a page says to crawlers: where it leads, where it belongs, and what it forbids."""

from collections.abc import Iterator
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser

from activities.reading.html.page import parsed
from activities.reading.port import Links

MAX_LINKS = 2_000
MAX_ADDRESS = 2_000

ROBOTS = {"robots", "mainstay"}
"""Names of meta elements that speak to us."""


def read_page_links(text: str, url: str) -> Links:
    """The links of the page at `url`, without those that it asks not to follow. Raises UnreadableError."""
    page = parsed(text)
    forbidden = {word for words in _said_to_robots(page) for word in words}
    base = page.css_first("base[href]")
    around = _joined(url, base.attributes.get("href") if base else None) or url
    canonical = page.css_first("link[rel=canonical][href]")
    return Links(
        pages=tuple(_leading(page, around)),
        canonical=_joined(around, canonical.attributes.get("href")) if canonical else None,
        index=not forbidden & {"noindex", "none"},
        follow=not forbidden & {"nofollow", "none"},
    )


def _said_to_robots(page: LexborHTMLParser) -> Iterator[list[str]]:
    for node in page.css("meta[name][content]"):
        if (node.attributes.get("name") or "").strip().lower() in ROBOTS:
            yield [word.strip() for word in (node.attributes.get("content") or "").lower().split(",")]


def _leading(page: LexborHTMLParser, around: str) -> Iterator[str]:
    found: set[str] = set()
    for node in page.css("a[href], area[href]"):
        if "nofollow" in (node.attributes.get("rel") or "").lower().split():
            continue
        address = _joined(around, node.attributes.get("href"))
        if address is not None and address not in found:
            found.add(address)
            yield address
            if len(found) == MAX_LINKS:
                return


def _joined(base: str, address: str | None) -> str | None:
    """An absolute address of the web without its fragment; None where it is none."""
    try:
        joined = urljoin(base, (address or "").strip()).partition("#")[0]
    except ValueError:
        return None
    return joined if len(joined) <= MAX_ADDRESS and joined.startswith(("http://", "https://")) else None
