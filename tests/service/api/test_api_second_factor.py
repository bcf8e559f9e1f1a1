"""The second factor: added with a password, asked for at sign-in, each code good once; lost, and taken away."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
import httpx
import pyotp
import pytest
import sqlalchemy as sa

from models.contracts.enums import Role
from models.contracts.settings import TenantSettings
from models.repositories import api_keys, second_factors, tenants
from models.repositories.second_factors import RECOVERY_CODES, STEP_SECONDS, WRONG_CODES, Factor
from models.repositories.vault import Vault
from models.tables import metadata
from models.tables import second_factors as table
from runtime.crypto.roots import RootKeys
from runtime.database import Database, driver_url
from runtime.embedded import Servers
from tests.service.api.house import ROOT_KEYS, Company, company, serving, settings_of
from tests.service.api.signing_in import CHEAP, PASSWORD, Login, audited, email_of, give_password, log_in, try_login
from tests.service.api.test_api_command_line import Terminal

KIND = "urn:mainstay:problem:"


@pytest.fixture(scope="module")
async def url(servers: Servers) -> AsyncIterator[str]:
    async with serving(settings_of(servers, **CHEAP)) as (url, _):
        yield url


@pytest.fixture
async def acme(database: Database, url: str) -> AsyncIterator[Company]:
    async with company(database, url) as acme:
        for name in ("owner", "boris"):
            await give_password(database, acme, name)
        yield acme


@pytest.fixture
def vault() -> Vault:
    return Vault(RootKeys.parse(ROOT_KEYS))


@dataclass
class App:
    """An authenticator app. Its clock is half a minute ahead, so that a test need not wait for a code after `used`."""

    key: str
    used: str
    recovery_codes: list[str]

    def code(self, ahead: int = 1) -> str:
        return pyotp.TOTP(self.key).at(time.time() + ahead * STEP_SECONDS)


async def asked(acme: Company, method: str, path: str, login: Login, **body: Any) -> httpx.Response:
    return await acme.http.request(method, f"/v1/auth/{path}", json=body, headers=login.headers)


async def added(acme: Company, login: Login) -> App:
    begun = await asked(acme, "POST", "totp", login, password=PASSWORD)
    assert begun.status_code == 200, begun.text
    key = begun.json()["secret"]
    used = pyotp.TOTP(key).now()
    confirmed = await asked(acme, "POST", "totp/confirm", login, code=used)
    assert confirmed.status_code == 200, confirmed.text
    return App(key, used, confirmed.json()["recovery_codes"])


async def test_a_code_is_asked_for_once_it_is_confirmed(acme: Company, database: Database) -> None:
    boris = email_of(acme, "boris")
    login, elsewhere = await log_in(acme.http, boris), await log_in(acme.http, boris)
    begun = (await asked(acme, "POST", "totp", login, password=PASSWORD)).json()
    assert (await try_login(acme.http, boris)).status_code == 200, "nothing is asked before it is confirmed"
    uri = urlsplit(begun["uri"])
    assert (uri.scheme, unquote(uri.path)) == ("otpauth", f"/A company:{boris}")
    assert parse_qs(uri.query) == {"secret": [begun["secret"]], "issuer": ["A company"]}

    app = await added(acme, login)
    assert app.key != begun["secret"], "who begins again gets another key"
    assert (await acme.get("/v1/auth/me", headers=elsewhere.headers)).status_code == 401
    assert (await acme.get("/v1/auth/me", headers=login.headers)).status_code == 200

    without = await try_login(acme.http, boris)
    wrong = await try_login(acme.http, boris, code="000000")
    assert {(each.status_code, each.json()["type"]) for each in (without, wrong)} == {
        (401, f"{KIND}second-factor-required")
    }
    used = await try_login(acme.http, boris, code=app.used)
    assert used.status_code == 401, "the code that confirmed is used up"
    shown = app.code()
    assert (await try_login(acme.http, boris, code=f"{shown[:3]} {shown[3:]}")).status_code == 200
    assert (await try_login(acme.http, boris, code=shown)).status_code == 401
    # Only who has the password learns that there is a second factor.
    assert (await try_login(acme.http, boris, "wrong", code=app.code())).json()["type"] == f"{KIND}sign-in-refused"
    assert await audited(database, acme, "member.totp_added") == 1


async def test_a_recovery_code_signs_in_once(acme: Company, database: Database) -> None:
    boris = email_of(acme, "boris")
    app = await added(acme, await log_in(acme.http, boris))
    assert len(set(app.recovery_codes)) == RECOVERY_CODES
    first, second = app.recovery_codes[:2]
    login = await log_in(acme.http, boris, code=first.lower().replace("-", " "))
    assert (await try_login(acme.http, boris, code=first)).status_code == 401
    assert await audited(database, acme, "member.recovery_code_used") == 1

    renewed = await asked(acme, "POST", "recovery-codes", login, password=PASSWORD, code=app.code())
    assert renewed.status_code == 200, renewed.text
    assert (await try_login(acme.http, boris, code=second)).status_code == 401
    await log_in(acme.http, boris, code=renewed.json()["recovery_codes"][0])
    assert await audited(database, acme, "member.recovery_codes_renewed") == 1


async def test_it_is_changed_by_who_has_password_and_code(acme: Company, database: Database) -> None:
    boris = email_of(acme, "boris")
    login = await log_in(acme.http, boris)
    refused = await asked(acme, "POST", "totp", login, password="wrong")
    assert (refused.status_code, refused.json()["type"]) == (403, f"{KIND}wrong-password")
    assert (await asked(acme, "POST", "totp/confirm", login, code="123456")).status_code == 422, "nothing was begun"
    assert (await asked(acme, "DELETE", "totp", login, password=PASSWORD, code="123456")).status_code == 404

    app = await added(acme, login)
    assert (await asked(acme, "POST", "totp", login, password=PASSWORD)).status_code == 409
    assert (await asked(acme, "POST", "totp/confirm", login, code=app.code())).status_code == 409
    for path, method in (("totp", "DELETE"), ("recovery-codes", "POST")):
        for password, code in ((PASSWORD, "000000"), ("wrong", app.code())):
            assert (await asked(acme, method, path, login, password=password, code=code)).status_code == 403
    await log_in(acme.http, boris, code=app.code())
    removed = await asked(acme, "DELETE", "totp", login, password=PASSWORD, code=app.recovery_codes[0])
    assert removed.status_code == 204, removed.text
    await log_in(acme.http, boris)
    assert await audited(database, acme, "member.totp_removed") == 1
    # An API key is no person.
    with_key = await acme.http.post("/v1/auth/totp", json={"password": PASSWORD}, headers=acme.as_("boris"))
    assert with_key.status_code == 403


async def test_tries_are_counted_for_the_member(acme: Company) -> None:
    login = await log_in(acme.http, email_of(acme, "boris"))
    answers = [await asked(acme, "POST", "totp", login, password="wrong") for _ in range(11)]
    assert [each.status_code for each in answers] == [403] * 10 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 600


async def test_of_thirty_with_the_same_code_one_gets_in(acme: Company, database: Database, vault: Vault) -> None:
    app = await added(acme, await log_in(acme.http, email_of(acme, "boris")))
    member = acme.members["boris"].id

    async def attempt(code: str) -> bool:
        async with database.tenant(acme.id) as tx:
            return await second_factors.check(tx, vault, member, code) is not None

    for code in (app.code(), app.recovery_codes[0]):
        assert sum(await asyncio.gather(*(attempt(code) for _ in range(30)))) == 1


async def test_who_guesses_codes_keeps_nobody_out(acme: Company, database: Database, vault: Vault) -> None:
    """Somebody has the password and tries codes from everywhere: codes stop working for a while, recovery codes do not."""
    app = await added(acme, await log_in(acme.http, email_of(acme, "boris")))
    member = acme.members["boris"].id

    async def good(code: str) -> bool:
        async with database.tenant(acme.id) as tx:
            return await second_factors.check(tx, vault, member, code) is not None

    wrong = next(f"{each:06}" for each in range(10) if f"{each:06}" not in {app.code(ahead) for ahead in range(-2, 3)})
    for _ in range(WRONG_CODES):
        assert not await good(wrong)
    assert not await good(app.code())
    assert await good(app.recovery_codes[0])
    async with database.tenant(acme.id) as tx:
        # An hour later.
        await tx.connection.execute(
            sa.update(table).values(wrong_since=table.c.wrong_since - sa.text("interval '1 hour'"))
        )
    assert await good(app.code())


async def test_steps_are_used_forwards_only(acme: Company, database: Database, vault: Vault) -> None:
    app = await added(acme, await log_in(acme.http, email_of(acme, "boris")))
    last, far = app.code(), app.code(3)
    async with database.tenant(acme.id) as tx:
        answers = [
            await second_factors.check(tx, vault, acme.members["boris"].id, code)
            for code in (far, last, app.used, last)
        ]
    assert answers == [None, Factor.APP, None, None]


async def test_an_admin_takes_away_what_was_lost_but_not_upwards(acme: Company, database: Database) -> None:
    async with database.tenant(acme.id) as tx:
        dana = await tenants.add_member(tx, name="Dana", role=Role.ADMIN)
        acme.members["dana"], acme.keys["dana"] = dana, (await api_keys.create(tx, dana.id, name="test"))[1]
    logins = {name: await log_in(acme.http, email_of(acme, name)) for name in ("owner", "boris")}
    for login in logins.values():
        await added(acme, login)

    async def reset(name: str, by: str) -> int:
        path = f"/v1/members/{acme.members[name].id}/totp"
        return (await acme.http.delete(path, headers=acme.as_(by))).status_code

    assert await reset("owner", by="dana") == 403
    assert await reset("owner", by="owner") == 409, "one's own takes password and code"
    assert await reset("boris", by="aigerim") == 403
    assert await reset("boris", by="dana") == 204
    assert await reset("boris", by="dana") == 404
    assert (await acme.get("/v1/auth/me", headers=logins["boris"].headers)).status_code == 401
    await log_in(acme.http, email_of(acme, "boris"))


async def test_an_operator_takes_it_away_from_anybody(acme: Company, database: Database, servers: Servers) -> None:
    owner = email_of(acme, "owner")
    await added(acme, await log_in(acme.http, owner))
    ours = {"MAINSTAY_DATABASE_URL": servers.database_url, "MAINSTAY_TEMPORAL_ADDRESS": servers.temporal_address}
    terminal = Terminal({**os.environ, **ours})
    command = ("member", "reset-totp", owner, "--tenant", acme.slug)
    told = await terminal.mainstay(*command)
    assert told.code == 0, told.err
    await log_in(acme.http, owner)
    again = await terminal.mainstay(*command)
    assert (again.code, again.err.strip()) == (1, f"error: {owner} has no second factor")
    assert await audited(database, acme, "member.totp_removed") == 1


async def test_nobody_resets_in_another_tenant(acme: Company, globex: Company) -> None:
    await added(acme, await log_in(acme.http, email_of(acme, "boris")))
    response = await globex.http.delete(f"/v1/members/{acme.members['boris'].id}/totp")
    assert response.status_code == 404
    assert (await try_login(acme.http, email_of(acme, "boris"))).status_code == 401


async def test_a_tenant_may_ask_it_of_its_staff(acme: Company, database: Database) -> None:
    await give_password(database, acme, "user")
    boris, user = await log_in(acme.http, email_of(acme, "boris")), await log_in(acme.http, email_of(acme, "user"))
    assert (await acme.get("/v1/conversations", headers=boris.headers)).status_code == 200
    async with database.tenant(acme.id) as tx:
        await tenants.put_settings(tx, TenantSettings(require_second_factor=True))

    async def permissions(login: Login) -> list[str]:
        return list((await acme.get("/v1/auth/me", headers=login.headers)).json()["permissions"])

    async with asyncio.timeout(4):  # announced, not waited for until memory fades
        while await permissions(boris) != ["self"]:  # noqa: ASYNC110  # another process' memory
            await asyncio.sleep(0.02)
    refused = await acme.get("/v1/conversations", headers=boris.headers)
    assert (refused.status_code, refused.json()["type"]) == (403, f"{KIND}second-factor-missing")
    assert await permissions(await log_in(acme.http, email_of(acme, "boris"))) == ["self"], "a new session, too"
    assert await permissions(user) == ["self"], "who has no say here is asked for none"
    assert (await acme.get("/v1/conversations", headers=acme.as_("boris"))).status_code == 200, "programs have keys"

    await added(acme, boris)
    async with asyncio.timeout(4):
        while (await acme.get("/v1/conversations", headers=boris.headers)).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_neither_keys_nor_codes_are_kept_in_the_clear(acme: Company, servers: Servers) -> None:
    app = await added(acme, await log_in(acme.http, email_of(acme, "boris")))
    plain = app.recovery_codes[0].replace("-", "")
    connection = await asyncpg.connect(driver_url(servers.admin_database_url))
    try:
        for name in metadata.tables:
            for word in (app.key, app.recovery_codes[0], plain, plain.encode().hex(), app.key.encode().hex()):
                found = await connection.fetchval(f"SELECT count(*) FROM {name} t WHERE strpos(t::text, $1) > 0", word)
                assert found == 0, name
    finally:
        await connection.close()


async def test_who_is_removed_leaves_no_second_factor(acme: Company, database: Database) -> None:
    await added(acme, await log_in(acme.http, email_of(acme, "boris")))
    assert (await acme.http.delete(f"/v1/members/{acme.members['boris'].id}")).status_code == 204
    async with database.tenant(acme.id) as tx:
        assert await tx.connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0
