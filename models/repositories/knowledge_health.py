"""What is wrong with knowledge: passages that disagree, pages that are old and used, pages that nobody is told of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.repositories import uses
from models.repositories.retrieval import ITERATE
from models.tables import chunks, contradictions, documents, sources
from runtime.database import TenantTx
from runtime.ids import new_id

NEIGHBOURS = 5
"""Passages nearest to one, with which it is compared."""
NEW_DAYS = 30
"""A page that is newer may not have been asked about yet."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """A current passage, and the texts of those nearest to it, by id."""

    id: UUID
    text: str
    others: dict[UUID, str]


@dataclass(frozen=True, slots=True)
class Said:
    """A passage with where it stands. `updated_at`: since when its page says so."""

    chunk_id: UUID
    document_id: UUID
    source: str
    title: str
    uri: str | None
    text: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """A current document. `uses`: answers of the last `uses.DAYS` days that cite it."""

    document_id: UUID
    source: str
    title: str
    uri: str | None
    updated_at: datetime
    uses: int


NEAREST = """
    WITH looked AS MATERIALIZED (
        SELECT c.id, c.text, e.embedding::vector(:dimension) AS vector
        FROM chunks c JOIN embeddings e ON e.tenant_id = c.tenant_id AND e.chunk_id = c.id AND e.space_id = :space
        WHERE c.tenant_id = :tenant AND c.is_current AND (CAST(:after AS uuid) IS NULL OR c.id > :after)
        ORDER BY c.id LIMIT :at_most
    )
    SELECT l.id, l.text, n.id AS other_id, n.text AS other_text
    FROM looked l LEFT JOIN LATERAL (
        SELECT c.id, c.text FROM embeddings e JOIN chunks c ON c.tenant_id = e.tenant_id AND c.id = e.chunk_id
        WHERE e.tenant_id = :tenant AND e.space_id = :space AND c.is_current AND c.id <> l.id
        ORDER BY e.embedding::vector(:dimension) <=> l.vector LIMIT :neighbours
    ) n ON true
    ORDER BY l.id
"""
STATEMENT = sa.text(NEAREST).bindparams(
    # Literals, because a partial index on an expression serves only a statement that says them.
    sa.bindparam("space", type_=sa.SmallInteger, literal_execute=True),
    sa.bindparam("dimension", type_=sa.Integer, literal_execute=True),
    sa.bindparam("after", type_=sa.Uuid()),
    sa.bindparam("neighbours", NEIGHBOURS, type_=sa.Integer),
)


async def neighbours(tx: TenantTx, space: int, dimension: int, after: UUID | None, limit: int) -> list[Neighbours]:
    """The next current passages by id, each with those nearest to it in `space`."""
    await tx.connection.execute(ITERATE)
    given = {"tenant": tx.tenant_id, "space": space, "dimension": dimension, "after": after, "at_most": limit}
    found: dict[UUID, Neighbours] = {}
    for row in await tx.connection.execute(STATEMENT, given):
        passage = found.setdefault(row.id, Neighbours(row.id, row.text, {}))
        if row.other_id is not None:
            passage.others[row.other_id] = row.other_text
    return list(found.values())


async def put_contradictions(tx: TenantTx, pairs: Sequence[tuple[UUID, UUID]]) -> None:
    """Keep pairs of passages that disagree, each once, whichever comes first."""
    for one, other in pairs:
        await tx.connection.execute(
            insert(contradictions)
            .values(tenant_id=tx.tenant_id, id=new_id(), chunk_id=min(one, other), other_id=max(one, other))
            .on_conflict_do_nothing()
        )


async def drop_settled(tx: TenantTx) -> None:
    """Forget pairs of which one is current no longer."""
    current = sa.select(chunks.c.id).where(chunks.c.tenant_id == tx.tenant_id, chunks.c.is_current)
    await tx.connection.execute(
        sa.delete(contradictions).where(
            contradictions.c.tenant_id == tx.tenant_id,
            sa.or_(contradictions.c.chunk_id.not_in(current), contradictions.c.other_id.not_in(current)),
        )
    )


# The report ---------------------------------------------------------------------------------------


async def disagreeing(tx: TenantTx, limit: int) -> list[tuple[Said, Said]]:
    """Pairs of current passages that may contradict each other, those found last first; the older one comes first."""
    pairs = (
        await tx.connection.execute(
            sa.select(contradictions.c.chunk_id, contradictions.c.other_id)
            .where(contradictions.c.tenant_id == tx.tenant_id)
            .order_by(contradictions.c.id.desc())
            .limit(limit)
        )
    ).all()
    told = await _said(tx, {each for pair in pairs for each in pair})
    found = [(told[one], told[other]) for one, other in pairs if one in told and other in told]
    return [(one, other) if one.updated_at <= other.updated_at else (other, one) for one, other in found]


async def stale(tx: TenantTx, days: int, limit: int) -> list[Page]:
    """Pages that nobody has touched for `days` and that answers rest on, the most used first."""
    used = uses.by_document(tx)
    query = _pages(tx, used).where(
        documents.c.created_at < sa.func.now() - sa.func.make_interval(0, 0, 0, days), used.c.uses > 0
    )
    rows = await tx.connection.execute(query.order_by(used.c.uses.desc(), documents.c.id).limit(limit))
    return [Page(**row._mapping) for row in rows]


async def never_cited(tx: TenantTx, limit: int) -> list[Page]:
    """Pages that no answer has cited, the oldest first."""
    used = uses.by_document(tx)
    query = _pages(tx, used).where(
        documents.c.created_at < sa.func.now() - sa.func.make_interval(0, 0, 0, NEW_DAYS), used.c.uses.is_(None)
    )
    rows = await tx.connection.execute(query.order_by(documents.c.id).limit(limit))
    return [Page(**row._mapping) for row in rows]


def _pages(tx: TenantTx, used: sa.CTE) -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(
            documents.c.id.label("document_id"),
            sources.c.name.label("source"),
            documents.c.title,
            documents.c.uri,
            documents.c.created_at.label("updated_at"),
            sa.func.coalesce(used.c.uses, 0).label("uses"),
        )
        .join(sources, _within(sources, documents, "source_id"))
        .outerjoin(used, used.c.document_id == documents.c.id)
        .where(documents.c.tenant_id == tx.tenant_id, documents.c.is_current)
    )


async def _said(tx: TenantTx, ids: set[UUID]) -> dict[UUID, Said]:
    rows = await tx.connection.execute(
        sa.select(
            chunks.c.id.label("chunk_id"),
            chunks.c.document_id,
            sources.c.name.label("source"),
            documents.c.title,
            documents.c.uri,
            chunks.c.text,
            documents.c.created_at.label("updated_at"),
        )
        .join(documents, _within(documents, chunks, "document_id"))
        .join(sources, _within(sources, documents, "source_id"))
        .where(chunks.c.tenant_id == tx.tenant_id, chunks.c.id.in_(ids), chunks.c.is_current)
    )
    return {row.chunk_id: Said(**row._mapping) for row in rows}


def _within(table: sa.Table, other: sa.Table, reference: str) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.tenant_id == other.c.tenant_id, table.c.id == other.c[reference])
