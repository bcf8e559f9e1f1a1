"""Sites as knowledge on the whole system: asked for, watched, cancelled, run by a schedule, and from the command line."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from models.contracts.routing import crawl_schedule_id
from models.payload_keys import connected
from runtime.embedded import Servers
from tests.fakes.site import Page, Site, html, serving
from tests.service.api.house import Company, settings_of
from tests.service.test_kb_command_line import kb
from tests.service.whole import eventually, job_is_done, system

SAID = "Delivery to Astana takes 2 days and costs 1,490 tenge."


@pytest.fixture(scope="module")
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


@pytest.fixture(scope="module")
async def shop(servers: Servers, site: Site) -> AsyncIterator[Company]:
    allowed = {"egress_allow": "127.0.0.1/32", "egress_ports": f"443,{site.port}", "crawl_pause_seconds": 0}
    async with system(servers, learns=False, **allowed) as shop:
        yield shop


@pytest.fixture(scope="module")
async def client(servers: Servers) -> AsyncIterator[Client]:
    async with connected(settings_of(servers)) as client:
        yield client


async def ask(shop: Company, site: Site, **body: Any) -> dict[str, Any]:
    asked = await shop.post("/v1/kb/crawls", {"name": "site", "url": site.url, **body})
    assert asked.status_code == 202, asked.text
    found: dict[str, Any] = asked.json()
    return found


async def ended(shop: Company, crawl: str) -> dict[str, Any]:
    """The crawl, its latest run over, and its pages knowledge."""
    found: dict[str, Any] = {}

    async def is_over() -> bool:
        found.update((await shop.get(f"/v1/kb/crawls/{crawl}")).json())
        return found["status"] not in ("queued", "running")

    await eventually(is_over, 60)
    if found["job_id"]:
        await eventually(lambda: job_is_done(shop, found["job_id"]), 60)
    return found


async def test_a_site_from_its_address_to_an_answer_and_again(shop: Company, site: Site, client: Client) -> None:
    site.pages = {"/": html("Welcome.", "/delivery", "/gone"), "/delivery": html(SAID)}
    crawl = await ask(shop, site, tags=["astana"], every_hours=24, include=["/delivery", "/gone"])
    found = await ended(shop, crawl["id"])
    assert (found["status"], found["error"], found["every_hours"]) == ("done", None, 24)
    assert {state: number for state, number in found["pages"].items() if number} == {
        "fetched": 1, "gone": 1, "skipped": 1,
    }  # fmt: skip
    assert found["bytes"] == len(site.pages["/delivery"].body)
    pages = (await shop.get(f"/v1/kb/crawls/{crawl['id']}/pages", params={"state": "fetched"})).json()["items"]
    assert [(page["url"], page["file_status"], page["status"]) for page in pages] == [
        (f"{site.url}/delivery", "read", 200)
    ]
    answer = await shop.post("/v1/kb/search", {"query": "How long does delivery to Astana take?", "tags": ["astana"]})
    assert answer.json()["passages"][0]["uri"] == f"{site.url}/delivery"
    assert [each["id"] for each in (await shop.get("/v1/kb/crawls")).json()["items"]] == [crawl["id"]]

    kept = client.get_schedule_handle(crawl_schedule_id(shop.id, crawl["id"]))
    described = (await kept.describe()).schedule
    assert (described.policy.overlap.name, described.policy.catchup_window) == ("SKIP", timedelta(hours=1))
    assert described.spec.intervals[0].every == timedelta(hours=24)
    site.pages["/delivery"] = html(SAID.replace("2 days", "3 days"))
    await kept.trigger()

    async def ran() -> bool:
        now = (await shop.get(f"/v1/kb/crawls/{crawl['id']}")).json()
        return bool(now["started_at"] != found["started_at"])

    await eventually(ran, 60)
    again = await ended(shop, crawl["id"])
    assert (again["status"], again["job_id"] != found["job_id"]) == ("done", True)
    (document,) = (await shop.get("/v1/kb/documents")).json()["items"]
    assert (document["uri"], document["version"]) == (f"{site.url}/delivery", 2)

    assert (await shop.http.delete(f"/v1/kb/crawls/{crawl['id']}/schedule")).status_code == 204
    assert (await shop.http.delete(f"/v1/kb/crawls/{crawl['id']}/schedule")).status_code == 404
    with pytest.raises(RPCError):
        await kept.describe()
    # With its source the schedule goes, too.
    await ask(shop, site, every_hours=24)
    await ended(shop, crawl["id"])
    await kept.describe()
    assert (await shop.http.delete(f"/v1/kb/sources/{crawl['source_id']}")).status_code == 204
    with pytest.raises(RPCError):
        await kept.describe()
    assert (await shop.get(f"/v1/kb/crawls/{crawl['id']}")).status_code == 404


async def test_a_run_under_way_is_not_asked_for_twice_and_can_be_cancelled(shop: Company, site: Site) -> None:
    arrived, answered = asyncio.Event(), asyncio.Event()
    site.pages = {"/": html(SAID, "/slow"), "/slow": Page(b"Late.", "text/plain", hangs=answered)}
    site.reached["/slow"] = arrived
    crawl = await ask(shop, site, name="slow")
    await arrived.wait()
    again = await shop.post("/v1/kb/crawls", {"name": "slow", "url": site.url})
    assert (again.status_code, again.json()["type"].rpartition(":")[2]) == (409, "crawl-running")
    agent = shop.as_("aigerim")
    assert (await shop.post(f"/v1/kb/crawls/{crawl['id']}/cancel", headers=agent)).status_code == 403
    cancelled = await shop.post(f"/v1/kb/crawls/{crawl['id']}/cancel")
    assert cancelled.json()["status"] == "cancelled"
    assert (await shop.post(f"/v1/kb/crawls/{crawl['id']}/cancel")).status_code == 409
    asked_again = await ask(shop, site, name="slow")
    answered.set()
    assert asked_again["id"] == crawl["id"]
    # Of the run before, what was fetched is known, or is not yet.
    pages = (await ended(shop, crawl["id"]))["pages"]
    assert (pages["fetched"] + pages["unchanged"], pages["queued"]) == (2, 0)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "https://user:password@example.com/"}, "url"),
        ({"url": "https://example.com:22/"}, "url"),
        ({"url": "https://0x7f.1/"}, "url"),
        ({"mode": "everything"}, "mode"),
        ({"max_pages": 0}, "max_pages"),
        ({"max_pages": 2001}, "max_pages"),
        ({"max_depth": 51}, "max_depth"),
        ({"include": ["help"]}, "include.0"),
        ({"exclude": ["/a b"]}, "exclude.0"),
        ({"every_hours": 0.5}, "every_hours"),
        ({"language": "de"}, "language"),
        ({"tenant_id": "x"}, "tenant_id"),
    ],
)
async def test_a_wrong_crawl_names_the_field_and_stores_nothing(
    shop: Company, body: dict[str, Any], field: str
) -> None:
    refused = await shop.post("/v1/kb/crawls", {"name": "wrong", "url": "https://example.com/", **body})
    assert refused.status_code == 422, refused.text
    assert [each["field"] for each in refused.json()["errors"]] == [field]
    assert "wrong" not in {each["name"] for each in (await shop.get("/v1/kb/sources")).json()["items"]}


async def test_from_the_command_line(shop: Company, site: Site) -> None:
    site.pages = {"/": html(SAID, "/broken"), "/broken": Page(b"", status=500)}
    done = await kb(shop, "crawl", site.url, "--source", "shop", "--every", "2d", "--max-pages", "10")
    assert done.code == 0, done
    assert "done. 1 fetched, 1 failed." in done.out
    assert "/broken" in done.err
    assert "1 documents changed" in done.out
    assert (await kb(shop, "crawls", "unschedule", "shop")).code == 0
    pages = (await kb(shop, "crawls", "pages", "shop", "--state", "failed", "--json")).json
    assert [(page["reason"], page["status"]) for page in pages] == [("http_error", 500)]
    listed = {each["id"]: each for each in (await shop.get("/v1/kb/crawls")).json()["items"]}
    (ours,) = [each for each in listed.values() if each["source_id"] == await source_called(shop, "shop")]
    assert (ours["every_hours"], ours["max_pages"]) == (None, 10)


async def source_called(shop: Company, name: str) -> str:
    (found,) = [each for each in (await shop.get("/v1/kb/sources")).json()["items"] if each["name"] == name]
    identity: str = found["id"]
    return identity


async def test_an_address_at_which_nothing_is(shop: Company, site: Site) -> None:
    crawl = await ask(shop, site, name="lost", url=f"{site.url}/nowhere", mode="page")
    found = await ended(shop, crawl["id"])
    assert (found["status"], found["error"], found["pages"]["gone"]) == ("failed", "gone", 1)
