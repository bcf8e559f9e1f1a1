"""Transactions through a pool of one connection: whatever interrupts one, the next sees only its own tenant."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from models.contracts.enums import Language
from models.repositories import tenants
from runtime.database import Database
from runtime.embedded import Servers

TENANT = sa.text("SELECT current_setting('app.tenant', true)")


@pytest.fixture
async def narrow(servers: Servers) -> AsyncIterator[Database]:
    database = Database(servers.database_url, pool_size=1)
    yield database
    await database.close()


async def seen(database: Database) -> str | None:
    async with database.system() as tx:
        found: str | None = await tx.connection.scalar(TENANT)
        return found or None


async def test_the_tenant_ends_with_its_transaction(narrow: Database) -> None:
    tenant = uuid4()
    async with narrow.tenant(tenant) as tx:
        assert await tx.connection.scalar(TENANT) == str(tenant)
    assert await seen(narrow) is None


async def test_a_transaction_that_need_not_be_flushed_leaves_the_next_one_as_it_was(narrow: Database) -> None:
    flushing = sa.text("SHOW synchronous_commit")
    async with narrow.tenant(uuid4(), flushed=False) as tx:
        assert await tx.connection.scalar(flushing) == "off"
    async with narrow.tenant(uuid4()) as tx:
        assert await tx.connection.scalar(flushing) == "on"


async def test_an_error_rolls_back_and_leaks_nothing(narrow: Database) -> None:
    tenant = uuid4()

    async def fail() -> None:
        async with narrow.tenant(tenant) as tx:
            await tenants.create(tx, slug=f"t-{tenant}", name="never there", language=Language.EN)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await seen(narrow) is None
    async with narrow.system() as system:
        assert tenant not in {each.id for each in await tenants.list_all(system)}


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancelled_transaction_leaks_nothing(narrow: Database, turns: int) -> None:
    """Cancelled after ever more turns of the loop: in the pool, at begin, within a statement, at commit."""
    tenant = uuid4()

    async def work() -> None:
        async with narrow.tenant(tenant) as tx:
            await tx.connection.execute(sa.text("SELECT pg_sleep(0.001)"))
            await tx.connection.execute(sa.text("SELECT pg_sleep(0.001)"))

    task = asyncio.create_task(work())
    for _ in range(turns * turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await seen(narrow) is None


async def test_a_refused_statement_leaves_a_connection_that_serves_on(narrow: Database) -> None:
    slug = f"t-{uuid4()}"
    async with narrow.tenant(uuid4()) as tx:
        await tenants.create(tx, slug=slug, name="first", language=Language.EN)
    with pytest.raises(IntegrityError, match="uq_tenants_slug"):
        async with narrow.tenant(uuid4()) as tx:
            await tenants.create(tx, slug=slug, name="second", language=Language.EN)
    assert await seen(narrow) is None


async def test_connections_that_died_in_the_pool_are_replaced_unseen(servers: Servers) -> None:
    database = Database(servers.database_url, pool_size=3)
    admin = Database(servers.admin_database_url, pool_size=1)
    try:

        async def held(entered: asyncio.Event, leave: asyncio.Event) -> None:
            async with database.system():
                entered.set()
                await leave.wait()

        leave = asyncio.Event()
        entered = [asyncio.Event() for _ in range(3)]
        tasks = [asyncio.create_task(held(event, leave)) for event in entered]
        await asyncio.gather(*(event.wait() for event in entered))
        leave.set()
        await asyncio.gather(*tasks)
        async with admin.system() as tx:
            await tx.connection.execute(
                sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mainstay_app'")
            )
        for _ in range(3):
            assert await seen(database) is None
    finally:
        await database.close()
        await admin.close()
