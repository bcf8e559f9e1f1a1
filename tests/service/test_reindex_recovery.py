"""A worker is killed (-9) at one step of a re-index after the other: another goes on, nothing is lost or done twice, and
every search meanwhile finds what it should."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from activities.embedding.tei import TeiEmbedder
from activities.ingestion.ingest import STORED_TOGETHER
from cli.search import searching
from models.contracts.routing import reindex_id
from models.payload_keys import connected
from runtime.database import Database, driver_url
from runtime.embedded import Servers
from tests.fakes.embedding import FakeEmbedder
from tests.fakes.embedding import serving as serving_embedder
from tests.service.api.house import TEST_HOME, Company, company, serving, settings_of
from tests.service.commands import WorkerProcess
from tests.service.library import open_library, page

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

PAGES = 2 * STORED_TOGETHER + 8
WAIT_SECONDS = 90
"""For what takes a worker a few seconds, most of which it starts."""
BETWEEN_SEARCHES = 0.1
"""A person's pause, and room for the worker on a small machine."""


class Searches:
    """A client that searches all the time. The first search that fails, or finds the wrong page, ends it."""

    def __init__(self, tenant: Company, texts: list[str]) -> None:
        self.done = 0
        self._tenant = tenant
        self._texts = texts

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator["Searches"]:
        searching = asyncio.create_task(self._search())
        try:
            yield self
        finally:
            searching.cancel()
            with suppress(asyncio.CancelledError):
                await searching

    async def more(self, searches: int) -> None:
        """Wait until so many more have found what they should."""
        enough = self.done + searches
        await until(lambda: self._reached(enough))

    async def _reached(self, enough: int) -> bool:
        return self.done >= enough

    async def _search(self) -> None:
        while True:
            text = self._texts[self.done % len(self._texts)]
            found = await self._tenant.post("/v1/kb/search", {"query": text, "limit": 3})
            assert found.status_code == 200, found.text
            best = found.json()["passages"][0]
            # A vector of another space would be nowhere near.
            assert (best["text"], best["similarity"] > 0.5) == (text, True)
            self.done += 1
            await asyncio.sleep(BETWEEN_SEARCHES)


class Records:
    """What is stored of one re-index, as the owner of the tables sees it, and the rows that its worker must wait for."""

    def __init__(self, admin: "Admin", tenant: UUID, reindex: UUID) -> None:
        self._admin = admin
        self._tenant = tenant
        self.reindex = reindex

    async def vectors(self) -> list[int]:
        """How many there are in each space, the old one first."""
        rows = await self._admin.fetch(
            "SELECT count(*) FROM embeddings WHERE tenant_id = $1 GROUP BY space_id ORDER BY space_id", self._tenant
        )
        return [row[0] for row in rows]

    async def space(self) -> str:
        """The model that the tenant is searched by."""
        found: str = await self._admin.fetchval(
            "SELECT s.model FROM tenant_spaces t JOIN embedding_spaces s ON s.id = t.space_id WHERE t.tenant_id = $1",
            self._tenant,
        )
        return found

    @asynccontextmanager
    async def keeping_waiting(self, table: str) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
        """Whoever wants to change the tenant's row of `table` waits; gives a question whether somebody does."""
        async with self._admin.transaction():
            await self._admin.execute(f"SELECT FROM {table} WHERE tenant_id = $1 FOR UPDATE", self._tenant)

            async def waits() -> bool:
                held = (
                    "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
                )
                return bool(await self._admin.fetchval(held))

            yield waits


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition():  # noqa: ASYNC110  # of other processes
            await asyncio.sleep(0.02)


@asynccontextmanager
async def models() -> AsyncIterator[tuple[FakeEmbedder, FakeEmbedder]]:
    """The model that the tenant is searched by, and the one that it moves to."""
    async with serving_embedder("old", 64) as old, serving_embedder("new", 96) as new:
        yield old, new


@pytest.mark.timeout(300)
async def test_a_reindex_survives_kills_at_every_step_and_no_search_fails(servers: Servers, database: Database) -> None:
    texts = [f"thing{n} stuff{n} matter{n}" for n in range(PAGES)]
    admin = await asyncpg.connect(driver_url(servers.admin_database_url))
    async with AsyncExitStack() as ended, models() as (old, new):
        ended.push_async_callback(admin.close)
        chosen = old.settings() | new.settings("embedding_next")
        settings = settings_of(servers, data_dir=TEST_HOME, rate_limit_model="1000000/minute", **chosen)
        worker = WorkerProcess(servers, **chosen)
        ended.push_async_callback(worker.kill)
        async with serving(settings, searching(settings)) as (url, _), company(database, url) as acme:
            embedder = TeiEmbedder(base_url=old.url, model=old.model, dimension=old.dimension)
            library = await open_library(database, acme.id, embedder)
            await library.add(*(page(f"{n}.md", text) for n, text in enumerate(texts)))
            async with Searches(acme, texts).going_on() as searches, connected(settings) as client:
                new.hold(2)
                await worker.start()
                asked = UUID((await acme.post("/v1/kb/reindex")).json()["id"])
                records = Records(admin, acme.id, asked)

                # While the model works on the second batch.
                await asyncio.wait_for(new.held.wait(), WAIT_SECONDS)
                await worker.kill()
                assert await records.vectors() == [PAGES, STORED_TOGETHER]
                new.release()

                # While the second batch is stored.
                async with records.keeping_waiting("reindexes") as waits:
                    await worker.start()
                    await until(waits)
                    await worker.kill()
                    assert await records.vectors() == [PAGES, STORED_TOGETHER]

                # In the switch, before it is done.
                async with records.keeping_waiting("tenant_spaces") as waits:
                    await worker.start()
                    await until(waits)
                    await worker.kill()
                assert await records.space() == "old"
                await searches.more(5)

                # When it is done, and perhaps not yet told.
                async def moved() -> bool:
                    return await records.space() == "new"

                await worker.start()
                await until(moved)
                await worker.kill()
                await searches.more(5)

                # The run waits for its last step, the removal of the old vectors.
                handle = client.get_workflow_handle(reindex_id(acme.id, asked))

                async def waits_to_drop() -> bool:
                    events = (await handle.fetch_history()).events
                    return any(event.HasField("timer_started_event_attributes") for event in events)

                await worker.start()
                await until(waits_to_drop)
                await worker.kill()
                await handle.terminate()
            done = (await acme.get(f"/v1/kb/reindex/{asked}")).json()
            await embedder.close()
        assert await records.vectors() == [PAGES, PAGES]
    assert (done["status"], done["chunks_total"], done["chunks_embedded"]) == ("done", PAGES, PAGES)
    # The batch that was lost twice was embedded again, and no other.
    passages = [text for text in new.asked if ".md" in text]
    assert (len(passages), len(set(passages))) == (PAGES + 2 * STORED_TOGETHER, PAGES)
