"""A web site as a real server: pages that can change, move, go and hang; it remembers what it was asked for."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.listening import listening

HTML = "text/html; charset=utf-8"


@dataclass
class Page:
    """`hangs`: the answer does not come before the event is set."""

    body: bytes
    media_type: str = HTML
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: asyncio.Event | None = None
    etag: bool = True


def html(said: str, *links: str, head: str = "") -> Page:
    """A page that says something and leads somewhere."""
    leads = "".join(f'<li><a href="{link}">More</a></li>' for link in links)
    return Page(f"<!doctype html><html><head>{head}</head><body><p>{said}</p><ul>{leads}</ul></body></html>".encode())


def moved(location: str, status: int = 301) -> Page:
    return Page(b"", status=status, headers={"Location": location})


@dataclass
class Site:
    """Pages by path, with their queries; every other is not there."""

    url: str = ""
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    at_once: int = 0
    most_at_once: int = 0
    reached: dict[str, asyncio.Event] = field(default_factory=dict)
    """Set when the path is asked for."""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def times(self) -> Counter[str]:
        """How often each path was asked for, robots.txt aside."""
        return Counter(path for path in self.asked if path != "/robots.txt")

    async def answer(self, request: Request) -> Response:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        self.asked.append(path)
        self.agents.add(request.headers["user-agent"])
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if path in self.reached:
                self.reached[path].set()
            page = self.pages.get(path, Page(b"Not here.", status=404))
            if page.hangs is not None:
                await page.hangs.wait()
            return _answer(request, page)
        finally:
            self.at_once -= 1


def _answer(request: Request, page: Page) -> Response:
    tag = f'"{hashlib.sha256(page.body).hexdigest()[:16]}"'
    headers = {**page.headers, **({"ETag": tag} if page.status == 200 and page.etag else {})}
    if page.status == 200 and page.etag and request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(page.body, page.status, headers, page.media_type)


@asynccontextmanager
async def serving(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Site]:
    site = Site()
    app = Starlette(routes=[Route("/{path:path}", site.answer)])
    async with listening(app, host, port) as site.url:
        yield site
