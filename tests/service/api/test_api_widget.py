"""Visitors of a site: each in their own conversation, proved by a token, from the site's own pages only."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
import sqlalchemy as sa
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.server import Protocol
from models.contracts.settings import TenantSettings
from models.repositories import previews, tenants
from models.repositories.signing_keys import SigningKeys
from runtime.crypto.roots import RootKeys
from runtime.database import Database
from runtime.embedded import Servers
from runtime.ids import new_id
from tests.service.api.house import HELLO, PERSON, ROOT_KEYS, Company, serving, settings_of
from tests.service.api.visiting import Site, Visitor, site_of

EVIL = "https://evil.example"


async def test_a_visitor_asks_is_answered_and_comes_back(acme: Company) -> None:
    site = await site_of(acme, title="Help", color="#aa3300")
    shown = await site.ask("GET", "config")
    assert shown.json() == {"title": "Help", "color": "#aa3300", "files": True, "file_mib": 20, "language": "en"}
    assert shown.headers["access-control-allow-origin"] == site.origin

    visitor = await site.visited(language="ru")
    assert visitor.opened["created"]
    assert visitor.opened["expires_in"] == 3600
    before = await visitor.read()
    assert (before["items"], before["state"]) == ([], "bot_active")
    async with visitor.events(**{"Last-Event-ID": str(before["last_event_id"])}) as stream:
        sent = await visitor.say(name="m-1")
        assert sent.status_code == 202, sent.text
        heard = await stream.until("state", handled=[sent.json()["message_id"]])
    assert [each.type for each in heard] == ["message", "message", "state"]
    reply = heard[1].data
    assert (reply["author"], reply["text"]) == ("bot", "Words of the bot.")
    assert reply["citations"] == [{"title": "Help", "uri": None, "quote": "Words"}]
    assert heard[2].data.keys() == {"state", "handled"}, "how the bot works is not told"

    again = await visitor.say("another text", name="m-1")
    assert again.json() == sent.json() | {"duplicate": True}
    back = await site.visited(resume=visitor.opened["resume"])
    assert not back.opened["created"]
    assert back.opened["resume"] == visitor.opened["resume"]
    assert await back.texts() == [HELLO, "Words of the bot."]
    assert reply in (await back.read())["items"]


async def test_nobody_sees_anothers_conversation(acme: Company) -> None:
    site = await site_of(acme)
    one, other = await site.visited(), await site.visited()
    async with other.events() as stream:
        await one.say("Only mine.")
        await other.say("Mine too.")
        heard = await stream.until("message", author="bot")
    assert [each.data.get("text") for each in heard if each.data.get("author") == "customer"] == ["Mine too."]
    assert "Only mine." not in await other.texts()
    unknown = await site.visited(resume="A" * 43)
    assert unknown.opened["created"], "a guess begins a conversation of its own"
    assert await unknown.texts() == []


async def test_a_person_takes_over_and_the_visitor_is_told(acme: Company) -> None:
    site = await site_of(acme)
    visitor = await site.visited()
    async with visitor.events() as stream:
        await visitor.say(PERSON)
        await stream.until("state", state="pending")
        (escalation,) = (await acme.get("/v1/escalations?status=pending")).json()["items"]
        path = f"/v1/escalations/{escalation['id']}"
        await acme.post(f"{path}/take", headers=acme.as_("aigerim"))
        await stream.until("state", state="manager_active")
        await acme.post(f"{path}/reply", {"text": "I am here."}, headers=acme.as_("aigerim"))
        heard = (await stream.until("message", author="manager"))[-1].data
    assert heard["text"] == "I am here."
    assert "Aigerim" not in json.dumps(heard), "who works here is not everybody's to know"
    assert "member" not in heard


PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


async def upload(visitor: Visitor, content: bytes = PNG, name: str = "photo.png") -> httpx.Response:
    headers = {"Origin": visitor.site.origin} | visitor.bearer
    return await visitor.site.http.post(f"{visitor.site.path}/files", files={"file": (name, content)}, headers=headers)


async def test_a_file_goes_with_the_message_of_whoever_sent_it(acme: Company) -> None:
    site = await site_of(acme)
    visitor, other = await site.visited(), await site.visited()
    kept = await upload(visitor)
    assert kept.status_code == 201, kept.text
    assert (kept.json()["kind"], kept.json()["mime"]) == ("image", "image/png")
    body = {"client_message_id": "m-1", "attachment_ids": [kept.json()["id"]]}
    assert (await site.ask("POST", "messages", body, **other.bearer)).status_code == 422
    assert (await other.read())["items"] == [], "nothing is half stored"
    sent = await site.ask("POST", "messages", body, **visitor.bearer)
    assert sent.status_code == 202, sent.text
    assert (await site.ask("POST", "messages", body, **visitor.bearer)).json()["duplicate"]
    (message,) = [each for each in (await visitor.read())["items"] if each["author"] == "customer"]
    assert message["text"] == ""
    (shown,) = message["attachments"]
    assert shown["name"] == "photo.png"
    fetched = await acme.http.get("/v1/media/" + shown["url"].partition("/v1/media/")[2], headers={"Authorization": ""})
    assert fetched.content == PNG
    assert (await site.ask("POST", "messages", {"client_message_id": "m-2"}, **visitor.bearer)).status_code == 422
    program = await upload(visitor, b"MZ" + bytes(100), "photo.png")
    assert program.status_code == 422
    closed = await site_of(acme, "closed", files=False)
    assert (await upload(await closed.visited())).status_code == 403


# --- Tokens


def forged(token: str, key: bytes, **claims: Any) -> str:
    """The same token with other claims, signed by `key`."""
    header = jwt.get_unverified_header(token)
    said = jwt.decode(token, options={"verify_signature": False}) | claims
    return jwt.encode(said, key, "HS256", headers=header)


def unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."


async def test_only_a_good_token_of_this_site_lets_one_in(database: Database, acme: Company, globex: Company) -> None:
    site, second, theirs = await site_of(acme), await site_of(acme, "second"), await site_of(globex)
    visitor = await site.visited()
    keys = SigningKeys(database, RootKeys.parse(ROOT_KEYS))
    key = (await keys.current()).secret
    audience = jwt.decode(visitor.token, options={"verify_signature": False})["aud"]
    refused = {
        "nonsense": "x",
        "another site of the tenant": (await second.visited()).token,
        "another tenant's": (await theirs.visited()).token,
        "expired": forged(visitor.token, key, exp=int(time.time()) - 1),
        "wrong aud": forged(visitor.token, key, aud="mainstay-api"),
        "several aud": forged(visitor.token, key, aud=[audience, "mainstay-api"]),
        "another kind": forged(visitor.token, key, typ="access"),
        "made up key": forged(visitor.token, b"x" * 32),
        "alg none": unsigned(visitor.token),
        "an API key": acme.keys["owner"],
        "resume": visitor.opened["resume"],
    }
    for name, token in refused.items():
        for method, path, body in (
            ("GET", "messages", None),
            ("GET", "events", None),
            ("POST", "messages", {"text": "x", "client_message_id": "x"}),
        ):
            answer = await site.ask(method, path, body, Authorization=f"Bearer {token}")
            assert answer.status_code == 401, f"{name}: {method} {path}: {answer.text}"
    good = forged(visitor.token, key)
    assert (await site.ask("GET", "messages", Authorization=f"Bearer {good}")).status_code == 200
    # And nothing else is opened by it.
    for path in ("/v1/conversations", "/v1/events", "/v1/auth/me"):
        assert (await acme.get(path, headers=visitor.bearer)).status_code == 401


@pytest.mark.parametrize("why", ["disabled", "suspended"])
async def test_a_site_that_is_switched_off_takes_nothing_in(database: Database, acme: Company, why: str) -> None:
    site = await site_of(acme)
    visitor = await site.visited()
    async with visitor.events() as stream:
        if why == "disabled":
            await acme.http.patch(f"/v1/channel-accounts/{site.account}", json={"disabled": True})
        else:
            async with database.tenant(acme.id) as tx:
                await tx.connection.execute(
                    sa.text("UPDATE tenants SET suspended = true WHERE id = :id"), {"id": acme.id}
                )
            assert await stream.next() is None, "the stream ends"
    bearer = visitor.bearer
    answers = [
        await site.ask("GET", "messages", Origin=str(acme.http.base_url).rstrip("/"), **bearer),
        await site.ask("GET", "config", Origin=str(acme.http.base_url).rstrip("/")),
        await acme.http.get(f"/widget/v1/frame?account={site.account}"),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert (await site.ask("POST", "session", {})).status_code == 403, "nor has it any origins"


async def test_an_erased_conversation_is_gone_and_resume_begins_anew(acme: Company, database: Database) -> None:
    site = await site_of(acme)
    visitor = await site.visited()
    async with database.tenant(acme.id) as tx:
        await tx.connection.execute(sa.text("DELETE FROM conversations"))
    assert (await visitor.say()).status_code == 404
    assert (await site.ask("GET", "messages", **visitor.bearer)).status_code == 404
    assert (await site.ask("GET", "events", **visitor.bearer)).status_code == 404
    assert (await site.visited(resume=visitor.opened["resume"])).opened["created"]


async def test_what_resumes_is_not_in_the_records(acme: Company, database: Database) -> None:
    visitor = await (await site_of(acme)).visited()
    async with database.tenant(acme.id) as tx:
        for table in ("conversations", "customers", "events"):
            rows = " ".join((await tx.connection.execute(sa.text(f"SELECT t::text FROM {table} t"))).scalars())
            assert visitor.opened["resume"] not in rows
            assert visitor.token not in rows


# --- Whom the page knows


async def test_who_is_signed_in_on_the_page_has_one_conversation(acme: Company) -> None:
    site = await site_of(acme)
    visitor = await site.visited(identity=site.identity(name="Aigerim", email="aigerim@example.com"))
    await visitor.say()
    assert visitor.opened["resume"] is None, "the page proves them anew"
    for again in (
        await site.visited(identity=site.identity()),
        await site.visited(user={"id": "c-42", "hash": site.hash("c-42"), "name": "Aigerim"}),
    ):
        assert not again.opened["created"]
        assert HELLO in await again.texts()
    (known,) = (await acme.get("/v1/customers?external_id=c-42")).json()["items"]
    assert (known["name"], known["email"]) == ("Aigerim", "aigerim@example.com")
    other = await site.visited(identity=site.identity(sub="c-43"))
    assert await other.texts() == []


Wrong = Callable[[Site, Site], dict[str, Any]]
HEADER = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
PROVES_NOBODY: dict[str, Wrong] = {
    "ended": lambda site, _: {"identity": site.identity(exp=int(time.time()) - 1)},
    "never ends": lambda site, _: {"identity": site.identity(exp=None)},
    "ends too late": lambda site, _: {"identity": site.identity(exp=int(time.time()) + 7200)},
    "ends at infinity": lambda site, _: {"identity": site.identity(exp=float("inf"))},
    "for another account": lambda site, other: {"identity": site.identity(aud=other.account)},
    "for nobody": lambda site, _: {"identity": site.identity(aud=None)},
    "for several": lambda site, other: {"identity": site.identity(aud=[site.account, other.account])},
    "of nobody": lambda site, _: {"identity": site.identity(sub=None)},
    "of an empty name": lambda site, _: {"identity": site.identity(sub=" ")},
    "by another site's secret": lambda site, other: {"identity": site.identity(other.secret)},
    "not signed": lambda site, _: {"identity": f"{HEADER}.{site.identity().split('.')[1]}."},
    "no token": lambda _site, _other: {"identity": "x"},
    "a hash of another": lambda site, _: {"user": {"id": "c-43", "hash": site.hash("c-42")}},
    "a hash by another site's secret": lambda _, other: {"user": {"id": "c-42", "hash": other.hash("c-42")}},
}


async def test_a_wrong_proof_is_refused_and_opens_nothing(acme: Company) -> None:
    site, other = await site_of(acme), await site_of(acme, "other")
    for name, wrong in PROVES_NOBODY.items():
        answer = await site.ask("POST", "session", wrong(site, other))
        assert answer.status_code == 401, f"{name}: {answer.text}"
        assert answer.json()["type"] == "urn:mainstay:problem:identity"
        assert site.secret not in answer.text
    both = await site.ask("POST", "session", {"resume": "A" * 43, "identity": site.identity()})
    assert both.status_code == 422
    assert (await acme.get("/v1/conversations")).json()["items"] == []


async def test_an_identity_secret_is_rotated_with_an_overlap(acme: Company) -> None:
    site = await site_of(acme)
    before = site.identity()
    rotated = await acme.post(f"/v1/channel-accounts/{site.account}/rotate", {"overlap_minutes": 5})
    assert (await site.visited(identity=before)).opened["created"]
    site.secret = rotated.json()["webhook_secret"]
    assert not (await site.visited(identity=site.identity())).opened["created"]
    await acme.post(f"/v1/channel-accounts/{site.account}/rotate", {"overlap_minutes": 0})
    assert (await site.ask("POST", "session", {"identity": before})).status_code == 401


# --- Pages


async def test_only_the_sites_own_pages_may_ask(database: Database, acme: Company, globex: Company) -> None:
    """Nor pages that the tenant lists for its API, or that another tenant does."""
    site, theirs = await site_of(acme), await site_of(globex)
    listed = "https://app.example.com"
    async with database.tenant(acme.id) as tx:
        await tenants.put_settings(tx, TenantSettings(allowed_origins=(listed,)))
    visitor = await site.visited()
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    for origin in (EVIL, "null", "*", theirs.origin, listed, site.origin + ".evil.example", site.origin.upper()):
        for path in (site.path, site.path.replace("-", ""), f"/v1/widget/{UUID(site.account).urn}"):
            answer = await acme.http.options(f"{path}/session", headers={"Origin": origin, **asked})
            assert answer.status_code == 403, f"{origin} {path}"
            sent = await acme.http.post(f"{path}/session", json={}, headers={"Origin": origin})
            assert sent.status_code == 403, f"{origin} {path}"
            assert "access-control-allow-origin" not in sent.headers
        assert (await site.ask("GET", "messages", **visitor.bearer, Origin=origin)).status_code == 403
        with pytest.raises(InvalidStatus):
            await socket(visitor, origin)
    allowed = await acme.http.options(f"{site.path}/session", headers={"Origin": site.origin, **asked})
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == site.origin
    assert "access-control-allow-credentials" not in allowed.headers


async def test_the_script_is_small_cached_and_open_to_every_page(acme: Company) -> None:
    answer = await acme.http.get("/widget/v1/widget.js", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) < 30_000
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "max-age" in answer.headers["cache-control"]
    plain = await acme.http.get("/widget/v1/widget.js", headers={"Accept-Encoding": "identity"})
    assert plain.content == answer.content
    etag = {"If-None-Match": answer.headers["etag"]}
    assert (await acme.http.get("/widget/v1/widget.js", headers=etag)).status_code == 304


async def test_the_frame_may_be_shown_by_the_sites_pages_only(acme: Company) -> None:
    site = await site_of(acme, title='<script>alert("x")</script>')
    page = await acme.http.get(f"/widget/v1/frame?account={site.account}")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert f"frame-ancestors {site.origin}" in policy
    assert "unsafe" not in policy
    assert "x-frame-options" not in page.headers
    assert "<script>alert" not in page.text
    closed = await site_of(acme, "closed", origins=[])
    page = await acme.http.get(f"/widget/v1/frame?account={closed.account}")
    assert page.headers["content-security-policy"].endswith("frame-ancestors 'none'")
    for account in ("x", "00000000-0000-0000-0000-000000000000", f'{site.account}"'):
        missing = await acme.http.get("/widget/v1/frame", params={"account": account})
        assert missing.status_code == 404
        assert missing.headers["content-security-policy"].endswith("frame-ancestors 'none'")


# --- WebSocket


async def socket(visitor: Visitor, origin: str, token: str | None = None, query: str = "") -> ClientConnection:
    url = str(visitor.site.http.base_url).rstrip("/").replace("http", "ws", 1) + f"{visitor.site.path}/ws{query}"
    protocols = ["mainstay", f"token.{visitor.token if token is None else token}"]
    return await connect(url, origin=origin, subprotocols=protocols, proxy=None)  # type: ignore[arg-type]  # plain words


async def test_a_visitor_sees_an_answer_while_it_is_written(acme: Company, database: Database) -> None:
    site = await site_of(acme)
    visitor, other = await site.visited(), await site.visited()
    (conversation,) = [each["id"] for each in (await acme.get("/v1/conversations?limit=2")).json()["items"]][1:]
    async with (
        visitor.events() as stream,
        other.events() as elsewhere,
        await socket(visitor, site.origin) as connection,
    ):
        async with database.tenant(acme.id) as tx:
            await previews.put(tx, UUID(conversation), new_id(), 0, "One.")
        seen = await stream.next()
        assert seen is not None
        assert (seen.id, seen.type, seen.data) == (-1, "draft", {"text": "One."})
        told = json.loads(await asyncio.wait_for(connection.recv(), 20))
        assert told == {"type": "draft", "data": {"text": "One."}}
        await other.say()
        assert "draft" not in {event.type for event in await elsewhere.until("state")}


async def test_the_same_comes_over_a_websocket(acme: Company) -> None:
    site = await site_of(acme)
    visitor, other = await site.visited(), await site.visited()
    async with await socket(visitor, site.origin, query="?last_event_id=0") as connection:
        assert connection.subprotocol == "mainstay"
        await other.say("Not yours.")
        sent = await visitor.say()
        got: list[dict[str, Any]] = []
        while not got or got[-1]["type"] != "state":
            got.append(json.loads(await asyncio.wait_for(connection.recv(), 20)))
        assert [each["type"] for each in got] == ["message", "message", "state"]
        assert got[0]["data"]["id"] == sent.json()["message_id"]
        await connection.send("what?")
        with pytest.raises(ConnectionClosed):
            await connection.recv()
    async with await socket(visitor, site.origin, query=f"?last_event_id={got[0]['id']}") as connection:
        assert json.loads(await connection.recv()) == got[1]
    for token in ("", "x", visitor.opened["resume"], acme.keys["owner"]):
        with pytest.raises(InvalidStatus):
            await socket(visitor, site.origin, token)


async def test_a_connection_that_became_a_websocket_waits_for_no_other_request(
    acme: Company, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Protocol, "head_seconds", 0.1)
    site = await site_of(acme)
    visitor = await site.visited()
    async with await socket(visitor, site.origin) as connection:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.wait_closed(), 0.3)
    assert [record for record in caplog.records if record.name == "asyncio"] == []


# --- Limits


async def test_visitors_and_strangers_are_limited(servers: Servers, acme: Company) -> None:
    limits = {"rate_limit_visits": "4/minute", "rate_limit_visitor": "3/minute", "rate_limit_visitor_files": "1/hour"}
    site = await site_of(acme)
    async with serving(settings_of(servers, **limits)) as (url, _):
        acme.http.base_url = url
        one, other = await site.visited(), await site.visited()
        said = [(await one.say()).status_code for _ in range(4)]
        assert said == [202, 202, 202, 429]
        assert [(await upload(other)).status_code for _ in range(2)] == [201, 429]
        assert (await other.say()).status_code == 202, "nobody pays for another"
        opened = [await site.ask("POST", "session", {}) for _ in range(3)]
        assert [answer.status_code for answer in opened] == [200, 200, 429]
        assert int(opened[-1].headers["retry-after"]) > 0
