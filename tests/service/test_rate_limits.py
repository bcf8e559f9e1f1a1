"""Rate limits in Postgres: exact to the hit, whoever counts and however many at once."""

import asyncio
import gc
from asyncio import CancelledError
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import pytest
import sqlalchemy as sa
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerSecond

from api.edge.rate_limits import ALLOWED, Allowed, Limit, Limiter, Wait
from api.problems import ProblemError
from models.repositories import rate_limits
from runtime.database import Database, driver_url
from runtime.embedded import Servers
from runtime.ids import new_id
from tests.service.api.house import company
from tests.service.commands import gateway

HOUR = RateLimitItemPerHour(5)


@pytest.fixture
def name() -> str:
    """Somebody whom nobody else counts."""
    return new_id().hex


@pytest.fixture
async def limiters(servers: Servers) -> AsyncIterator[list[Limiter]]:
    """Of two processes, as far as the database can tell: nothing is shared but it."""
    databases = [Database(servers.database_url, pool_size=8) for _ in range(2)]
    yield [Limiter(database) for database in databases]
    for database in databases:
        await database.close()


def refused(verdict: object, item: RateLimitItem) -> float:
    assert isinstance(verdict, Wait)
    assert verdict.item == item
    return verdict.seconds


async def test_exactly_as_many_as_allowed_get_through(limiters: list[Limiter], name: str) -> None:
    item = RateLimitItemPerHour(40)
    verdicts = await asyncio.gather(*(limiters[turn % 2].hit(item, "x", name) for turn in range(90)))
    assert sum(verdict == ALLOWED for verdict in verdicts) == 40
    assert all(3500 < refused(verdict, item) <= 3600 for verdict in verdicts if verdict != ALLOWED)


async def test_two_gateways_hold_one_limit_to_the_request(servers: Servers, database: Database) -> None:
    """Each a process of its own, asked by one caller at the same time."""
    limits = {"rate_limit_write": "40/hour"}
    async with (
        gateway(servers, **limits) as first,
        gateway(servers, **limits) as second,
        company(database, first) as acme,
    ):
        asked = [f"{(first, second)[turn % 2]}/v1/conversations" for turn in range(120)]
        answers = [await acme.post(url, {}) for url in asked[:10]]
        answers += await asyncio.gather(*(acme.post(url, {}) for url in asked[10:]))
        counts = Counter((str(answer.url.copy_with(path="/")), answer.status_code) for answer in answers)
        assert sum(count for (_, status), count in counts.items() if status == 201) == 40
        assert {status for _, status in counts} == {201, 429}
        assert {url for url, status in counts if status == 201} == {f"{first}/", f"{second}/"}
        assert all(3500 < int(answer.headers["Retry-After"]) <= 3600 for answer in answers if answer.status_code == 429)


async def test_two_limits_at_once_are_charged_together_or_not_at_all(limiters: list[Limiter], name: str) -> None:
    narrow, wide = Limit(RateLimitItemPerHour(3), ("key", name)), Limit(RateLimitItemPerHour(10), ("tenant", name))
    other = Limit(RateLimitItemPerHour(100), ("another key", name))
    verdicts = await asyncio.gather(*(limiters[turn % 2].hit_all([narrow, wide]) for turn in range(30)))
    assert sum(verdict == ALLOWED for verdict in verdicts) == 3
    rest = await asyncio.gather(*(limiters[turn % 2].hit_all([other, wide]) for turn in range(30)))
    assert sum(verdict == ALLOWED for verdict in rest) == 7, "those who were refused have cost the tenant nothing"


async def test_limits_in_opposite_orders_do_not_wait_for_each_other(limiters: list[Limiter], name: str) -> None:
    pair = [Limit(RateLimitItemPerHour(1000), (side, name)) for side in ("left", "right")]
    async with asyncio.timeout(20):
        verdicts = await asyncio.gather(
            *(limiters[turn % 2].hit_all(pair[:: 1 - 2 * (turn % 2)]) for turn in range(60))
        )
    assert set(verdicts) == {ALLOWED}


async def test_a_window_ends(limiters: list[Limiter], name: str) -> None:
    item = RateLimitItemPerSecond(1)
    assert await limiters[0].hit(item, name) == ALLOWED
    seconds = refused(await limiters[0].hit(item, name), item)
    assert seconds <= 1
    await asyncio.sleep(seconds)  # what a client does with Retry-After
    assert await limiters[0].hit(item, name) == ALLOWED


