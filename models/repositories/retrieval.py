"""Hybrid search: nearest vectors, and words that match or are like those that do, fused by rank, in one statement.

The figures behind the constants here are in docs/decisions/0016 and 0039.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from models.contracts.enums import Language
from models.contracts.knowledge import Passage
from models.repositories import spaces
from models.tables import documents
from runtime.database import TenantTx

CANDIDATES = 20
"""How many each half contributes, of those that say the same one."""
READ, READ_BY_INDEX = 200, 60
"""How many are read to find them: what stands on many pages, as a footer does, must not take the places of everything
else. An exact scan has all distances anyway; words and the index cost more for each."""
RANK_CONSTANT = 60
"""k of reciprocal rank fusion, as published: a first place counts 1/61, a second 1/62."""
WORDS_WEIGHT = 0.5
"""A place among matching words counts half of one among vectors: Postgres does not know which words are rare."""
SAME_LANGUAGE = 0.001
"""What a passage in the question's language gets on top: about four places among vectors. Enough to lead among
translations of one page, too little to lift what neither half found."""
EXACT_BELOW = 5_000
"""Chunks up to which a scan of all of a tenant's vectors is both exact and quick (1.6 ms at 1,000)."""
MAX_QUESTION_CHARACTERS = 1_000
"""What a question asks stands in its beginning; beyond it are only more words to look up."""
COUNT_SECONDS = 60.0
"""How long a tenant's chunk count, which only chooses the plan, is believed."""

# An index that serves all tenants returns its nearest 40 of everybody's, and the tenant filter then leaves next to
# nothing: the iterative scan goes on until enough are found. `relaxed_order` may swap neighbours; the ranks below are
# taken from the distances. Looking at 120 neighbours at a time, and not at 40, finds what a large tenant's search missed
# (see docs/performance.md).
ITERATE = sa.text(
    "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '120', true)"
)

# `+ 0` keeps the index out of it. Subselects where a join would read more naturally keep their plan when the planner's
# statistics are behind, as they are after an upload; that of the question is evaluated once a statement.
EXACT = "(e.embedding::vector(:dimension) <=> (SELECT vector FROM asked)) + 0"
INDEXED = "e.embedding::vector(:dimension) <=> (SELECT vector FROM asked)"

HYBRID = """
    WITH asked AS MATERIALIZED (
        SELECT CAST(CAST(:vector AS real[]) AS vector(:dimension)) AS vector
    ),
    near AS MATERIALIZED (
        SELECT e.chunk_id, coalesce(c.likeness, c.id::text) AS said,
            e.embedding::vector(:dimension) <=> (SELECT vector FROM asked) AS distance
        FROM embeddings e
        JOIN chunks c ON c.tenant_id = e.tenant_id AND c.id = e.chunk_id
        WHERE e.tenant_id = :tenant AND e.space_id = :space AND c.is_current {tagged}
        ORDER BY {nearness} LIMIT :near_read
    ),
    worded AS MATERIALIZED (
        SELECT w.chunk_id, w.rank, (
                SELECT coalesce(c.likeness, c.id::text) FROM chunks c WHERE c.tenant_id = :tenant AND c.id = w.chunk_id
            ) AS said
        FROM {worded} w
    ),
    -- Passages that say the same have one place together, that of the first.
    places AS (
        (SELECT said, chunk_id, 1.0::float8 AS weight, row_number() OVER (ORDER BY distance, chunk_id) AS place
        FROM (SELECT DISTINCT ON (said) * FROM near ORDER BY said, distance, chunk_id) AS first_near
        ORDER BY place LIMIT :candidates)
        UNION ALL
        (SELECT said, chunk_id, :words_weight, row_number() OVER (ORDER BY rank DESC, chunk_id) AS place
        FROM (SELECT DISTINCT ON (said) * FROM worded ORDER BY said, rank DESC, chunk_id) AS first_worded
        ORDER BY place LIMIT :candidates)
    ),
    -- The nearest of them is shown.
    fused AS (
        SELECT (array_agg(chunk_id ORDER BY weight DESC))[1] AS chunk_id, sum(weight / (:rank_constant + place)) AS score
        FROM places GROUP BY said
    ),
    scored AS (
        SELECT c.id AS chunk_id, c.document_id, d.title, d.uri, c.heading, c.text, c.language,
            coalesce((
                SELECT 1 - (e.embedding::vector(:dimension) <=> (SELECT vector FROM asked))
                FROM embeddings e WHERE e.tenant_id = :tenant AND e.chunk_id = c.id AND e.space_id = :space
            ), 0) AS similarity,
            f.score + CASE WHEN c.language = :language THEN :same_language ELSE 0 END AS score
        FROM fused f
        JOIN chunks c ON c.tenant_id = :tenant AND c.id = f.chunk_id
        JOIN documents d ON d.tenant_id = c.tenant_id AND d.id = c.document_id
    )
    SELECT chunk_id, document_id, title, uri, heading, text, language, similarity, score,
        (SELECT t.space_id FROM tenant_spaces t WHERE t.tenant_id = :tenant) AS active
    FROM scored
    ORDER BY score DESC, similarity DESC, chunk_id LIMIT :limit
"""

# A source without tags is for every assistant.
TAGGED = """
    AND c.document_id IN (
        SELECT d.id FROM documents d JOIN sources s ON s.tenant_id = d.tenant_id AND s.id = d.source_id
        WHERE d.tenant_id = :tenant AND d.is_current AND (s.tags = '{}' OR s.tags && CAST(:tags AS text[])))
"""


