"""Sessions in cookies: out of reach for scripts, and of no use to pages of others."""

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie

import httpx
import pytest

from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import Company, company, serving, settings_of
from tests.service.api.signing_in import CHEAP, PASSWORD, PUBLIC, email_of, give_password, log_in

UI = "http://temporal.example.test:8233"
OURS = {"Origin": PUBLIC}
FOREIGN = [
    {},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": PUBLIC + ".evil.example"},
    {"Origin": PUBLIC.replace("https", "http")},
    {"Origin": UI},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Referer": PUBLIC},
]


@pytest.fixture(scope="module")
async def url(servers: Servers) -> AsyncIterator[str]:
    async with serving(settings_of(servers, **CHEAP, public_url=PUBLIC, temporal_ui_url=UI)) as (url, _):
        yield url


@pytest.fixture
async def acme(database: Database, url: str) -> AsyncIterator[Company]:
    async with company(database, url) as acme:
        await give_password(database, acme, "owner")
        yield acme


@pytest.fixture
async def page(acme: Company, url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser's page with a session; it sends what it is told to, Secure cookies over plain HTTP too."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        response = await signed_in(http, acme)
        assert response.status_code == 200, response.text
        use(http, response)
        http.headers["X-CSRF-Token"] = response.json()["csrf_token"]
        yield http


async def signed_in(http: httpx.AsyncClient, acme: Company, origin: dict[str, str] | None = None) -> httpx.Response:
    body = {"email": email_of(acme, "owner"), "password": PASSWORD, "cookies": True}
    return await http.post("/v1/auth/login/json", json=body, headers=OURS if origin is None else origin)


def cookies_of(response: httpx.Response) -> SimpleCookie:
    jar: SimpleCookie = SimpleCookie()
    for header in response.headers.get_list("set-cookie"):
        jar.load(header)
    return jar


def use(http: httpx.AsyncClient, response: httpx.Response) -> None:
    http.headers["Cookie"] = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies_of(response).items())


