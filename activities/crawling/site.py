"""Which addresses belong to a crawl, and the one way to write each of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import urljoin

from models.contracts.crawl import AddressKind, CrawlMode
from models.repositories.crawl_pages import Address
from models.repositories.crawls import Definition
from runtime.egress import Target, UrlError, check_url

SCHEMES = ("https", "http")
MAX_SEGMENTS = 20
"""Of a path. Links that are wrongly relative grow a path without end."""

SITEMAP_DEPTH = 2
"""robots.txt names an index, an index names sitemaps, and those name pages."""

# What no reader makes text of; other kinds are known when they come.
NO_TEXT = tuple(
    f".{ending}"
    for ending in (
        "jpg jpeg png gif webp avif svg ico bmp tif tiff mp3 mp4 m4a ogg wav webm avi mov mkv css js mjs map woff woff2 "
        "ttf otf eot zip gz tgz bz2 xz 7z rar tar exe msi dmg pkg deb rpm apk iso bin jar"
    ).split()
)


@dataclass(frozen=True)
class Site:
    """The addresses of one crawl: its host, with and without `www.`, on one port, and of that what its owner wants.

    Nothing leads from https to http: such links are read as https.
    """

    definition: Definition

    @cached_property
    def _start(self) -> Target:
        return check_url(self.definition.url, schemes=SCHEMES, ports=None)

    @cached_property
    def _hosts(self) -> frozenset[str]:
        host = self._start.host
        if self._start.address is not None:
            return frozenset({host})
        bare = host.removeprefix("www.")
        return frozenset({bare, f"www.{bare}"})

    def seeds(self) -> list[Address]:
        """Where it begins. The sitemaps of a site without more words are those that it tells crawlers of."""
        if self.definition.mode is not CrawlMode.SITEMAP:
            return [Address(self._start.url, AddressKind.PAGE, 0)]
        start = self._start
        paths = ("/robots.txt", "/sitemap.xml") if start.path == "/" else (start.path,)
        return [Address(start.origin + path, AddressKind.SITEMAP, 0) for path in paths]

    def address(self, url: str) -> str | None:
        """A URL of this site as the crawl writes it, without its fragment; None for every other."""
        try:
            target = check_url(url, schemes=SCHEMES, ports=None)
        except UrlError:
            return None
        if self._start.scheme == "https" and (target.scheme, target.port) == ("http", 80):
            target = replace(target, scheme="https", port=443)
        same_port = target.port == self._start.port and target.scheme == self._start.scheme
        secured = (self._start.scheme, self._start.port) == ("http", 80) and target.port == 443
        return target.url if target.host in self._hosts and (same_port or secured) else None

    def joined(self, base: str, url: str) -> str | None:
        """Like `address`, of a URL that may be relative to `base`."""
        try:
            return self.address(urljoin(base, url))
        except ValueError:
            return None

    def wants(self, address: str) -> bool:
        """Whether a page's text is to become knowledge."""
        path = check_url(address, schemes=SCHEMES, ports=None).path
        included, excluded = tuple(self.definition.include), tuple(self.definition.exclude)
        return (not included or path.startswith(included)) and not (excluded and path.startswith(excluded))

    def follows(self, found: Address) -> bool:
        """Whether an address of this site is to be asked for."""
        if found in self.seeds():
            return True
        if self.address(found.url) != found.url:
            return False
        if found.kind is AddressKind.SITEMAP:
            return self.definition.mode is CrawlMode.SITEMAP and found.depth <= SITEMAP_DEPTH
        if found.depth > self.definition.depth:
            return False
        path = found.url.partition("?")[0]
        # Where it begins, and where that leads on, is asked for its links at least.
        wanted = found.depth == 0 or self.wants(found.url)
        return wanted and not path.lower().endswith(NO_TEXT) and path.count("/") <= MAX_SEGMENTS + 2

    def following(self, found: Sequence[str], kind: AddressKind, depth: int) -> list[Address]:
        """Those of the URLs that are to be asked for, each once."""
        addresses = dict.fromkeys(filter(None, map(self.address, found)))
        return [each for url in addresses if self.follows(each := Address(url, kind, depth))]