SEARCHED = "search_words(:question, CAST(:tags AS text[]), :words_read)"
GIVEN = "unnest(CAST(:word_chunks AS uuid[]), CAST(:word_ranks AS real[])) AS"


def _statement(*, exact: bool, tagged: bool, given: bool) -> sa.TextClause:
    sql = HYBRID.replace("{nearness}", EXACT if exact else INDEXED).replace("{tagged}", TAGGED if tagged else "")
    sql = sql.replace("{worded} w", f"{GIVEN} w(chunk_id, rank)" if given else f"{SEARCHED} w")
    parameters: list[sa.BindParameter[Any]] = [
        # Literals, because a partial index on an expression serves only a statement that says them.
        sa.bindparam("space", type_=sa.SmallInteger, literal_execute=True),
        sa.bindparam("dimension", type_=sa.Integer, literal_execute=True),
        sa.bindparam("vector", type_=ARRAY(sa.REAL)),
        sa.bindparam("candidates", CANDIDATES, type_=sa.Integer),
        sa.bindparam("near_read", READ if exact else READ_BY_INDEX, type_=sa.Integer),
        sa.bindparam("rank_constant", RANK_CONSTANT, type_=sa.Integer),
        sa.bindparam("words_weight", WORDS_WEIGHT, type_=sa.Double),
        sa.bindparam("same_language", SAME_LANGUAGE, type_=sa.Double),
    ]
    if given:
        parameters += [
            sa.bindparam("word_chunks", type_=ARRAY(sa.Uuid)),
            sa.bindparam("word_ranks", type_=ARRAY(sa.REAL)),
        ]
    else:
        parameters.append(sa.bindparam("words_read", READ_BY_INDEX, type_=sa.Integer))
    if tagged or not given:
        parameters.append(sa.bindparam("tags", type_=ARRAY(sa.Text)))
    return sa.text(sql).bindparams(*parameters)


STATEMENTS = {
    (exact, tagged, given): _statement(exact=exact, tagged=tagged, given=given)
    for exact in (True, False)
    for tagged in (True, False)
    for given in (True, False)
}

WORDED = sa.text(f"SELECT chunk_id, rank FROM {SEARCHED}").bindparams(  # noqa: S608  # made of a constant
    sa.bindparam("tags", type_=ARRAY(sa.Text)), sa.bindparam("words_read", READ_BY_INDEX, type_=sa.Integer)
)


@dataclass(frozen=True, slots=True)
class Worded:
    """Chunks that match a question's words, and how well: what is known of it without its vector."""

    chunks: tuple[UUID, ...]
    ranks: tuple[float, ...]


async def worded(tx: TenantTx, question: str, *, tags: Sequence[str] | None = None) -> Worded:
    """The half of a search that can be made while the question is embedded. `tags` as for `search`."""
    given = {"question": _bounded(question), "tags": None if tags is None else list(tags)}
    rows = (await tx.connection.execute(WORDED, given)).all()
    return Worded(tuple(row.chunk_id for row in rows), tuple(row.rank for row in rows))


async def search(
    tx: TenantTx,
    question: str,
    vector: list[float],
    space: int,
    language: Language | None,
    *,
    tags: Sequence[str] | None = None,
    limit: int = 5,
) -> list[Passage]:
    """The tenant's passages nearest to the question in meaning or in words, best first.

    `vector` is the question's in `space`. `tags` None searches every source; otherwise those that carry one of the
    tags, or none at all. `language` None prefers no language.
    """
    found, _ = await search_and_space(tx, question, vector, space, language, tags=tags, limit=limit)
    return found


async def search_and_space(
    tx: TenantTx,
    question: str,
    vector: list[float],
    space: int,
    language: Language | None,
    *,
    tags: Sequence[str] | None = None,
    limit: int = 5,
    words: Worded | None = None,
) -> tuple[list[Passage], int | None]:
    """Like `search`, with the space that the tenant was searched in at that very moment (see `spaces.active`): where it
    is another, the passages are of no use. `words` is what `worded` has found, where that was asked before."""
    exact = await _chunk_count(tx) < EXACT_BELOW
    if not exact:
        await tx.connection.execute(ITERATE)
    by_words: dict[str, object] = (
        {"question": _bounded(question)}
        if words is None
        else {"word_chunks": list(words.chunks), "word_ranks": list(words.ranks)}
    )
    rows = await tx.connection.execute(
        STATEMENTS[exact, tags is not None, words is not None],
        {
            **by_words,
            "tenant": tx.tenant_id,
            "vector": vector,
            "dimension": len(vector),
            "space": space,
            "language": language,
            "tags": None if tags is None else list(tags),
            "limit": limit,
        },
    )
    found = rows.all()
    # One statement and not two: no switch to another space comes between.
    active = found[0].active if found else await spaces.active(tx)
    return [Passage(**row._mapping) for row in found], active


def _bounded(question: str) -> str:
    return question[:MAX_QUESTION_CHARACTERS].replace("\x00", " ")


_chunk_counts: dict[UUID, tuple[float, int]] = {}
"""By tenant: until when the count is believed, and the count."""


async def _chunk_count(tx: TenantTx) -> int:
    known = _chunk_counts.get(tx.tenant_id)
    now = time.monotonic()
    if known is not None and now < known[0]:
        return known[1]
    count = (
        await tx.connection.scalar(
            sa.select(sa.func.sum(documents.c.chunk_count)).where(
                documents.c.tenant_id == tx.tenant_id, documents.c.is_current
            )
        )
        or 0
    )
    _chunk_counts[tx.tenant_id] = (now + COUNT_SECONDS, count)
    return count