async def test_tokens_are_in_cookies_and_nowhere_else(acme: Company, url: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        response = await signed_in(http, acme)
    body = response.json()
    assert body["access_token"] is None
    assert body["refresh_token"] is None
    assert body["device_token"] is None
    jar = cookies_of(response)
    assert {name: (morsel["path"], bool(morsel["httponly"])) for name, morsel in jar.items()} == {
        "__Host-mainstay_access": ("/", True),
        "__Host-mainstay_csrf": ("/", False),
        "__Secure-mainstay_refresh": ("/v1/auth", True),
        "__Secure-mainstay_device": ("/v1/auth", True),
    }
    for morsel in jar.values():
        assert morsel["secure"]
        assert morsel["samesite"].lower() == "strict"
        assert not morsel["domain"]
    assert jar["__Host-mainstay_csrf"].value == body["csrf_token"]


async def test_without_https_the_names_claim_nothing(acme: Company, servers: Servers) -> None:
    async with (
        serving(settings_of(servers, **CHEAP)) as (plain, _),
        httpx.AsyncClient(base_url=plain, trust_env=False) as http,
    ):
        response = await signed_in(http, acme, {"Sec-Fetch-Site": "same-origin"})
    jar = cookies_of(response)
    assert set(jar) == {"mainstay_access", "mainstay_csrf", "mainstay_refresh", "mainstay_device"}
    assert not any(morsel["secure"] for morsel in jar.values())


async def test_a_page_reads_and_writes(page: httpx.AsyncClient) -> None:
    assert (await page.get("/v1/auth/me")).json()["name"] == "Owner"
    for ours in (OURS, {"Sec-Fetch-Site": "same-origin"}):
        renamed = await page.patch("/v1/auth/me", json={"name": "Somebody"}, headers=ours)
        assert renamed.status_code == 200, renamed.text


@pytest.mark.parametrize("foreign", FOREIGN)
async def test_a_foreign_page_changes_nothing(page: httpx.AsyncClient, acme: Company, foreign: dict[str, str]) -> None:
    refused = [
        await page.patch("/v1/auth/me", json={"name": "Stolen"}, headers=foreign),
        await page.post("/v1/auth/logout", headers=foreign),
        await page.post("/v1/auth/refresh", headers=foreign),
        await page.post("/v1/conversations", json={}, headers=foreign),
        await signed_in(page, acme, foreign),
    ]
    assert [response.status_code for response in refused] == [403] * 5
    kinds = {response.json()["type"].rpartition(":")[2] for response in refused}
    assert kinds <= {"cross-site", "origin"}
    assert (await page.get("/v1/auth/me")).json()["name"] == "Owner"


@pytest.mark.parametrize("token", [None, "", "x", "0" * 43])
async def test_without_the_sessions_csrf_token_nothing_changes(page: httpx.AsyncClient, token: str | None) -> None:
    del page.headers["X-CSRF-Token"]
    headers = OURS | ({} if token is None else {"X-CSRF-Token": token})
    for path in ("/v1/auth/logout", "/v1/auth/refresh"):
        assert (await page.post(path, headers=headers)).status_code == 403
    assert (await page.get("/v1/auth/me")).status_code == 200


async def test_another_sessions_csrf_token_is_none(page: httpx.AsyncClient, acme: Company, url: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as other:
        token = (await signed_in(other, acme)).json()["csrf_token"]
    response = await page.post("/v1/auth/logout", headers=OURS | {"X-CSRF-Token": token})
    assert response.status_code == 403


async def test_refreshing_by_cookie(page: httpx.AsyncClient) -> None:
    before = page.headers["Cookie"]
    response = await page.post("/v1/auth/refresh", headers=OURS)
    assert response.status_code == 200, response.text
    assert response.json()["refresh_token"] is None
    assert response.json()["csrf_token"] == page.headers["X-CSRF-Token"]
    use(page, response)
    assert page.headers["Cookie"] != before
    assert (await page.patch("/v1/auth/me", json={"name": "Again"}, headers=OURS)).status_code == 200
    page.headers["Cookie"] = before
    assert (await page.post("/v1/auth/refresh", headers=OURS)).status_code == 401


async def test_signing_in_anew_ends_the_session_before(page: httpx.AsyncClient, acme: Company) -> None:
    before = page.headers["Cookie"]
    use(page, await signed_in(page, acme))
    listed = (await page.get("/v1/auth/sessions")).json()["items"]
    assert [each["current"] for each in listed] == [True]
    page.headers["Cookie"] = before
    assert (await page.get("/v1/auth/me")).status_code == 401


async def test_a_used_refresh_token_ends_nothing_at_a_sign_in(page: httpx.AsyncClient, acme: Company) -> None:
    used = page.headers["Cookie"]
    use(page, await page.post("/v1/auth/refresh", headers=OURS))
    current, page.headers["Cookie"] = page.headers["Cookie"], used
    assert (await signed_in(page, acme)).status_code == 200
    page.headers["Cookie"] = current
    assert (await page.get("/v1/auth/me")).status_code == 200


async def test_signing_out_clears_the_cookies(page: httpx.AsyncClient) -> None:
    response = await page.post("/v1/auth/logout", headers=OURS)
    assert response.status_code == 204
    cleared = cookies_of(response)
    assert {name: (morsel.value, morsel["max-age"]) for name, morsel in cleared.items()} == dict.fromkeys(
        ("__Host-mainstay_access", "__Host-mainstay_csrf", "__Secure-mainstay_refresh"), ("", "0")
    )
    assert (await page.post("/v1/auth/refresh", headers=OURS)).status_code == 401


async def test_a_bearer_header_wins(page: httpx.AsyncClient, acme: Company) -> None:
    as_boris = {"Authorization": f"Bearer {acme.keys['boris']}"}
    assert (await page.post("/v1/conversations", json={}, headers=as_boris)).status_code == 201
    assert (await page.get("/v1/auth/me", headers=as_boris)).status_code == 403
    for wrong in ("Bearer nonsense", "Bearer", "Basic abc", ""):
        assert (await page.get("/v1/auth/me", headers={"Authorization": wrong})).status_code == 401


async def test_what_is_no_cookie_of_ours_opens_nothing(page: httpx.AsyncClient, acme: Company) -> None:
    bearer = await log_in(page, email_of(acme, "owner"))
    for token in (acme.keys["owner"], "x", ""):
        page.headers["Cookie"] = f"__Host-mainstay_access={token}"
        assert (await page.get("/v1/conversations")).status_code == 401
    # An access token that was not made for a cookie changes nothing from there.
    page.headers["Cookie"] = f"__Host-mainstay_access={bearer.access}"
    assert (await page.post("/v1/auth/logout", headers=OURS)).status_code == 403


async def test_the_temporal_ui_decodes_and_does_nothing_else(page: httpx.AsyncClient) -> None:
    del page.headers["X-CSRF-Token"]
    decoded = await page.post("/v1/codec/decode", json={"payloads": []}, headers={"Origin": UI})
    assert decoded.status_code == 200, decoded.text
    for origin in ("https://evil.example", PUBLIC):
        refused = await page.post("/v1/codec/decode", json={"payloads": []}, headers={"Origin": origin})
        assert refused.status_code == 403
