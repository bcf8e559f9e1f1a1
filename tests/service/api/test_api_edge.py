"""What stands before every route: limits by address, caller and tenant, headers, time, and room."""

import asyncio
import json
from contextlib import suppress

import httpx
import pytest
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from api.app import create_app
from api.server import Protocol
from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import Company, serving, settings_of

PROBLEM = "application/problem+json"


# Rate limits --------------------------------------------------------------------------------------


async def test_two_gateways_let_exactly_the_limit_through(servers: Servers, acme: Company) -> None:
    narrow = settings_of(servers, rate_limit_read="40/hour")
    async with serving(narrow) as (one, _), serving(narrow) as (two, _):
        answers = await asyncio.gather(*(acme.get(f"{(one, two)[turn % 2]}/v1/conversations") for turn in range(90)))
        written = await acme.post(f"{one}/v1/conversations", {})
    assert sorted(answer.status_code for answer in answers) == [200] * 40 + [429] * 50
    refusal = next(answer for answer in answers if answer.status_code == 429)
    assert refusal.headers["content-type"] == PROBLEM
    assert 3500 < int(refusal.headers["retry-after"]) <= 3600
    assert refusal.json()["limit"] == "read: 40 per 1 hour"
    assert written.status_code == 201, "another class of routes has a limit of its own"


async def test_a_tenant_is_limited_as_a_whole_and_no_other_for_it(
    servers: Servers, acme: Company, globex: Company
) -> None:
    narrow = settings_of(servers, rate_limit_read="10/hour", rate_limit_tenant_factor=2)
    async with serving(narrow) as (url, _):
        path = f"{url}/v1/conversations"
        mine = [await acme.get(path, headers=acme.as_(who)) for who in ("owner", "aigerim", "boris") for _ in range(10)]
        theirs = await globex.get(path)
    assert [answer.status_code for answer in mine] == [200] * 20 + [429] * 10
    assert mine[-1].json()["limit"] == "read: 20 per 1 hour"
    assert theirs.status_code == 200


async def test_whoever_comes_with_wrong_keys_is_told_to_wait_and_nobody_else(servers: Servers, acme: Company) -> None:
    async with serving(settings_of(servers, rate_limit_strangers="5/hour")) as (url, _):
        wrong = {"Authorization": "Bearer msk_wrong"}
        tries = [await acme.get(f"{url}/v1/conversations", headers=wrong) for _ in range(8)]
        right = await acme.get(f"{url}/v1/conversations")
        health = [await acme.get(f"{url}/health/live", headers=wrong) for _ in range(8)]
    assert [answer.status_code for answer in tries] == [401] * 5 + [429] * 3
    assert right.status_code == 200
    assert {answer.status_code for answer in health} == {200}


async def test_an_idempotent_request_is_charged_once(servers: Servers, acme: Company) -> None:
    async with serving(settings_of(servers, rate_limit_write="3/hour")) as (url, _):
        answers = [await acme.post(f"{url}/v1/conversations", {}, key=f"k{turn}") for turn in range(4)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]


