"""Web pages of other origins: only those of the caller's own tenant, and never with a wildcard or credentials."""

import httpx
import pytest

from models.contracts.settings import TenantSettings
from models.repositories import tenants
from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import Company, serving, settings_of

PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}


async def lists(database: Database, company: Company, *origins: str) -> None:
    settings = TenantSettings(allowed_origins=origins)
    async with database.tenant(company.id) as tx:
        await tenants.put_settings(tx, settings)


def of(company: Company, scheme: str = "https") -> str:
    """An origin that no other test uses."""
    return f"{scheme}://{company.slug}.example.com"


async def preflight(company: Company, origin: str, path: str = "/v1/conversations") -> httpx.Response:
    return await company.http.request("OPTIONS", path, headers={"Origin": origin, "Authorization": ""} | PREFLIGHT)


def told(response: httpx.Response) -> set[str]:
    return {name for name in response.headers if name.startswith("access-control-")}


async def test_a_page_of_the_tenants_own_is_served(database: Database, acme: Company) -> None:
    origin = of(acme)
    await lists(database, acme, origin)
    asked = await preflight(acme, origin)
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == origin
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert {"authorization", "content-type", "idempotency-key", "last-event-id"} <= set(
        asked.headers["access-control-allow-headers"].lower().split(", ")
    )
    answers = [
        await acme.post("/v1/conversations", {}, headers={"Origin": origin}),
        await acme.get("/v1/conversations/x", headers={"Origin": origin}),
        await acme.get("/v1/conversations", headers={"Origin": origin, "Authorization": ""}),
    ]
    assert [answer.status_code for answer in answers] == [201, 422, 401]
    for answer in (asked, *answers):
        assert answer.headers["access-control-allow-origin"] == origin
        assert "access-control-allow-credentials" not in answer.headers
        assert "Origin" in answer.headers["vary"]
    async with acme.stream("/v1/events?after=0", Origin=origin) as stream:
        assert stream.response.headers["access-control-allow-origin"] == origin


async def test_a_page_of_another_tenant_is_not(database: Database, acme: Company, globex: Company) -> None:
    origin = of(globex)
    await lists(database, globex, origin)
    assert (await preflight(acme, origin)).status_code == 204, "whose page it is, is known with the request"
    for answer in (
        await acme.post("/v1/conversations", {}, headers={"Origin": origin}),
        await acme.get("/v1/events", headers={"Origin": origin}),
    ):
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:mainstay:problem:origin"
        assert told(answer) == set()
    assert (await acme.get("/v1/conversations")).json()["items"] == []


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "*",
        "https://evil.example",
        "https://{slug}.example.com.evil.example",
        "https://evil{slug}.example.com",
        "http://{slug}.example.com",
        "https://{slug}.example.com:8443",
        "https://{slug}.example.com/",
        "https://{slug}.example.com\tx",
        "https://{slug}.example.com, https://evil.example",
        "https://user@{slug}.example.com",
        "HTTPS://{slug}.example.com",
        "file://",
        "x" * 5000,
    ],
)
async def test_no_other_origin_is(database: Database, acme: Company, origin: str) -> None:
    await lists(database, acme, of(acme))
    origin = origin.format(slug=acme.slug)
    for answer in (
        await preflight(acme, origin),
        await acme.post("/v1/conversations", {}, headers={"Origin": origin}),
    ):
        assert answer.status_code == 403
        assert told(answer) == set()


async def test_pages_of_the_gateways_own_origin_and_callers_without_one_need_no_list(
    servers: Servers, acme: Company
) -> None:
    async with serving(settings_of(servers, public_url="https://support.example.com")) as (url, _):
        for origin in (url, "https://support.example.com"):
            answer = await acme.post(f"{url}/v1/conversations", {}, headers={"Origin": origin})
            assert answer.status_code == 201
            assert told(answer) == set()
    assert (await acme.post("/v1/conversations", {})).status_code == 201


async def test_a_suspended_tenants_list_counts_for_nothing(database: Database, acme: Company, servers: Servers) -> None:
    await lists(database, acme, of(acme))
    admin = Database(servers.admin_database_url, pool_size=1)
    async with admin.system() as tx:
        await tx.connection.exec_driver_sql(f"UPDATE tenants SET suspended = true WHERE id = '{acme.id}'")
    await admin.close()
    assert (await preflight(acme, of(acme))).status_code == 403


async def test_the_temporal_ui_reaches_the_codec_and_nothing_else(servers: Servers, acme: Company) -> None:
    async with serving(settings_of(servers, temporal_ui_url="http://localhost:8233/")) as (url, _):
        codec = await preflight(acme, "http://localhost:8233", f"{url}/v1/codec/decode")
        other = await preflight(acme, "http://localhost:8233", f"{url}/v1/conversations")
        lookalike = await preflight(acme, "http://localhost:8233", f"{url}/v1/codecs")
    assert codec.status_code == 204
    assert codec.headers["access-control-allow-origin"] == "http://localhost:8233"
    assert "x-namespace" in codec.headers["access-control-allow-headers"].lower()
    assert {other.status_code, lookalike.status_code} == {403}
