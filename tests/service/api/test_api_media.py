"""Files beside messages over HTTP: uploaded, sent with a reply, and fetched by whoever has the link."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from runtime.crypto.roots import RootKeys
from runtime.database import Database
from runtime.embedded import Servers
from runtime.media import links
from runtime.media.links import Links
from tests.service.api.house import ROOT_KEYS, Company, company, serving, settings_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
PAGE = b"<!doctype html><script>alert(1)</script>"


async def upload(
    acme: Company, conversation: str, content: bytes, name: str = "photo.png", **form: Any
) -> httpx.Response:
    files = {"file": (name, content)}
    return await acme.http.post(f"/v1/conversations/{conversation}/attachments", files=files, data=form)


def path_of(url: str) -> str:
    return url[url.index(links.PATH) :]


async def fetched(acme: Company, url: str, **headers: str) -> httpx.Response:
    """Without signing in."""
    async with httpx.AsyncClient(base_url=acme.http.base_url, trust_env=False) as anybody:
        return await anybody.get(path_of(url), headers=headers)


async def test_a_file_is_sent_with_a_reply_and_fetched_by_its_link(acme: Company) -> None:
    conversation, escalation = await acme.escalated()
    stored = (await upload(acme, conversation, PNG, "../Чек.png")).json()
    said = {name: stored[name] for name in ("kind", "name", "mime", "size", "state")}
    assert said == {"kind": "image", "name": "Чек.png", "mime": "image/png", "size": len(PNG), "state": "stored"}
    async with acme.stream(f"/v1/conversations/{conversation}/events") as stream:
        reply = {"attachment_ids": [stored["id"]]}
        replied = await acme.post(f"/v1/escalations/{escalation}/reply", reply, headers=acme.as_("aigerim"))
        assert replied.status_code == 200, replied.text
        told = (await stream.until("message", author="manager"))[-1].data
    page = (await acme.get(f"/v1/conversations/{conversation}/messages")).json()["items"]
    shown = (await acme.get(f"/v1/escalations/{escalation}")).json()["messages"]
    for message in (told, page[-1], shown[-1]):
        assert (message["text"], [each["id"] for each in message["attachments"]]) == ("", [stored["id"]])
    file = await fetched(acme, page[-1]["attachments"][0]["url"])
    assert (file.status_code, file.content, file.headers["content-type"]) == (200, PNG, "image/png")
    assert file.headers["content-disposition"] == "inline; filename*=UTF-8''%D0%A7%D0%B5%D0%BA.png"
    assert file.headers["cross-origin-resource-policy"] == "cross-origin"
    assert (file.headers["x-content-type-options"], file.headers["accept-ranges"]) == ("nosniff", "bytes")
    customer = (await acme.get(f"/v1/conversations/{conversation}")).json()["customer"]["id"]
    (exported,) = (await acme.get(f"/v1/customers/{customer}/export")).json()["attachments"]
    assert (await fetched(acme, exported["url"])).content == PNG
    again = await acme.post(f"/v1/escalations/{escalation}/reply", reply, headers=acme.as_("aigerim"))
    assert (again.status_code, again.json()["errors"][0]["field"]) == (422, "attachment_ids")
    other = await upload(acme, await acme.opened(), PNG)
    elsewhere = await acme.post(f"/v1/escalations/{escalation}/reply", {"attachment_ids": [other.json()["id"]]})
    assert elsewhere.status_code == 422


async def test_a_customers_file_is_sent_with_a_message_once(acme: Company) -> None:
    conversation = await acme.opened()
    path = f"/v1/conversations/{conversation}/messages"
    file = (await upload(acme, conversation, PNG)).json()["id"]
    body = {"attachment_ids": [file], "client_message_id": "m-1"}
    sent = [await acme.post(path, body) for _ in range(2)]
    assert [each.json()["duplicate"] for each in sent] == [False, True], sent[-1].text
    first = (await acme.get(path)).json()["items"][0]
    assert (first["author"], first["text"], [each["id"] for each in first["attachments"]]) == ("customer", "", [file])
    taken = await acme.post(path, {"text": "Again.", "attachment_ids": [file]})
    assert (taken.status_code, taken.json()["errors"][0]["field"]) == (422, "attachment_ids")
    assert (await acme.post(path, {})).status_code == 422
    mine = [each for each in (await acme.get(path)).json()["items"] if each["author"] == "customer"]
    assert len(mine) == 1, "of what was refused nothing is stored"


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=8-11", 206, PNG[8:12]),
        ("bytes=8-", 206, PNG[8:]),
        ("bytes=-5", 206, PNG[-5:]),
        (f"bytes=0-{len(PNG) + 5}", 200, PNG),
        ("bytes=0-1,5-6", 200, PNG),
        ("lines=1-2", 200, PNG),
    ],
)
async def test_parts_of_a_file(acme: Company, asked: str, status: int, part: bytes) -> None:
    url = (await upload(acme, await acme.opened(), PNG)).json()["url"]
    got = await fetched(acme, url, Range=asked)
    assert (got.status_code, got.content) == (status, part)
    beyond = await fetched(acme, url, Range=f"bytes={len(PNG)}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(PNG)}")


async def test_a_link_is_of_one_file_and_for_a_while(acme: Company, globex: Company) -> None:
    url = (await upload(acme, await acme.opened(), PNG)).json()["url"]
    path, query = path_of(url).split("?")
    tenant, file = path.removeprefix(links.PATH).split("/")
    for forged in (
        f"{links.PATH}{globex.id}/{file}?{query}",
        f"{links.PATH}{tenant}/{uuid4()}?{query}",
        f"{path}?{query[:-1]}",
        f"{path}?expires=9999999999&signature=x",
    ):
        assert (await fetched(acme, forged)).status_code == 404
    assert (await fetched(acme, path)).status_code == 422
    secret = RootKeys.parse(ROOT_KEYS).derived(links.PURPOSE)[0]
    past = links._signature(secret, f"{tenant}/{file}", 1_000)
    assert (await fetched(acme, f"{path}?expires=1000&signature={past}")).status_code == 410
    assert (await fetched(acme, Links("", [secret]).url(f"{tenant}/{uuid4()}"))).status_code == 404


async def test_what_could_hold_a_script_is_a_download_whatever_it_is_called(acme: Company) -> None:
    stored = (await upload(acme, await acme.opened(), PAGE, "photo.png")).json()
    assert (stored["kind"], stored["mime"]) == ("document", "text/html")
    file = await fetched(acme, stored["url"])
    assert (file.content, file.headers["content-type"]) == (PAGE, "application/octet-stream")
    assert file.headers["content-disposition"].startswith("attachment")
    assert "default-src 'none'" in file.headers["content-security-policy"]


async def test_what_is_not_taken(servers: Servers, database: Database, globex: Company) -> None:
    async with (
        serving(settings_of(servers, media_mib=1, media_tenant_mib=1)) as (url, _),
        company(database, url) as acme,
    ):
        conversation = await acme.opened()
        for content, name in ((b"", "empty"), (b"MZ\x90\x00", "invoice.pdf"), (b"x" * (1 << 20) + b"x", "large")):
            refused = await upload(acme, conversation, content, name)
            assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "file"), refused.text
        assert (await upload(acme, conversation, b"x" * (1 << 20) + b"x" * 70_000)).status_code == 413
        assert (await upload(acme, conversation, b"x", extra="1")).json()["errors"][0]["field"] == "extra"
        assert (await upload(acme, await globex.opened(), b"x")).status_code == 404
        assert (await upload(acme, conversation, b"x" * 1_000_000)).status_code == 201
        full = await upload(acme, conversation, b"x" * 100_000)
        assert (full.status_code, full.json()["type"]) == (409, "urn:mainstay:problem:media-full")
