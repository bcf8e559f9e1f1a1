"""Re-indexing by the API: a job, one at a time, and a schedule that Temporal keeps."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from models.contracts.routing import reindex_schedule_id
from models.payload_keys import connected
from runtime.embedded import Servers
from tests.service.api.house import Company, settings_of
from tests.service.whole import eventually, job_is_done, system


@pytest.fixture(scope="module")
async def shop(servers: Servers) -> AsyncIterator[Company]:
    async with system(servers, learns=False) as shop:
        pages = [{"name": f"{n}.md", "text": f"Part {n} costs {n * 10} tenge."} for n in range(3)]
        staged = (await shop.post("/v1/kb/sources", {"name": "parts", "documents": pages})).json()
        await eventually(lambda: job_is_done(shop, staged["job_id"]), 60)
        yield shop


async def done(shop: Company, reindex: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def ended() -> bool:
        found.update((await shop.get(f"/v1/kb/reindex/{reindex}")).json())
        return found["status"] not in ("queued", "running")

    await eventually(ended, 60)
    return found


async def test_a_reindex_runs_and_tells_how_far_it_is(shop: Company) -> None:
    begun = await shop.post("/v1/kb/reindex", {})
    assert begun.status_code == 202, begun.text
    ended = await done(shop, begun.json()["id"])
    assert (ended["status"], ended["chunks_total"], ended["chunks_embedded"]) == ("done", 3, 3)
    assert ended["space"] == "embedded/multilingual-e5-small/384"
    listed = (await shop.get("/v1/kb/reindex")).json()["items"]
    assert listed[0]["id"] == ended["id"]


async def test_agents_may_look_and_not_touch(shop: Company) -> None:
    agent = shop.as_("aigerim")
    assert (await shop.post("/v1/kb/reindex", {}, headers=agent)).status_code == 403
    assert (await shop.get("/v1/kb/reindex", headers=agent)).status_code == 200
    assert (await shop.http.put("/v1/kb/schedule", json={"every_hours": 1}, headers=agent)).status_code == 403


async def test_a_schedule_is_kept_replaced_and_deleted(shop: Company, servers: Servers) -> None:
    assert (await shop.get("/v1/kb/schedule")).status_code == 404
    stored = await shop.http.put("/v1/kb/schedule", json={"cron": "0 3 * * 0"})
    assert stored.status_code == 200, stored.text
    assert stored.json()["cron"] == "0 3 * * 0"
    assert stored.json()["next_run"]
    replaced = await shop.http.put("/v1/kb/schedule", json={"every_hours": 24})
    assert (replaced.json()["cron"], replaced.json()["every_hours"]) == (None, 24)

    async with connected(settings_of(servers)) as client:
        kept = client.get_schedule_handle(reindex_schedule_id(shop.id))
        policy = (await kept.describe()).schedule.policy
        assert (policy.overlap.name, policy.catchup_window) == ("SKIP", timedelta(hours=1))
        before = {each["id"] for each in (await shop.get("/v1/kb/reindex")).json()["items"]}
        await kept.trigger()

    async def ran() -> bool:
        now = (await shop.get("/v1/kb/reindex")).json()["items"]
        return any(each["id"] not in before and each["status"] == "done" for each in now)

    await eventually(ran, 60)
    assert (await shop.http.delete("/v1/kb/schedule")).status_code == 204
    assert (await shop.http.delete("/v1/kb/schedule")).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"cron": "0 3 * * 0", "every_hours": 1}, ""),
        ({"cron": "0 99 * * 0"}, "cron"),
        ({"cron": "every day"}, "cron"),
        ({"cron": "* * * * *\n"}, "cron"),
        ({"every_hours": 0}, "every_hours"),
        ({"every_hours": 1.5}, "every_hours"),
        ({"every_hours": 1, "tenant_id": "x"}, "tenant_id"),
    ],
)
async def test_a_wrong_schedule_names_the_field_and_is_not_kept(
    shop: Company, body: dict[str, Any], field: str
) -> None:
    refused = await shop.http.put("/v1/kb/schedule", json=body)
    assert refused.status_code == 422, refused.text
    assert any(field in each["field"] for each in refused.json()["errors"])
    assert (await shop.get("/v1/kb/schedule")).status_code == 404