async def test_a_request_costs_one_statement_more(servers: Servers, acme: Company) -> None:
    """That of the limits, for caller and tenant together; it is no transaction, so one round trip."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        await acme.get("/v1/conversations")
        statements.clear()
        await acme.get("/v1/conversations")
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    asked = [statement for statement in statements if "last_used" not in statement]
    assert sum("hit_rate_limits" in statement for statement in asked) == 1
    assert len(asked) == 2, asked  # the limits and the list; the driver begins and ends by itself


# Addresses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trusted", "forwarded", "statuses"),
    [
        ("", "203.0.113.{}", [401, 401, 429, 429]),  # a stranger's word about itself
        ("127.0.0.1", "203.0.113.{}", [401] * 4),
        ("127.0.0.0/8", "203.0.113.{}", [401] * 4),
        ("10.0.0.1", "203.0.113.{}", [401, 401, 429, 429]),
        ("127.0.0.1", "203.0.113.{}, 198.51.100.77", [401, 401, 429, 429]),  # only the last hop is the proxy's word
        ("127.0.0.1", "2001:db8:0:1::{}", [401, 401, 429, 429]),  # one customer's network
        ("127.0.0.1", "2001:db8:0:{}::1", [401] * 4),
    ],
)
async def test_only_trusted_proxies_say_who_the_client_is(
    servers: Servers, database: Database, trusted: str, forwarded: str, statuses: list[int]
) -> None:
    admin = Database(servers.admin_database_url, pool_size=1)
    async with admin.system() as tx:
        await tx.connection.exec_driver_sql("TRUNCATE rate_limits")
    await admin.close()
    settings = settings_of(servers, trusted_proxies=trusted, rate_limit_strangers="2/hour")
    async with serving(settings) as (url, _), httpx.AsyncClient(base_url=url, trust_env=False) as http:
        answers = [
            await http.get("/v1/conversations", headers={"X-Forwarded-For": forwarded.format(turn)})
            for turn in range(1, 5)
        ]
    assert [answer.status_code for answer in answers] == statuses


# Headers ------------------------------------------------------------------------------------------


async def test_every_answer_tells_browsers_to_do_little(acme: Company) -> None:
    answers = [
        await acme.get("/v1/conversations"),
        await acme.get("/v1/nothing"),
        await acme.get("/v1/conversations", headers={"Authorization": ""}),
        await acme.http.post("/v1/conversations", content=b"{"),
        await acme.http.put("/v1/conversations"),
        await acme.get("/health"),
    ]
    for answer in answers:
        headers = answer.headers
        assert headers["content-security-policy"].startswith("default-src 'none';")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
        assert len(headers["x-request-id"]) == 32
        assert "server" not in headers
        assert "strict-transport-security" not in headers
        if answer.request.url.path.startswith("/v1/"):
            assert headers["cache-control"] == "no-store"
            assert "Origin" in headers["vary"]


async def test_a_defect_has_the_headers_too(servers: Servers, acme: Company) -> None:
    app = create_app(settings_of(servers))

    async def broken(_: Request) -> Response:
        raise RuntimeError("a secret of ours")

    app.add_route("/v1/broken", broken)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            answer = await http.get("/v1/broken")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["cache-control"] == "no-store"


async def test_https_is_insisted_on_where_people_come_by_it(servers: Servers, acme: Company) -> None:
    for subdomains, wanted in ((False, "max-age=31536000"), (True, "max-age=31536000; includeSubDomains")):
        settings = settings_of(servers, public_url="https://support.example.com", https_subdomains=subdomains)
        async with serving(settings) as (url, _):
            answer = await acme.get(f"{url}/health/live")
        assert answer.headers["strict-transport-security"] == wanted


# Time ---------------------------------------------------------------------------------------------


async def test_a_body_that_drips_is_not_waited_for(servers: Servers, acme: Company) -> None:
    authorization = f"Authorization: Bearer {acme.keys['owner']}".encode()
    head = b"POST /v1/conversations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n" + authorization
    async with serving(settings_of(servers, body_seconds=0.5)) as (url, _):
        slow = await raw(url, head + b"\r\ncontent-length: 1000\r\n\r\n", *[b" "] * 20, pause=0.05)
        slow_chunks = await raw(
            url, head + b"\r\ntransfer-encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 20, pause=0.05
        )
        quick = await raw(url, head + b"\r\nconnection: close\r\ncontent-length: 2\r\n\r\n", b"{", b"}", pause=0.05)
    for said in (slow, slow_chunks):
        assert said.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in said
        assert PROBLEM.encode() in said
    assert quick.startswith(b"HTTP/1.1 201 ")


async def test_an_answer_that_takes_too_long_is_ended_and_waiting_is_not_that(
    servers: Servers, acme: Company, database: Database
) -> None:
    conversation = await acme.opened()
    async with serving(settings_of(servers, request_seconds=0.5)) as (url, _):
        waited = await acme.post(f"{url}/v1/conversations/{conversation}/messages?wait=20", {"text": "Hello!"})
        async with acme.stream(f"{url}/v1/events?after=0") as stream:
            await asyncio.sleep(1)  # longer than a request may take
            assert (await stream.next()) is not None
        admin = Database(servers.admin_database_url, pool_size=1)
        async with admin.system() as tx:
            await tx.connection.exec_driver_sql("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
            late = await acme.post(f"{url}/v1/conversations", {})
        await admin.close()
        after = await acme.post(f"{url}/v1/conversations", {})
    assert waited.status_code == 200
    assert late.status_code == 503
    assert "retry-after" in late.headers
    assert after.status_code == 201


async def raw(url: str, *parts: bytes, pause: float = 0.0) -> bytes:
    """What a server says to bytes sent in `parts`, until it ends the connection."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    said = asyncio.create_task(reader.read())
    with suppress(OSError):
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
            if said.done():
                break
    found = b""
    with suppress(ConnectionResetError):  # the server has ended it while more was on its way
        async with asyncio.timeout(20):
            found = await said
    writer.close()
    return found


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"GET /health/live HTTP/1.1\r\n"],
        [b"GET /health/live HTTP/1.1\r\n", *[b"a: b\r\n"] * 100],
        [b"\r\n"] * 100,
        [b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\nGET /hea", *[b"l"] * 100],
    ],
)
async def test_a_head_that_drips_is_not_waited_for(
    url: str, parts: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Protocol, "head_seconds", 0.5)
    said = await raw(url, *parts, pause=0.05)
    assert b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close" in said


