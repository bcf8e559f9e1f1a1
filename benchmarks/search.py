"""`python -m benchmarks.search`: what a search costs by the number of chunks, and what the HNSW index finds of what is
nearest when a tenant has 1 % of its rows, or half of them.

Vectors are made up, around topics as texts are, and the words of chunks drawn by a law like Zipf's. Recall is against
an exact scan in numpy. Fails below RECALL.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
from numpy.typing import NDArray

from activities.embedding.choice import embedder_for
from models.contracts.enums import Language
from models.repositories import knowledge, retrieval, tenants
from runtime.database import Database, driver_url
from runtime.embedded import running
from runtime.ids import new_id
from runtime.migrate import upgrade

DIMENSION = 384
SIZES = (1_000, 10_000, 100_000)
QUESTIONS = 100
TOP = 10
RECALL = 0.97
WORDS = 20_000
WORDS_A_CHUNK = 60

Matrix = NDArray[np.float32]
Admin = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class Found:
    """Of one tenant: its share of the index' rows, milliseconds of the search, recall of its nearest TOP by the way
    that its size chooses, and milliseconds of an exact scan in the database for comparison."""

    chunks: int
    share: float
    p50: float
    p99: float
    exact_p50: float
    recall: float
    index_recall: float


def points(count: int, seed: int) -> Matrix:
    """Unit vectors around topics that lie around themes: neighbours are near, and all are somewhat alike."""
    shared, own = np.random.default_rng(0), np.random.default_rng(seed)
    topics = shared.standard_normal((400, DIMENSION)) + 1.5 * shared.standard_normal((20, DIMENSION)).repeat(20, axis=0)
    found = topics[own.integers(len(topics), size=count)] + own.standard_normal((count, DIMENSION))
    unit: Matrix = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
    return unit


def texts(count: int, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    drawn = np.minimum(random.zipf(1.2, (count, WORDS_A_CHUNK)), WORDS)
    return [" ".join(map(word, row)) for row in drawn]


def word(number: int) -> str:
    """A word of letters for a number, not like that of the next."""
    letters = ""
    mixed = (int(number) * 2_654_435_761) % 2**31
    for _ in range(7):
        mixed, place = divmod(mixed, 26)
        letters += "abcdefghijklmnopqrstuvwxyz"[place]
    return letters


class Bench:
    def __init__(self, database: Database, admin: Any, space: int) -> None:
        self._database = database
        self._admin = admin
        self._space = space
        self._seed = 0

    async def plant(self, count: int) -> tuple[UUID, Matrix, list[UUID]]:
        """A tenant with `count` chunks; by COPY, as the owner of the tables."""
        self._seed += 1
        tenant, source, document = new_id(), new_id(), new_id()
        async with self._database.tenant(tenant) as tx:
            await tenants.create(tx, slug=f"t-{tenant.hex[-12:]}", name="Bench", language=Language.EN)
        vectors, ids = points(count, self._seed), [new_id() for _ in range(count)]
        await self._copy("sources", ["tenant_id", "id", "name"], [(tenant, source, "all")])
        await self._copy(
            "documents",
            "tenant_id id source_id name title media_type body content_hash version chunk_count is_current".split(),
            [(tenant, document, source, "all", "All", "text/plain", "x", "x", 1, count, True)],
        )
        await self._copy(
            "chunks",
            ["tenant_id", "id", "document_id", "ordinal", "text", "language", "content_hash", "is_current"],
            [
                (tenant, chunk, document, number, text, "en", "x", True)
                for number, (chunk, text) in enumerate(zip(ids, texts(count, self._seed), strict=True))
            ],
        )
        await self._admin.execute(
            "INSERT INTO vocabulary (tenant_id, word, source_id) SELECT DISTINCT $1::uuid, t.lexeme, $2::uuid "
            "FROM chunks c, unnest(to_tsvector('simple', c.text)) t WHERE c.tenant_id = $1",
            tenant,
            source,
        )
        await self._admin.execute("CREATE TEMP TABLE IF NOT EXISTS planted (tenant uuid, chunk uuid, vector real[])")
        await self._admin.copy_records_to_table(
            "planted",
            records=[(tenant, chunk, vector.tolist()) for chunk, vector in zip(ids, vectors, strict=True)],
        )
        await self._admin.execute(
            "INSERT INTO embeddings (tenant_id, chunk_id, space_id, embedding) "
            "SELECT tenant, chunk, $1::smallint, vector::vector FROM planted",
            self._space,
        )
        await self._admin.execute("DROP TABLE planted")
        return tenant, vectors, ids

    async def _copy(self, table: str, columns: Sequence[str], records: Sequence[tuple[object, ...]]) -> None:
        await self._admin.copy_records_to_table(table, columns=columns, records=records)

    async def analyze(self) -> None:
        await self._admin.execute("ANALYZE")

    async def measure(self, tenant: UUID, vectors: Matrix, ids: Sequence[UUID], rows: int) -> Found:
        asked = points(QUESTIONS, 10_000)
        said = texts(QUESTIONS, 10_000)
        questions = [" ".join(text.split()[:8]) for text in said]
        nearest = [{ids[place] for place in np.argsort(-(vectors @ vector))[:TOP]} for vector in asked]
        taken, recall = await self._searches(tenant, questions, asked, nearest)
        usual = retrieval.EXACT_BELOW
        try:
            retrieval.EXACT_BELOW = 10**9
            exact, _ = await self._searches(tenant, questions, asked, nearest)
            retrieval.EXACT_BELOW = 0
            _, index_recall = await self._searches(tenant, questions, asked, nearest)
        finally:
            retrieval.EXACT_BELOW = usual
        return Found(
            chunks=len(ids),
            share=len(ids) / rows,
            p50=float(np.percentile(taken, 50)),
            p99=float(np.percentile(taken, 99)),
            exact_p50=float(np.percentile(exact, 50)),
            recall=recall,
            index_recall=index_recall,
        )

    async def _searches(
        self, tenant: UUID, questions: Sequence[str], asked: Matrix, nearest: Sequence[set[UUID]]
    ) -> tuple[list[float], float]:
        """Milliseconds of the product's search, and recall@TOP of its vectors (asked without words)."""
        taken, shares = [], []
        for number, vector in enumerate(asked.tolist()):
            begun = time.perf_counter()
            async with self._database.tenant(tenant) as tx:
                await retrieval.search(tx, questions[number], vector, self._space, Language.EN)
            taken.append(1000 * (time.perf_counter() - begun))
            async with self._database.tenant(tenant) as tx:
                found = await retrieval.search(tx, "", vector, self._space, None, limit=TOP)
            shares.append(len({passage.chunk_id for passage in found} & nearest[number]) / TOP)
        return taken[len(taken) // 10 :], float(np.mean(shares))


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-") as folder:
        async with running(Path(folder) / "data") as servers:
            await asyncio.to_thread(upgrade, servers.admin_database_url)
            admin = await asyncpg.connect(driver_url(servers.admin_database_url))
            database = Database(servers.database_url)
            try:
                async with database.system() as tx:
                    space = await knowledge.ensure_space(tx, "bench", "points", DIMENSION)
                yield Bench(database, admin, space)
            finally:
                await database.close()
                await admin.close()


async def costs(sizes: Sequence[int] = SIZES) -> list[Found]:
    """Of tenants that share an index: one of each size, the largest with half of all rows, the smallest with 1 %."""
    async with bench() as under_test:
        largest = max(sizes)
        planted = [await under_test.plant(size) for size in sizes]
        rest = 2 * largest - sum(sizes)
        if rest > 0:
            await under_test.plant(rest)
        await under_test.analyze()
        rows = sum(sizes) + max(rest, 0)
        return [await under_test.measure(*each, rows) for each in planted]


async def question_cost() -> float:
    """Median milliseconds of embedding a question that was not asked before, with the embedded model."""
    embedder = embedder_for("embedded")
    await embedder.warm()
    taken = []
    for number in range(30):
        begun = time.perf_counter()
        await embedder.embed_query(f"How long does delivery of order {number} take?")
        taken.append(1000 * (time.perf_counter() - begun))
    await embedder.close()
    return float(np.median(taken))


async def main(sizes: Sequence[int]) -> int:
    embedding = await question_cost()
    print(f"embedding a question: {embedding:.1f} ms")
    found = await costs(sizes)
    for each in found:
        print(
            f"{each.chunks:7} chunks, {each.share:4.0%} of the rows: p50 {each.p50:.1f} ms, p99 {each.p99:.1f} "
            f"({each.p50 + embedding:.1f} and {each.p99 + embedding:.1f} with embedding), "
            f"exact p50 {each.exact_p50:.1f} (x{each.exact_p50 / each.p50:.1f}), "
            f"recall@{TOP} {each.recall:.3f} (of the index {each.index_recall:.3f})"
        )
    return 0 if all(each.recall >= RECALL for each in found) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="chunks of the tenants")
    sys.exit(asyncio.run(main(parser.parse_args().sizes)))
