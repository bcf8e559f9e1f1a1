"""Signing in, refreshing, signing out: what is given, what is taken back, and what a stranger learns."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from models.tables import members, sessions
from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import Company, company, serving, settings_of
from tests.service.api.signing_in import (
    CHEAP,
    PASSWORD,
    audited,
    email_of,
    give_password,
    log_in,
    refreshed,
    try_login,
)


@pytest.fixture(scope="module")
async def url(servers: Servers) -> AsyncIterator[str]:
    async with serving(settings_of(servers, **CHEAP)) as (url, _):
        yield url


@pytest.fixture
async def acme(database: Database, url: str) -> AsyncIterator[Company]:
    async with company(database, url) as acme:
        await give_password(database, acme, "boris")
        yield acme


async def test_who_signs_in_is_who_they_are(acme: Company, database: Database) -> None:
    login = await log_in(acme.http, f"  {email_of(acme, 'boris').upper()} ")
    me = (await acme.get("/v1/auth/me", headers=login.headers)).json()
    assert me["id"] == str(acme.members["boris"].id)
    assert (me["name"], me["role"], me["tenant"]["slug"]) == ("Boris", "agent", acme.slug)
    assert "conversations:read" in me["permissions"]
    assert "members:manage" not in me["permissions"]
    assert (await acme.get("/v1/conversations", headers=login.headers)).status_code == 200
    assert (await acme.post("/v1/kb/sources", {"name": "x"}, headers=login.headers)).status_code == 403
    assert await audited(database, acme, "session.started") == 1


async def test_the_password_form_of_oauth(acme: Company) -> None:
    form = {"grant_type": "password", "username": email_of(acme, "boris"), "password": PASSWORD, "scope": ""}
    response = await acme.http.post("/v1/auth/login", data=form, headers={"Authorization": ""})
    assert response.status_code == 200, response.text
    given = response.json()
    assert given["token_type"] == "bearer"
    assert given["expires_in"] == 600
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    assert (await acme.get("/v1/auth/me", headers=headers)).status_code == 200


async def test_a_stranger_learns_nothing(acme: Company, database: Database, url: str) -> None:
    async with company(database, url) as globex:
        shared = f"shared@{acme.slug}.example"
        for each, name in ((acme, "aigerim"), (globex, "aigerim")):
            await give_password(database, each, name, email=shared)
        disabled = await give_password(database, acme, "user")
        invited = await give_password(database, globex, "boris")
        async with database.tenant(acme.id) as tx:
            await tx.connection.execute(
                sa.update(members).where(members.c.id == acme.members["user"].id).values(disabled=True)
            )
        async with database.tenant(globex.id) as tx:
            await tx.connection.execute(
                sa.update(members).where(members.c.id == globex.members["boris"].id).values(joined_at=None)
            )
        boris = email_of(acme, "boris")
        refused = [
            await try_login(acme.http, boris, "wrong"),
            await try_login(acme.http, f"nobody@{acme.slug}.example"),
            await try_login(acme.http, "not an address"),
            await try_login(acme.http, shared),
            await try_login(acme.http, boris, tenant=globex.slug),
            await try_login(acme.http, boris, tenant="no-such-tenant"),
            await try_login(acme.http, disabled),
            await try_login(acme.http, invited),
        ]
        assert (await try_login(acme.http, shared, tenant=globex.slug)).status_code == 200
    answers = []
    for response in refused:
        answer = response.json()
        del answer["request_id"]
        answers.append((response.status_code, response.headers["www-authenticate"], answer))
    assert answers == [answers[0]] * len(answers)
    assert answers[0][0] == 401


async def test_a_refresh_token_is_for_one_use(acme: Company, database: Database) -> None:
    login = await log_in(acme.http, email_of(acme, "boris"))
    second = (await refreshed(acme.http, login.refresh)).json()
    third = (await refreshed(acme.http, second["refresh_token"])).json()
    headers = {"Authorization": f"Bearer {third['access_token']}"}
    assert (await acme.get("/v1/auth/me", headers=headers)).status_code == 200

    replayed = await refreshed(acme.http, login.refresh)
    assert replayed.status_code == 401
    assert await audited(database, acme, "session.refresh_reused") == 1
    # Whoever holds the latest tokens may be the thief.
    assert (await refreshed(acme.http, third["refresh_token"])).status_code == 401
    async with asyncio.timeout(20):
        while (await acme.get("/v1/auth/me", headers=headers)).status_code != 401:
            pass
    assert await audited(database, acme, "session.refresh_reused") == 1


async def test_of_many_refreshes_at_once_one_wins_and_the_session_ends(acme: Company) -> None:
    login = await log_in(acme.http, email_of(acme, "boris"))
    answers = await asyncio.gather(*(refreshed(acme.http, login.refresh) for _ in range(20)))
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {answer.status_code for answer in answers} == {200, 401}
    assert (await refreshed(acme.http, won[0]["refresh_token"])).status_code == 401


@pytest.mark.parametrize("column", ["idle_until", "expires_at"])
async def test_a_session_that_ran_out(acme: Company, database: Database, column: str) -> None:
    login = await log_in(acme.http, email_of(acme, "boris"))
    async with database.tenant(acme.id) as tx:
        await tx.connection.execute(
            sa.update(sessions).values({column: sa.func.now() - sa.text("interval '1 second'")})
        )
    assert (await refreshed(acme.http, login.refresh)).status_code == 401


async def test_refreshing_moves_the_idle_life_and_not_the_whole(acme: Company, database: Database) -> None:
    login = await log_in(acme.http, email_of(acme, "boris"))
    columns = (sessions.c.idle_until, sessions.c.expires_at)
    async with database.tenant(acme.id) as tx:
        soon = sa.func.now() + sa.text("interval '1 hour'")
        await tx.connection.execute(sa.update(sessions).values(idle_until=soon))
        before = (await tx.connection.execute(sa.select(*columns))).one()
    await refreshed(acme.http, login.refresh)
    async with database.tenant(acme.id) as tx:
        after = (await tx.connection.execute(sa.select(*columns))).one()
    assert after.idle_until > before.idle_until
    assert after.expires_at == before.expires_at
    assert (after.expires_at - after.idle_until).days in (15, 16)


async def test_sessions_are_listed_and_ended(acme: Company, database: Database) -> None:
    email = email_of(acme, "boris")
    phone, laptop = await log_in(acme.http, email), await log_in(acme.http, email)
    listed = (await acme.get("/v1/auth/sessions", headers=laptop.headers)).json()["items"]
    assert [each["current"] for each in listed] == [True, False]
    assert listed[0]["ip"] == "127.0.0.1"
    gone = await acme.http.delete(f"/v1/auth/sessions/{listed[1]['id']}", headers=laptop.headers)
    assert gone.status_code == 204
    assert (await refreshed(acme.http, phone.refresh)).status_code == 401
    again = await acme.http.delete(f"/v1/auth/sessions/{listed[1]['id']}", headers=laptop.headers)
    assert again.status_code == 404
    assert (await acme.post("/v1/auth/logout", headers=laptop.headers)).status_code == 204
    assert (await refreshed(acme.http, laptop.refresh)).status_code == 401
    assert await audited(database, acme, "session.ended") == 2


async def test_signing_out_everywhere(acme: Company) -> None:
    email = email_of(acme, "boris")
    logins = [await log_in(acme.http, email) for _ in range(3)]
    ended = await acme.post("/v1/auth/logout-everywhere", headers=logins[0].headers)
    assert ended.json() == {"ended": 3}
    for login in logins:
        assert (await refreshed(acme.http, login.refresh)).status_code == 401


async def test_another_persons_session_does_not_exist(acme: Company, database: Database, url: str) -> None:
    boris = await log_in(acme.http, email_of(acme, "boris"))
    session = (await acme.get("/v1/auth/sessions", headers=boris.headers)).json()["items"][0]["id"]
    colleague = await log_in(acme.http, await give_password(database, acme, "owner"))
    async with company(database, url) as globex:
        stranger = await log_in(globex.http, await give_password(database, globex, "owner"))
        for other in (colleague, stranger):
            response = await acme.http.delete(f"/v1/auth/sessions/{session}", headers=other.headers)
            assert response.status_code == 404
            listed = (await acme.get("/v1/auth/sessions", headers=other.headers)).json()["items"]
            assert session not in [each["id"] for each in listed]
    assert (await acme.http.delete(f"/v1/auth/sessions/{uuid4()}", headers=boris.headers)).status_code == 404
    assert (await refreshed(acme.http, boris.refresh)).status_code == 200


async def test_oneself_is_for_people(acme: Company) -> None:
    for path in ("/v1/auth/me", "/v1/auth/sessions"):
        assert (await acme.get(path)).status_code == 403
    assert (await acme.post("/v1/auth/logout")).status_code == 403


async def test_ones_name(acme: Company, database: Database) -> None:
    login = await log_in(acme.http, email_of(acme, "boris"))
    renamed = await acme.http.patch("/v1/auth/me", json={"name": " Boris II "}, headers=login.headers)
    assert renamed.json()["name"] == "Boris II"
    for wrong in ({"role": "owner"}, {"name": "x", "email": "y@example.com"}, {"name": " "}, {}):
        response = await acme.http.patch("/v1/auth/me", json=wrong, headers=login.headers)
        assert response.status_code == 422
    assert await audited(database, acme, "member.changed") == 1


async def test_a_suspended_tenants_members_are_told_with_the_right_password_only(
    acme: Company, servers: Servers
) -> None:
    admin = Database(servers.admin_database_url, pool_size=1)
    async with admin.system() as tx:
        await tx.connection.exec_driver_sql(f"UPDATE tenants SET suspended = true WHERE id = '{acme.id}'")
    await admin.close()
    assert (await try_login(acme.http, email_of(acme, "boris"), "wrong")).status_code == 401
    right = await try_login(acme.http, email_of(acme, "boris"))
    assert (right.status_code, right.json()["type"]) == (403, "urn:mainstay:problem:suspended")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"password": "nul\x00"}, "password"),
        ({"password": ""}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"password": None}, "password"),
        ({"password": ["x"]}, "password"),
        ({"email": "nul\x00@example.com"}, "email"),
        ({"email": "x" * 255}, "email"),
        ({"email": ""}, "email"),
        ({"tenant": "x" * 64}, "tenant"),
        ({"code": "nul\x00"}, "code"),
        ({"device_token": "x" * 2049}, "device_token"),
        ({"role": "owner"}, "role"),
        ({"tenant_id": "x"}, "tenant_id"),
    ],
)
async def test_a_wrong_field_is_named_and_not_repeated(acme: Company, change: dict[str, Any], field: str) -> None:
    body = {"email": "a@example.com", "password": "secret-secret"} | change
    response = await acme.http.post("/v1/auth/login/json", json=body, headers={"Authorization": ""})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert "secret-secret" not in response.text
    assert "nul" not in response.text


async def test_what_no_password_can_be(acme: Company) -> None:
    surrogate = b'{"email": "a@example.com", "password": "\\ud800"}'
    headers = {"Authorization": "", "Content-Type": "application/json"}
    assert (await acme.http.post("/v1/auth/login/json", content=surrogate, headers=headers)).status_code == 422
    huge = {"email": "a@example.com", "password": "x" * 1_100_000}
    assert (await acme.http.post("/v1/auth/login/json", json=huge, headers=headers)).status_code == 413
    form = "username=a%40example.com&password=%00"
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    assert (await acme.http.post("/v1/auth/login", content=form, headers=headers)).status_code == 422


async def test_only_hashes_are_kept(acme: Company, database: Database) -> None:
    login = await log_in(acme.http, email_of(acme, "boris"))
    async with database.tenant(acme.id) as tx:
        rows = str(
            (await tx.connection.execute(sa.select(sa.text("to_jsonb(sessions)::text")).select_from(sessions))).all()
        )
    for secret in (login.refresh[4:26], login.refresh[26:], login.access, login.device):
        assert secret not in rows
        assert secret.encode().hex() not in rows
