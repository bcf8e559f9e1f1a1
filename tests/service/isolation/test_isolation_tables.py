"""No tenant's row can be read, changed, taken, deleted or planted from another, table by table, by raw SQL."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from runtime.database import driver_url
from tests.service.isolation.tables import NOT_OF_A_TENANT, TENANT_TABLES, Connection, leaks
from tests.service.isolation.world import World


@pytest.fixture(scope="module")
async def admin(world: World) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(driver_url(world.admin_url))
    yield connection
    await connection.close()


async def test_every_table_is_known(admin: Connection) -> None:
    rows = await admin.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p', 'm', 'f', 'v') AND n.nspname = 'public'"
    )
    assert {row["relname"] for row in rows} == {*TENANT_TABLES, *NOT_OF_A_TENANT}


@pytest.mark.parametrize("table", TENANT_TABLES)
async def test_both_tenants_have_rows_in_every_table(world: World, admin: Connection, table: str) -> None:
    """Otherwise the probes below would prove nothing of it: teach tests/service/isolation/world.py to fill it."""
    for tenant in (world.ours, world.theirs):
        assert await admin.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", tenant.id), tenant.slug


@pytest.mark.parametrize("table", TENANT_TABLES)
async def test_a_table_keeps_tenants_apart(world: World, table: str) -> None:
    connection = await asyncpg.connect(driver_url(world.app_url))
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.tenant', $1, true)", str(world.ours.id))
            assert await leaks(connection, table, world.theirs.id) == []
    finally:
        await connection.close()


@pytest.mark.parametrize("table", TENANT_TABLES)
async def test_the_probes_find_a_table_without_row_level_security(world: World, admin: Connection, table: str) -> None:
    """The test above can fail. The switch is thrown in a transaction that is rolled back."""
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        await admin.execute("SET LOCAL ROLE mainstay_app")
        await admin.execute("SELECT set_config('app.tenant', $1, true)", str(world.ours.id))
        assert await leaks(admin, table, world.theirs.id) != []
    finally:
        await transaction.rollback()


async def test_tenants_are_apart_too(world: World) -> None:
    connection = await asyncpg.connect(driver_url(world.app_url))
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.tenant', $1, true)", str(world.ours.id))
            assert [row["id"] for row in await connection.fetch("SELECT id FROM tenants")] == [world.ours.id]
            changed = await connection.execute("UPDATE tenants SET name = 'x' WHERE id = $1", world.theirs.id)
            assert changed == "UPDATE 0"
    finally:
        await connection.close()