@pytest.mark.parametrize(
    "parts",
    [
        [b"GET /" + b"x" * 60_000] + [b"x" * 60_000] * 20,
        [b"GET / HTTP/1.1\r\nhost: x\r\na: "] + [b"x" * 60_000] * 20,
        [b"GET / HTTP/1.1\r\nhost: x\r\n"] + [b"a: b\r\n" * 1000] * 200,
    ],
)
async def test_a_head_without_end_is_refused(url: str, parts: list[bytes]) -> None:
    said = await raw(url, *parts)
    assert said == b"" or said.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400")), said[:100]


async def test_a_large_body_after_a_head_is_no_head(acme: Company) -> None:
    """Several requests on one connection, each with a body much larger than a head may be."""
    for _ in range(3):
        answer = await acme.http.post(
            "/v1/conversations", content=b" " * 900_000 + b"{}", headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 201


# Room ---------------------------------------------------------------------------------------------


async def test_one_tenant_cannot_take_all_places(servers: Servers, acme: Company, globex: Company) -> None:
    async with serving(settings_of(servers, concurrent_requests=8)) as (url, _):
        admin = Database(servers.admin_database_url, pool_size=1)
        async with admin.system() as tx:
            await tx.connection.exec_driver_sql("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
            path = f"{url}/v1/conversations"
            held = [asyncio.create_task(acme.post(path, {})) for _ in range(7)]
            done, held_on = await asyncio.wait(held, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            while len(done) < 3:
                more, held_on = await asyncio.wait(held_on, timeout=10, return_when=asyncio.FIRST_COMPLETED)
                done |= more
            refused = [task.result() for task in done]
            theirs = await globex.get(f"{url}/v1/kb/sources")
        answers = [await task for task in held_on]
        await admin.close()
        after = await acme.post(path, {})
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in refused] == [(429, "1")] * 3
    assert theirs.status_code == 200
    assert [answer.status_code for answer in answers] == [201] * 4
    assert after.status_code == 201


async def test_a_full_process_says_so_and_stays_healthy(servers: Servers, acme: Company, globex: Company) -> None:
    settings = settings_of(servers, concurrent_requests=2, concurrent_streams=2, concurrent_share=1)
    async with serving(settings) as (url, _):
        async with acme.stream(f"{url}/v1/events"), globex.stream(f"{url}/v1/events"):
            third = await acme.get(f"{url}/v1/events")
            beside = await acme.get(f"{url}/v1/conversations")
        admin = Database(servers.admin_database_url, pool_size=1)
        async with admin.system() as tx:
            await tx.connection.exec_driver_sql("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
            held = [asyncio.create_task(acme.post(f"{url}/v1/conversations", {})) for _ in range(2)]
            waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'customers'::regclass AND NOT granted"
            async with asyncio.timeout(10):
                while await tx.connection.scalar(sa.text(waiting)) != 2:  # noqa: ASYNC110  # another's state, no event
                    await asyncio.sleep(0.01)
            full = await globex.get(f"{url}/v1/kb/sources")
            health = await acme.get(f"{url}/health/live")
        await admin.close()
        assert [(await task).status_code for task in held] == [201, 201]
    assert third.status_code == 503
    assert beside.status_code == 200, "streams take no request's place"
    assert (full.status_code, full.headers["retry-after"]) == (503, "1")
    assert health.status_code == 200


# The wire -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health/live\x00 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-request-id: a\x00b\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-request-id: a\nset-cookie: b\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nhost: x\r\nbad header: a\r\n\r\n",
        b"POST /v1/conversations HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/conversations HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"POST /v1/conversations HTTP/1.1\r\nhost: x\r\ncontent-length: -2\r\n\r\n{}",
        b"POST /v1/conversations HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-request-id: \x1b[31mred\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_is_no_http_is_refused_and_nothing_is_echoed(url: str, head: bytes) -> None:
    said = await raw(url, head)
    lines = said.split(b"\r\n")
    assert lines[0].startswith(b"HTTP/1.1 4"), said
    assert b"set-cookie" not in said.lower()


async def test_a_request_id_cannot_write_headers_or_log_lines(acme: Company, capfd: pytest.CaptureFixture[str]) -> None:
    for hostile in ("a\tb", 'a","level":"error', "a%0d%0aset-cookie: b=c", "a b", "{}" * 20):
        answer = await acme.get("/v1/nothing", headers={"X-Request-ID": hostile})
        assert answer.headers["x-request-id"] != hostile
        assert "set-cookie" not in answer.headers
        assert hostile not in answer.text
        assert json.loads(answer.text)["request_id"] == answer.headers["x-request-id"]
