"""Documents fetched from URLs that a tenant names: from the public internet, and from nowhere else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import Company, company, serving, settings_of
from tests.unit.test_egress import GOOD, Server, certificate, listening

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n"


def page(content: bytes, media_type: str = "text/markdown; charset=utf-8") -> bytes:
    return HEAD.format(media_type, len(content)).encode() + content


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """Somebody's web site, which the gateway below may reach and trusts."""
    tls, _ = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "localhost.pem"))
    async with listening("127.0.0.1", tls=tls) as site:
        yield site


@pytest.fixture
async def acme(servers: Servers, database: Database, site: Server) -> AsyncIterator[Company]:
    settings = settings_of(servers, egress_allow="127.0.0.1/32, ::1/128", egress_ports=str(site.port))
    async with serving(settings) as (url, _), company(database, url) as acme:
        yield acme


async def test_a_document_is_fetched_once_and_learned(acme: Company, site: Server) -> None:
    site.answer = page("# Refunds\n\nWithin 14 days — всегда.".encode())
    url = f"https://localhost:{site.port}/refunds.md"
    staged = await acme.post("/v1/kb/fetch", {"name": "help", "url": url, "tags": ["web"]})
    assert staged.status_code == 202, staged.text
    sources = (await acme.get("/v1/kb/sources")).json()["items"]
    assert [(each["name"], each["tags"], each["staged"]) for each in sources] == [("help", ["web"], 1)]
    assert site.header("authorization") is None
    assert site.header("host") == f"localhost:{site.port}"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno",
        page(b"<html></html>", "text/html"),
        page(b"x", ""),
        page(b"\xff\xfe"),
        page(b"  \n"),
        page(b"a\x00b"),
        b"HTTP/1.1 302 Found\r\nLocation: https://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_what_is_no_document_is_refused(acme: Company, site: Server, answer: bytes) -> None:
    site.answer = answer
    refused = await acme.post("/v1/kb/fetch", {"name": "help", "url": f"https://localhost:{site.port}/"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "url")
    assert (await acme.get("/v1/kb/sources")).json()["items"] == []


@pytest.mark.parametrize(
    "url",
    [
        "https://HOST:PORT/",
        "https://[::ffff:127.0.0.1]:PORT/",
        "http://localhost:PORT/",
        "https://localhost:22/",
        "file:///x",
    ],
)
async def test_nowhere_else_is_reached(acme: Company, site: Server, url: str) -> None:
    async with listening(GOOD, site.port) as inside:
        given = url.replace("HOST", GOOD).replace("PORT", str(site.port))
        refused = await acme.post("/v1/kb/fetch", {"name": "help", "url": given})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "url")
    assert inside.connected == site.connected == 0


async def test_by_default_nothing_inside_is_reached(servers: Servers, database: Database) -> None:
    async with (
        listening("127.0.0.1") as inside,
        serving(settings_of(servers, egress_ports=str(inside.port))) as (url, _),
        company(database, url) as acme,
    ):
        asked = [f"https://{host}:{inside.port}/" for host in ("127.0.0.1", "localhost", "[::1]", "169.254.169.254")]
        answers = await asyncio.gather(*(acme.post("/v1/kb/fetch", {"name": "x", "url": each}) for each in asked))
    assert {answer.status_code for answer in answers} == {422}
    assert len({answer.json()["errors"][0]["message"] for answer in answers}) == 1
    assert inside.connected == 0
