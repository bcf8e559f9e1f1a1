"""What is no good credential opens nothing, and the answer does not say why."""

from collections.abc import AsyncIterator

import httpx
import pytest

from models.contracts.settings import TenantSettings
from models.repositories import tenants
from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import Company, company, serving, settings_of
from tests.service.api.signing_in import CHEAP, PUBLIC, Login, email_of, give_password, log_in, refreshed


@pytest.fixture(scope="module")
async def url(servers: Servers) -> AsyncIterator[str]:
    async with serving(settings_of(servers, **CHEAP, public_url=PUBLIC)) as (url, _):
        yield url


@pytest.fixture
async def acme(database: Database, url: str) -> AsyncIterator[Company]:
    async with company(database, url) as acme:
        await give_password(database, acme, "boris")
        yield acme


@pytest.fixture
async def login(acme: Company) -> Login:
    return await log_in(acme.http, email_of(acme, "boris"))


async def test_every_wrong_token_gets_the_same_answer(acme: Company, login: Login) -> None:
    wrong = [
        login.refresh,
        login.device,
        login.access[:-1],
        login.access + "A",
        login.access.partition(".")[2],
        "msk_" + "x" * 43,
        "msk_",
        "x" * 5000,
        "..",
        "ü",
    ]
    answers = []
    for token in wrong:
        response = await acme.get("/v1/conversations", headers={"Authorization": f"Bearer {token}".encode()})
        answer = response.json()
        del answer["request_id"]
        answers.append((response.status_code, response.headers["www-authenticate"], answer))
    assert answers == [answers[0]] * len(wrong)
    assert answers[0][0] == 401


async def test_an_access_token_refreshes_nothing(acme: Company, login: Login) -> None:
    for token in (login.access, login.device, login.refresh[:-1], login.refresh + "A", "msr_" + "A" * 65):
        assert (await refreshed(acme.http, token)).status_code == 401
    assert (await refreshed(acme.http, login.refresh)).status_code == 200


async def test_two_authorization_headers_are_none(acme: Company, url: str, login: Login) -> None:
    pair = ("Authorization", f"Bearer {login.access}")
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        assert (await http.get("/v1/auth/me", headers=[pair])).status_code == 200
        for second in (pair, ("authorization", "Bearer x"), ("Authorization", f"Bearer {acme.keys['owner']}")):
            assert (await http.get("/v1/auth/me", headers=[pair, second])).status_code == 401


async def test_a_huge_header_is_refused(acme: Company) -> None:
    async with httpx.AsyncClient(base_url=acme.http.base_url, trust_env=False) as http:
        try:
            response = await http.get("/v1/auth/me", headers={"Authorization": "Bearer " + "x" * 1_000_000})
            status = response.status_code
        except httpx.TransportError:
            status = 400  # hung up while we were still sending
    assert 400 <= status < 500
    assert (await acme.get("/health/live")).status_code == 200


async def test_a_tenants_own_site_may_not_use_cookies(acme: Company, database: Database, url: str) -> None:
    """What a tenant allows for bearer tokens does not reach to sessions in cookies."""
    shop = "https://shop.example"
    async with database.tenant(acme.id) as tx:
        await tenants.put_settings(tx, TenantSettings(allowed_origins=(shop,)))
    body = {"email": email_of(acme, "boris"), "password": "correct horse battery staple", "cookies": True}
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        page = await http.post("/v1/auth/login/json", json=body, headers={"Origin": PUBLIC})
        headers = {
            "Cookie": f"__Host-mainstay_access={page.cookies['__Host-mainstay_access']}",
            "X-CSRF-Token": page.json()["csrf_token"],
        }
        mine = await http.post("/v1/conversations", json={}, headers=headers | {"Origin": PUBLIC})
        assert mine.status_code == 201, mine.text
        foreign = await http.post("/v1/conversations", json={}, headers=headers | {"Origin": shop})
        assert foreign.status_code == 403
