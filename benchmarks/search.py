"""What a search costs among 1,000, 10,000 and 100,000 chunks that tenants share an index of: for a tenant that has 1 % of
them and one that has half, against the exact scan of the same tenant.

The chunks grow from size to size. Recall is against an exact scan in numpy, of the way that the tenant's size chooses.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from activities.embedding.choice import embedder_for
from benchmarks.figures import Figures, command, console
from benchmarks.planting import DIMENSION, Field, Planted, planting, points, texts
from models.contracts.enums import Language
from models.repositories import retrieval
from runtime.database import Database

SIZES = (1_000, 10_000, 100_000)
SHARES = (0.01, 0.5)
TOP = 10
RECALL = 0.97
QUESTIONS_SEED = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """Milliseconds of searches, and the share of the nearest TOP that they found."""

    taken: Sequence[float]
    recall: float

    def percentile(self, share: float) -> float:
        return float(np.percentile(self.taken, 100 * share))


async def measure(figures: Figures) -> None:
    sizes = SIZES[:2] if figures.quick else SIZES
    questions = 40 if figures.quick else 100
    console.print("embedding of a question")
    embedding = await question_cost()
    async with planting() as field:
        small, half = await field.tenant(), await field.tenant()
        others = await field.tenant()
        for size in sizes:
            console.print(f"search in {size} chunks: planting")
            shares = [round(share * size) for share in SHARES]
            for tenant, chunks in zip((small, half, others), (*shares, size - sum(shares)), strict=True):
                await field.grow(tenant, chunks)
            await field.index()
            for tenant, share in zip((small, half), SHARES, strict=True):
                console.print(f"search in {size} chunks: tenant with {share:.0%}")
                await _compare(figures, field, tenant, f"{size}_{share:.0%}", questions, embedding)


async def _compare(
    figures: Figures, field: Field, tenant: Planted, name: str, questions: int, embedding: float
) -> None:
    asked = _Asked.of(tenant, questions)
    usual = retrieval.EXACT_BELOW
    try:
        # Once before, so that nobody pays for pages that nobody has read yet.
        for below in (usual, 10**9, usual):
            retrieval.EXACT_BELOW = below
            found = await asked.searches(field.database, field.space)
            if below != usual:
                exact = found
        retrieval.EXACT_BELOW = 0
        by_index = await asked.searches(field.database, field.space)
    finally:
        retrieval.EXACT_BELOW = usual
    for share in (0.5, 0.99):
        ours, scan = found.percentile(share), exact.percentile(share)
        figures.add(f"search_p{100 * share:.0f}_{name}", ours, "ms", scan)
        figures.add(f"search_with_embedding_p{100 * share:.0f}_{name}", ours + embedding, "ms", scan + embedding)
    figures.add(f"search_recall_at_{TOP}_{name}", found.recall, "share", at_least=RECALL)
    figures.add(f"search_recall_at_{TOP}_{name}_of_the_index", by_index.recall, "share")


@dataclass(frozen=True, slots=True)
class _Asked:
    """Questions, their vectors, and the chunks that are nearest to each in the tenant."""

    tenant: UUID
    questions: Sequence[str]
    vectors: Sequence[list[float]]
    nearest: Sequence[set[UUID]]

    @classmethod
    def of(cls, tenant: Planted, count: int) -> "_Asked":
        vectors = points(count, DIMENSION, QUESTIONS_SEED)
        places = np.argsort(-(vectors @ tenant.vectors.T), axis=1)[:, :TOP]
        questions = [" ".join(text.split()[:8]) for text in texts(count, QUESTIONS_SEED)]
        nearest = [{tenant.chunks[place] for place in row} for row in places]
        return cls(tenant.id, questions, vectors.tolist(), nearest)

    async def searches(self, database: Database, space: int) -> Found:
        """The product's search, and what its vectors find (asked without words)."""
        taken, shares = [], []
        for question, vector, nearest in zip(self.questions, self.vectors, self.nearest, strict=True):
            begun = time.perf_counter()
            async with database.tenant(self.tenant) as tx:
                await retrieval.search(tx, question, vector, space, Language.EN)
            taken.append(1000 * (time.perf_counter() - begun))
            async with database.tenant(self.tenant) as tx:
                found = await retrieval.search(tx, "", vector, space, None, limit=TOP)
            shares.append(len({passage.chunk_id for passage in found} & nearest) / len(nearest))
        return Found(taken, float(np.mean(shares)))


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


if __name__ == "__main__":
    command("benchmarks.search", __doc__, measure)
