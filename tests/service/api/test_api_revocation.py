"""What is revoked is revoked at once: at every gateway, for requests and for open streams."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import httpx
import pytest
import sqlalchemy as sa

from api.identity.auth import Authenticator
from api.identity.tokens import Tokens
from api.records import Records
from models.contracts.enums import Role
from models.repositories import sessions
from models.repositories.signing_keys import SigningKeys
from models.tables import api_keys, members
from runtime.crypto.roots import RootKeys
from runtime.database import Database, driver_url
from runtime.embedded import Servers
from tests.service.api.house import ROOT_KEYS, Company, company
from tests.service.api.signing_in import CHEAP, Login, email_of, give_password, log_in, refreshed
from tests.service.commands import gateway

# Far below the five seconds that a caller is remembered for when no announcement comes.
AT_ONCE = 2.0


@dataclass
class Replicas:
    """Two gateways on the same servers, each a process of its own."""

    first: str
    second: str


@pytest.fixture(scope="module")
async def replicas(servers: Servers) -> AsyncIterator[Replicas]:
    async with gateway(servers, **CHEAP) as first, gateway(servers, **CHEAP) as second:
        yield Replicas(first, second)


@pytest.fixture
async def acme(database: Database, replicas: Replicas) -> AsyncIterator[Company]:
    async with company(database, replicas.first) as acme:
        for name in ("owner", "boris"):
            await give_password(database, acme, name)
        await acme.until_ready()
        yield acme


async def until_refused(http: httpx.AsyncClient, url: str, headers: dict[str, str], status: int) -> None:
    async with asyncio.timeout(AT_ONCE):
        while (await http.get(f"{url}/v1/conversations", headers=headers)).status_code != status:  # noqa: ASYNC110  # another's state, no event
            await asyncio.sleep(0.01)


async def ends_everywhere(
    acme: Company,
    replicas: Replicas,
    headers: dict[str, str],
    revoke: Callable[[], Awaitable[object]],
    *,
    status: int = 401,
) -> None:
    """Both gateways know the caller and stream to them; after `revoke` both refuse them and the streams are over."""
    # Streams too: they must end by themselves, not by being asked.
    conversation = await acme.opened()
    async with (
        acme.stream(f"{replicas.first}/v1/events", **headers) as one,
        acme.stream(f"{replicas.second}/v1/conversations/{conversation}/events", **headers) as two,
    ):
        for url in (replicas.first, replicas.second):
            assert (await acme.get(f"{url}/v1/conversations", headers=headers)).status_code == 200
        began = time.monotonic()
        await revoke()
        for stream in (one, two):
            assert await asyncio.wait_for(stream.next(), AT_ONCE) is None
        for url in (replicas.first, replicas.second):
            await until_refused(acme.http, url, headers, status)
        assert time.monotonic() - began < AT_ONCE


async def logged_in(acme: Company, name: str = "boris") -> Login:
    return await log_in(acme.http, email_of(acme, name))


async def test_signing_out(acme: Company, replicas: Replicas) -> None:
    login = await logged_in(acme)
    await ends_everywhere(acme, replicas, login.headers, lambda: acme.post("/v1/auth/logout", headers=login.headers))


async def test_signing_out_elsewhere(acme: Company, replicas: Replicas) -> None:
    phone, laptop = await logged_in(acme), await logged_in(acme)
    await ends_everywhere(
        acme, replicas, phone.headers, lambda: acme.post("/v1/auth/logout-everywhere", headers=laptop.headers)
    )


async def test_a_replayed_refresh_token(acme: Company, replicas: Replicas) -> None:
    login = await logged_in(acme)
    await refreshed(acme.http, login.refresh)
    await ends_everywhere(acme, replicas, login.headers, lambda: refreshed(acme.http, login.refresh))


async def change_member(database: Database, acme: Company, **changes: object) -> None:
    async with database.tenant(acme.id) as tx:
        boris = acme.members["boris"].id
        await tx.connection.execute(sa.update(members).where(members.c.id == boris).values(**changes))


async def test_a_disabled_member(acme: Company, replicas: Replicas, database: Database) -> None:
    login = await logged_in(acme)
    await ends_everywhere(acme, replicas, login.headers, lambda: change_member(database, acme, disabled=True))
    # Enabling them again gives back no session.
    await change_member(database, acme, disabled=False)
    assert (await refreshed(acme.http, login.refresh)).status_code == 401


async def test_a_disabled_members_key(acme: Company, replicas: Replicas, database: Database) -> None:
    await ends_everywhere(acme, replicas, acme.as_("boris"), lambda: change_member(database, acme, disabled=True))


async def test_a_lower_role(acme: Company, replicas: Replicas, database: Database) -> None:
    login = await logged_in(acme)
    change = lambda: change_member(database, acme, role=Role.USER)  # noqa: E731
    await ends_everywhere(acme, replicas, login.headers, change, status=403)


@pytest.mark.parametrize(
    ("change", "status"),
    [({"revoked_at": sa.func.now()}, 401), ({"hash": b"another"}, 401), ({"scopes": ["agent:ask"]}, 403)],
    ids=["revoked", "rotated", "narrowed"],
)
async def test_a_key(
    acme: Company, replicas: Replicas, database: Database, change: dict[str, object], status: int
) -> None:
    values = {name: value + acme.id.bytes if isinstance(value, bytes) else value for name, value in change.items()}

    async def revoke() -> None:
        async with database.tenant(acme.id) as tx:
            boris = acme.members["boris"].id
            await tx.connection.execute(sa.update(api_keys).where(api_keys.c.member_id == boris).values(**values))

    await ends_everywhere(acme, replicas, acme.as_("boris"), revoke, status=status)


async def test_a_suspended_tenant(acme: Company, replicas: Replicas, servers: Servers) -> None:
    login = await logged_in(acme)
    admin = Database(servers.admin_database_url, pool_size=1)

    async def suspend() -> None:
        async with admin.system() as tx:
            await tx.connection.exec_driver_sql(f"UPDATE tenants SET suspended = true WHERE id = '{acme.id}'")

    await ends_everywhere(acme, replicas, login.headers, suspend, status=403)
    await admin.close()


async def test_a_changed_password_ends_the_others(acme: Company, replicas: Replicas, database: Database) -> None:
    here, there = await logged_in(acme), await logged_in(acme)
    mine = next(
        each for each in (await acme.get("/v1/auth/sessions", headers=here.headers)).json()["items"] if each["current"]
    )

    async def change() -> None:
        async with database.tenant(acme.id) as tx:
            await sessions.end_all(tx, acme.members["boris"].id, but=mine["id"])

    await ends_everywhere(acme, replicas, there.headers, change)
    assert (await acme.get("/v1/auth/me", headers=here.headers)).status_code == 200


async def test_who_uses_a_key_or_renews_a_session_disturbs_nobody(
    acme: Company, database: Database, servers: Servers
) -> None:
    """What happens with every request must not empty the memory of all gateways."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    connection = await asyncpg.connect(driver_url(servers.database_url))
    await connection.add_listener(sessions.CHANNEL, lambda _c, _p, _n, payload: heard.put_nowait(str(payload)))
    login = await logged_in(acme)
    assert (await refreshed(acme.http, login.refresh)).status_code == 200
    async with database.tenant(acme.id) as tx:
        await tx.connection.execute(sa.update(api_keys).values(last_used_at=sa.func.now()))
    # Announcements come in the order of commits: this one is behind whatever the others had said.
    async with database.tenant(acme.id) as tx:
        last = acme.members["aigerim"].id
        await tx.connection.execute(sa.update(members).where(members.c.id == last).values(name="Somebody else"))
    ours: list[str] = []
    async with asyncio.timeout(20):
        while f"{acme.id} {last}" not in ours:
            payload = await heard.get()
            if payload.startswith(str(acme.id)):
                ours.append(payload)
    await connection.close()
    assert len(ours) == 1


@pytest.mark.parametrize("listening", [True, False])
async def test_who_hears_nothing_remembers_nobody(acme: Company, database: Database, listening: bool) -> None:
    """Without announcements every request is looked up."""
    records = Records(database)
    tokens = Tokens(SigningKeys(records, RootKeys.parse(ROOT_KEYS)), access_life=timedelta(minutes=10))
    authenticator = Authenticator(records, tokens, lambda: listening)
    proof = await authenticator.proof(acme.keys["boris"])
    assert proof is not None
    assert await authenticator.caller(proof) is not None
    await change_member(database, acme, disabled=True)
    remembered = await authenticator.caller(proof)
    assert (remembered is not None) is listening
    # Connected again: what was announced meanwhile is unknown.
    authenticator.forget()
    assert await authenticator.caller(proof) is None
