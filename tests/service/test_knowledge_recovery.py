"""A kill -9 in the middle of ingestion: what is done stays done, and nothing is done twice."""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from activities.embedding.nano import NanoEmbedder
from activities.embedding.tei import TeiEmbedder
from models.contracts.enums import FileStatus, IngestStatus
from models.repositories import events
from models.repositories.ingest_files import NewFile
from runtime.database import Database
from runtime.embedded import Servers
from tests.fakes.embedding import serving
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


FILES, TEXTS, KNOWN = 40, 960, 20
SEED, KILLS = 20_261_121, 5

DOCUMENTS = """
    SELECT d.name, d.version, d.chunk_count, d.body,
        (SELECT count(*) FROM chunks c WHERE c.tenant_id = d.tenant_id AND c.document_id = d.id AND c.is_current) AS chunks,
        (SELECT count(*) FROM embeddings e JOIN chunks c ON c.tenant_id = e.tenant_id AND c.id = e.chunk_id
            WHERE c.tenant_id = d.tenant_id AND c.document_id = d.id) AS vectors
    FROM documents d WHERE d.tenant_id = $1 AND d.is_current
"""
VECTORS_OF_NOTHING = """
    SELECT count(*) FROM embeddings e LEFT JOIN chunks c ON c.tenant_id = e.tenant_id AND c.id = e.chunk_id
    WHERE e.tenant_id = $1 AND c.is_current IS NOT TRUE
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_thousand_documents_survive_kills_at_any_point(
    servers: Servers, database: Database, tenant: UUID
) -> None:
    """Files and texts, some of them new versions: each is current once in the end, and till then what was."""
    chance = random.Random(SEED)  # repeatable, not secret
    async with serving("recovers", 64) as fake:
        embedder = TeiEmbedder(base_url=fake.url, model=fake.model, dimension=fake.dimension)
        library = await open_library(database, tenant, embedder)
        await library.add(*(page(f"file {n}", f"Old model {n}.") for n in range(KNOWN)))
        known = dict.fromkeys((f"file {n}" for n in range(KNOWN)), 1)

        source, of_files = await library.upload(
            *(NewFile(name=f"file {n}", content=f"New model {n}.\n\nIt weighs {n} kg.".encode()) for n in range(FILES))
        )
        _, of_texts = await library.stage(*(page(f"text {n}", f"# Model {n}\n\nIt costs {n}.") for n in range(TEXTS)))
        killed = 0
        while True:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.service.ingest_process", servers.database_url, str(tenant), str(source)),
                *(fake.url, fake.model, str(fake.dimension)),
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=asyncio.subprocess.PIPE,
            )
            assert process.stdout is not None
            assert await process.stdout.readline() == b"begins\n"
            try:
                # Not to wait for anything: the moment is chosen by lot.
                await asyncio.wait_for(process.wait(), chance.uniform(0.1, 3) if killed < KILLS else None)
            except TimeoutError:
                process.send_signal(signal.SIGKILL)
                await process.wait()
            if process.returncode != -signal.SIGKILL:
                break
            killed += 1
            names = await library.names()
            assert names == known or len(names) == FILES + TEXTS, f"half published after kill {killed} of seed {SEED}"
        assert process.returncode == 0
        assert killed == KILLS
        await embedder.close()

    admin = await asyncpg.connect(servers.admin_database_url)
    current = await admin.fetch(DOCUMENTS, tenant)
    orphans = await admin.fetchval(VECTORS_OF_NOTHING, tenant)
    waiting = await admin.fetchval(
        "SELECT count(*) FROM ingest_files WHERE tenant_id = $1 AND content IS NOT NULL", tenant
    )
    versions = await admin.fetchval("SELECT count(*) FROM documents WHERE tenant_id = $1", tenant)
    await admin.close()
    expected = {f"file {n}": 2 if n < KNOWN else 1 for n in range(FILES)} | {f"text {n}": 1 for n in range(TEXTS)}
    assert sorted(row["name"] for row in current) == sorted(expected)
    assert {row["name"]: row["version"] for row in current} == expected
    assert {(row["chunk_count"], row["chunks"], row["vectors"]) for row in current} == {(1, 1, 1)}
    assert all(
        row["body"].split(".")[0].endswith(f"odel {row['name'].split()[1]}") for row in current if "file" in row["name"]
    )
    assert (orphans, waiting, versions) == (0, 0, FILES + TEXTS + KNOWN)
    assert {file.status for file in await library.report(of_files)} == {FileStatus.READ}
    for job, files in ((of_files, FILES), (of_texts, 0)):
        done = await library.job(job)
        assert (done.status, done.files_total, done.files_done, done.files_failed) == (
            IngestStatus.DONE,
            files,
            files,
            0,
        )
        assert done.documents_changed == (files or TEXTS)
