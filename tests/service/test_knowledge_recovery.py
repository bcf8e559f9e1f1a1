"""A kill -9 in the middle of embedding: what is done stays done, and nothing is done twice."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from uuid import UUID

import asyncpg

from activities.embedding.nano import NanoEmbedder
from models.contracts.enums import IngestStatus
from models.repositories import events
from runtime.database import Database
from runtime.embedded import Servers
from tests.service.library import open_library, page

ROOT = Path(__file__).parents[2]
SECTIONS = 40


async def test_a_killed_run_is_resumed_where_it_was(servers: Servers, database: Database, tenant: UUID) -> None:
    embedder = NanoEmbedder()
    library = await open_library(database, tenant, embedder)
    text = "\n\n".join(f"# Part {n}\n\nPart number {n} fits model {n * 7}." for n in range(SECTIONS))
    source, job = await library.stage(page("parts.md", text))
    assert (await library.split(source)).chunks == SECTIONS

    admin = await asyncpg.connect(servers.admin_database_url)
    progressed = asyncio.Event()
    await admin.add_listener(events.CHANNEL, lambda *_: progressed.set())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.service.embedding_process", servers.database_url, str(tenant), str(source)),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    async def embedded() -> dict[UUID, str]:
        """The vectors by chunk, and where each row lies: a row written again would lie elsewhere."""
        rows = await admin.fetch("SELECT chunk_id, ctid::text FROM embeddings WHERE tenant_id = $1", tenant)
        return {row["chunk_id"]: row["ctid"] for row in rows}

    try:
        async with asyncio.timeout(60):
            while not await embedded():
                await progressed.wait()
                progressed.clear()
        process.send_signal(signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL
        before = await embedded()
        assert 0 < len(before) < SECTIONS
        assert await library.names() == {}
        assert (await library.job(job)).status is IngestStatus.RUNNING

        assert (await library.embed(source)).chunks == SECTIONS - len(before)
        assert (await library.publish(source)).chunks == SECTIONS
        after = await embedded()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await admin.close()
        await embedder.close()
    assert len(after) == SECTIONS
    assert {chunk: after[chunk] for chunk in before} == before
    done = await library.job(job)
    assert (done.status, done.chunks_total, done.chunks_embedded) == (IngestStatus.DONE, SECTIONS, SECTIONS)
