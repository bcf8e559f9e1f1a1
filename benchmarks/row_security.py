"""What row-level security costs: the same calls of the repositories with it and without, by turns, in one database.

A server of its own holds ten tenants with 200 conversations and 1,000 passages each. Without security the statements
stay as they are: every one of them names the tenant itself.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from uuid import UUID

import asyncpg

from benchmarks.load import median
from models.contracts.enums import Language
from models.repositories import conversations, intake, knowledge, messages, retrieval
from models.tables import metadata
from runtime.database import Database, TenantTx, driver_url
from runtime.embedded import running
from runtime.migrate import upgrade

SEED = Path(__file__).with_suffix(".sql")
DIMENSION = 384
CALLS, ROUNDS = 200, 4


@dataclass(frozen=True, slots=True)
class Cost:
    """Median seconds of one kind of call, with security and without."""

    name: str
    secured: float
    bare: float


async def costs() -> list[Cost]:
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-") as folder:
        async with running(Path(folder) / "data") as servers:
            await asyncio.to_thread(upgrade, servers.admin_database_url)
            async with _seeded(servers.database_url, servers.admin_database_url) as (database, admin, tenant):
                return await _compared(database, admin, await _calls(database, tenant), tenant)


@asynccontextmanager
async def _seeded(
    url: str, admin_url: str
) -> AsyncIterator[tuple[Database, "asyncpg.Connection[asyncpg.Record]", UUID]]:
    admin = await asyncpg.connect(driver_url(admin_url))
    database = Database(url)
    async with database.system() as tx:
        await knowledge.ensure_space(tx, "bench", "constant", DIMENSION)
    await admin.execute(SEED.read_text())
    tenant: UUID = await admin.fetchval("SELECT tenant_id FROM seeded LIMIT 1")
    try:
        yield database, admin, tenant
    finally:
        await database.close()
        await admin.close()


Call = Callable[[TenantTx, int], Awaitable[object]]


async def _calls(database: Database, tenant: UUID) -> dict[str, Call]:
    async with database.tenant(tenant) as tx:
        known = [each.id for each in await conversations.list_recent(tx, limit=200)]
    vector = [DIMENSION**-0.5] * DIMENSION

    return {
        "accept a message": lambda tx, n: intake.accept(tx, known[n % len(known)], "How long is delivery?", None),
        "list conversations": lambda tx, _: conversations.list_recent(tx, limit=50),
        "read messages": lambda tx, n: messages.page(tx, known[n % len(known)]),
        "search knowledge": lambda tx, n: retrieval.search(tx, f"delivery to city {n % 97}", vector, 1, Language.EN),
    }


async def _compared(
    database: Database, admin: "asyncpg.Connection[asyncpg.Record]", calls: dict[str, Call], tenant: UUID
) -> list[Cost]:
    taken: dict[tuple[str, bool], list[float]] = {(name, secured): [] for name in calls for secured in (True, False)}
    for number in range(2 * ROUNDS):
        secured = number % 2 == 0
        await _switch(admin, secured=secured)
        for name, call in calls.items():
            for repetition in range(CALLS):
                begun = perf_counter()
                async with database.tenant(tenant) as tx:
                    await call(tx, repetition)
                # The first of a round pay for plans that the switch has thrown away.
                if repetition >= CALLS // 10:
                    taken[name, secured].append(perf_counter() - begun)
    return [Cost(name, median(taken[name, True]), median(taken[name, False])) for name in calls]


async def _switch(admin: "asyncpg.Connection[asyncpg.Record]", *, secured: bool) -> None:
    for table in metadata.sorted_tables:
        if "tenant_id" in table.columns or table.name == "tenants":
            await admin.execute(f"ALTER TABLE {table.name} {'ENABLE' if secured else 'DISABLE'} ROW LEVEL SECURITY")