async def test_testing_is_free_and_clearing_forgets(limiters: list[Limiter], name: str) -> None:
    here, there = limiters
    for _ in range(5):
        assert await here.test(HOUR, name) == ALLOWED
        assert await here.hit(HOUR, name) == ALLOWED
    refused(await there.test(HOUR, name), HOUR)
    refused(await here.hit(HOUR, name), HOUR)
    await here.clear(HOUR, name)
    assert await here.hit(HOUR, name) == ALLOWED
    assert await there.hit(HOUR, name) == ALLOWED


async def test_a_flood_of_refusals_costs_one_statement(database: Database, name: str) -> None:
    limiter, statements = Limiter(database), 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    sa.event.listen(database.engine.sync_engine, "before_cursor_execute", count)
    for _ in range(6):
        await limiter.hit(HOUR, name)
    assert statements == 6
    for _ in range(50):
        refused(await limiter.hit(HOUR, name), HOUR)
    sa.event.remove(database.engine.sync_engine, "before_cursor_execute", count)
    assert statements == 6


async def test_hits_of_one_moment_share_calls_and_each_counts(limiters: list[Limiter], name: str) -> None:
    here, there = limiters
    item, statements = RateLimitItemPerHour(40), 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    engine = here._database.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", count)
    first = await asyncio.gather(*(here.hit(item, name) for _ in range(35)))
    sa.event.remove(engine, "before_cursor_execute", count)
    assert set(first) == {ALLOWED}
    assert statements < 5
    then = await asyncio.gather(*(there.hit(item, name) for _ in range(20)))
    assert [verdict == ALLOWED for verdict in then] == [True] * 5 + [False] * 15, "room goes to who came first"


async def test_who_gives_up_takes_nobody_along(limiters: list[Limiter], name: str) -> None:
    hits = [asyncio.create_task(limiters[0].hit(HOUR, name)) for _ in range(7)]
    await asyncio.sleep(0)
    hits[0].cancel()
    hits[3].cancel()
    verdicts = await asyncio.gather(*hits, return_exceptions=True)
    assert [type(verdict) for verdict in verdicts] == [
        CancelledError,
        Allowed,
        Allowed,
        CancelledError,
        Allowed,
        Wait,
        Wait,
    ]


async def test_hits_aside_count_and_are_refused_as_soon_as_it_is_known(limiters: list[Limiter], name: str) -> None:
    here, there = limiters
    assert {here.hit_aside(HOUR, name) for _ in range(7)} == {ALLOWED}, "nothing is known yet"
    # Goes with the next call, behind the seven.
    assert isinstance(await here.hit(HOUR, name), Wait)
    refused(here.hit_aside(HOUR, name), HOUR)
    refused(await there.hit(HOUR, name), HOUR)


async def test_a_hit_aside_that_fails_is_nobodys_error(name: str) -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:9/nothing")
    limiter, reported = Limiter(nowhere), list[object]()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, told: reported.append(told))
    try:
        assert limiter.hit_aside(HOUR, name) == ALLOWED
        await asyncio.wait([share.call for share in limiter._next.values()])
        gc.collect()
    finally:
        loop.set_exception_handler(None)
    assert not reported, "nobody waits for it"
    with pytest.raises(ProblemError):
        await limiter.hit(HOUR, name)
    await nowhere.close()


async def test_the_application_role_reads_no_counter(servers: Servers) -> None:
    connection = await asyncpg.connect(driver_url(servers.database_url))
    for statement in ("SELECT * FROM rate_limits", "DELETE FROM rate_limits"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


async def test_nothing_of_it_is_logged_ahead_and_what_is_over_is_forgotten(
    servers: Servers, database: Database, limiters: list[Limiter], name: str
) -> None:
    admin = await asyncpg.connect(driver_url(servers.admin_database_url))
    assert await admin.fetchval("SELECT relpersistence FROM pg_class WHERE relname = 'rate_limits'") == b"u"
    short, long = (Limit(item, (name,)) for item in (RateLimitItemPerSecond(1), HOUR))
    await limiters[0].hit_all([short, long])
    await admin.execute("UPDATE rate_limits SET ends_at = now() - interval '1 s' WHERE key = $1", short.window().key)
    async with database.system() as tx:
        await rate_limits.prune(tx)
    left = await admin.fetch(
        "SELECT key FROM rate_limits WHERE key = ANY ($1)", [short.window().key, long.window().key]
    )
    assert [row["key"] for row in left] == [long.window().key]
    await admin.close()
