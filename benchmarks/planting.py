"""Knowledge that nobody wrote, in a database of its own: tenants that grow by COPY, and the index of their vectors.

Vectors are made up, around topics as texts are, and the words of chunks drawn by a law like Zipf's.
"""

import asyncio
import struct
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import numpy as np
from numpy.typing import NDArray

from models.contracts.enums import Language
from models.repositories import knowledge, retrieval, tenants
from runtime.database import Database, driver_url
from runtime.embedded import running
from runtime.ids import new_id
from runtime.migrate import upgrade

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

DIMENSION = 384
WORDS = 20_000
WORDS_A_CHUNK = 60
AT_ONCE = 10_000
"""Chunks in memory at a time, beside their vectors."""

Matrix = NDArray[np.float32]


def points(count: int, dimension: int, seed: int) -> Matrix:
    """(count, dimension): unit vectors around topics that lie around themes; neighbours are near, and all are somewhat
    alike."""
    shared, own = np.random.default_rng(0), np.random.default_rng(seed)
    topics = shared.standard_normal((400, dimension)) + 1.5 * shared.standard_normal((20, dimension)).repeat(20, axis=0)
    found = topics[own.integers(len(topics), size=count)] + own.standard_normal((count, dimension))
    unit: Matrix = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
    return unit


def texts(count: int, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    drawn = np.minimum(random.zipf(1.2, (count, WORDS_A_CHUNK)), WORDS) - 1
    return [" ".join(row) for row in _WORDS[drawn]]


def _word(number: int) -> str:
    """A word of letters for a number, not like that of the next."""
    letters = ""
    mixed = (number * 2_654_435_761) % 2**31
    for _ in range(7):
        mixed, place = divmod(mixed, 26)
        letters += "abcdefghijklmnopqrstuvwxyz"[place]
    return letters


_WORDS = np.array([_word(number) for number in range(1, WORDS + 1)], dtype=object)


@dataclass(slots=True)
class Planted:
    """A tenant's chunks, and their vectors (chunks, dimension) in the same order."""

    id: UUID
    source: UUID
    document: UUID
    chunks: list[UUID] = field(default_factory=list)
    vectors: Matrix = field(default_factory=lambda: np.empty((0, DIMENSION), np.float32))


@dataclass(frozen=True, slots=True)
class _Index:
    name: str
    definition: str

    @classmethod
    async def of(cls, admin: "Admin", space: int) -> "_Index":
        """The index of a space's vectors."""
        row = await admin.fetchrow(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'embeddings' AND indexname LIKE $1",
            f"%space\\_{space}",
        )
        assert row is not None, "a space up to 2,000 dimensions has an index"
        return cls(row["indexname"], row["indexdef"])


class Field:
    """The database. Rows are written by the owner of the tables: COPY is not for the application's role."""

    def __init__(self, database: Database, admin: "Admin", space: int, index: _Index) -> None:
        self.database = database
        self.space = space
        self._admin = admin
        self._index = index
        self._seed = 0

    async def tenant(self) -> Planted:
        planted = Planted(new_id(), new_id(), new_id())
        async with self.database.tenant(planted.id) as tx:
            await tenants.create(tx, slug=f"t-{planted.id.hex[-12:]}", name="Bench", language=Language.EN)
        await self._copy("sources", ["tenant_id", "id", "name"], [(planted.id, planted.source, "all")])
        await self._copy(
            "documents",
            "tenant_id id source_id name title media_type body content_hash version chunk_count is_current".split(),
            [(planted.id, planted.document, planted.source, "all", "All", "text/plain", "x", "x", 1, 0, True)],
        )
        return planted

    async def grow(self, planted: Planted, chunks: int) -> None:
        """Have the tenant know `chunks` chunks, those included that it knows."""
        # Rows come faster without the index, which is made once they are there.
        await self._admin.execute(f"DROP INDEX IF EXISTS {self._index.name}")
        while (missing := chunks - len(planted.chunks)) > 0:
            await self._add(planted, min(missing, AT_ONCE))
        await self._admin.execute(
            "UPDATE documents SET chunk_count = $3 WHERE tenant_id = $1 AND id = $2",
            *(planted.id, planted.document, chunks),
        )
        # It is believed for a minute.
        retrieval._chunk_counts.clear()  # noqa: SLF001

    async def _add(self, planted: Planted, count: int) -> None:
        self._seed += 1
        first = len(planted.chunks)
        ids = [new_id() for _ in range(count)]
        said = texts(count, self._seed)
        await self._copy(
            "chunks",
            ["tenant_id", "id", "document_id", "ordinal", "text", "language", "content_hash", "is_current"],
            [
                (planted.id, chunk, planted.document, first + number, text, "en", "x", True)
                for number, (chunk, text) in enumerate(zip(ids, said, strict=True))
            ],
        )
        await self._admin.execute(
            "INSERT INTO vocabulary (tenant_id, word, source_id) SELECT $1, unnest($2::text[]), $3 ON CONFLICT DO NOTHING",
            *(planted.id, sorted({word for text in said for word in text.split()}), planted.source),
        )
        vectors = points(count, DIMENSION, self._seed)
        await self._copy(
            "embeddings",
            ["tenant_id", "chunk_id", "space_id", "embedding"],
            [(planted.id, chunk, self.space, vector) for chunk, vector in zip(ids, vectors, strict=True)],
        )
        planted.chunks += ids
        planted.vectors = np.concatenate([planted.vectors, vectors])

    async def index(self) -> None:
        """Make the index of the vectors, as the migrations make it."""
        await self._admin.execute("SET maintenance_work_mem = '1GB'; SET max_parallel_maintenance_workers = 2")
        await self._admin.execute(self._index.definition)
        await self._admin.execute("VACUUM ANALYZE")

    async def _copy(self, table: str, columns: Sequence[str], records: Sequence[tuple[object, ...]]) -> None:
        await self._admin.copy_records_to_table(table, columns=columns, records=records)


@asynccontextmanager
async def planting() -> AsyncIterator[Field]:
    """A database without knowledge, and an embedding space in it."""
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-") as folder:
        async with running(Path(folder) / "data") as servers:
            await asyncio.to_thread(upgrade, servers.admin_database_url)
            admin = await asyncpg.connect(driver_url(servers.admin_database_url))
            schema = await admin.fetchval(
                "SELECT typnamespace::regnamespace::text FROM pg_type WHERE typname = 'vector'"
            )
            await admin.set_type_codec("vector", schema=schema, encoder=_written, decoder=bytes, format="binary")
            database = Database(servers.database_url)
            try:
                async with database.system() as tx:
                    space = await knowledge.ensure_space(tx, "bench", "points", DIMENSION)
                yield Field(database, admin, space, await _Index.of(admin, space))
            finally:
                await database.close()
                await admin.close()


def _written(vector: Matrix) -> bytes:
    """pgvector's binary form: how many numbers, nothing, and the numbers."""
    return struct.pack(">HH", len(vector), 0) + vector.astype(">f4").tobytes()
