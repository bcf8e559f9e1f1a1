"""The steps of a re-index, and its record. What is done shows in the rows, so each step can be done again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.contracts.enums import IngestStatus
from models.contracts.reindex import EMBEDDED_TEXT_VERSION
from models.repositories import spaces
from models.repositories.ingestion import Unembedded
from models.repositories.spaces import OPEN
from models.tables import chunks, documents, embedding_spaces, embeddings, reindexes
from runtime.database import TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Reindex:
    """`space` names the target (`provider/model/dimension`); None until it has begun."""

    id: UUID
    space: str | None
    status: IngestStatus
    chunks_total: int
    chunks_embedded: int
    error: str | None
    created_at: datetime
    updated_at: datetime


SPACE_NAME = sa.func.concat_ws("/", embedding_spaces.c.provider, embedding_spaces.c.model, embedding_spaces.c.dimension)
READ = sa.select(
    reindexes.c.id,
    sa.case((embedding_spaces.c.id.is_not(None), SPACE_NAME)).label("space"),
    reindexes.c.status,
    reindexes.c.chunks_total,
    reindexes.c.chunks_embedded,
    reindexes.c.error,
    reindexes.c.created_at,
    reindexes.c.updated_at,
).select_from(reindexes.outerjoin(embedding_spaces, embedding_spaces.c.id == reindexes.c.space_id))


async def get(tx: TenantTx, reindex_id: UUID) -> Reindex | None:
    found = await tx.connection.execute(READ.where(reindexes.c.tenant_id == tx.tenant_id, reindexes.c.id == reindex_id))
    row = found.one_or_none()
    return None if row is None else Reindex(**row._mapping)


async def list_recent(tx: TenantTx, *, before: UUID | None = None, limit: int = 50) -> list[Reindex]:
    """Re-indexes, the latest first."""
    query = READ.where(reindexes.c.tenant_id == tx.tenant_id)
    if before is not None:
        query = query.where(reindexes.c.id < before)
    rows = await tx.connection.execute(query.order_by(reindexes.c.id.desc()).limit(limit))
    return [Reindex(**row._mapping) for row in rows]


async def request(tx: TenantTx, workflow_id: str, reindex_id: UUID | None = None) -> tuple[UUID, bool]:
    """The open re-index, and whether it belongs to `workflow_id`: made now, unless there is one."""
    await tx.connection.execute(
        insert(reindexes)
        .values(tenant_id=tx.tenant_id, id=reindex_id or new_id(), workflow_id=workflow_id)
        .on_conflict_do_nothing()
    )
    row = (
        await tx.connection.execute(
            sa.select(reindexes.c.id, reindexes.c.workflow_id).where(reindexes.c.tenant_id == tx.tenant_id, OPEN)
        )
    ).one()
    return row.id, row.workflow_id == workflow_id


async def begin(tx: TenantTx, reindex_id: UUID, space: int) -> bool:
    """Aim an open re-index at `space`; False when it is not open (any more). New documents are embedded there, too,
    from the end of this transaction on."""
    await spaces.settle(tx, space)
    total, done = await _counts(tx, space)
    begun = await tx.connection.execute(
        sa.update(reindexes)
        .where(reindexes.c.tenant_id == tx.tenant_id, reindexes.c.id == reindex_id, OPEN)
        .values(space_id=space, status=IngestStatus.RUNNING, chunks_total=total, chunks_embedded=done)
    )
    return begun.rowcount > 0


async def chunks_after(
    tx: TenantTx, after: UUID | None, space: int, limit: int
) -> tuple[list[Unembedded], UUID | None]:
    """Of the next `limit` current chunks those without an up-to-date vector in `space`; and the last one looked at."""
    page = (
        sa.select(chunks.c.tenant_id, chunks.c.id)
        .where(chunks.c.tenant_id == tx.tenant_id, chunks.c.is_current)
        .order_by(chunks.c.id)
        .limit(limit)
    )
    if after is not None:
        page = page.where(chunks.c.id > after)
    looked = list(await tx.connection.scalars(page.with_only_columns(chunks.c.id)))
    if not looked:
        return [], None
    rows = await tx.connection.execute(
        sa.select(chunks.c.id, chunks.c.ordinal, chunks.c.heading, chunks.c.text, documents.c.title)
        .join(documents, sa.and_(documents.c.tenant_id == chunks.c.tenant_id, documents.c.id == chunks.c.document_id))
        .where(chunks.c.tenant_id == tx.tenant_id, chunks.c.id.in_(looked), ~_embedded(space))
        .order_by(chunks.c.id)
    )
    return [Unembedded(**row._mapping) for row in rows], looked[-1]


def _embedded(space: int) -> sa.ColumnElement[bool]:
    """That a chunk has an up-to-date vector in `space`."""
    return sa.exists().where(
        embeddings.c.tenant_id == chunks.c.tenant_id,
        embeddings.c.chunk_id == chunks.c.id,
        embeddings.c.space_id == space,
        embeddings.c.version == EMBEDDED_TEXT_VERSION,
    )


# Looked up chunk by chunk, whatever the planner's statistics say: see _live_chunks.
COUNTS = sa.text(
    """
    SELECT count(*) AS total, count(e.found) AS embedded FROM chunks c LEFT JOIN LATERAL (
        SELECT true AS found FROM embeddings e
        WHERE e.tenant_id = c.tenant_id AND e.chunk_id = c.id AND e.space_id = :space AND e.version = :version LIMIT 1
    ) e ON true
    WHERE c.tenant_id = :tenant AND c.is_current
    """
)


async def _counts(tx: TenantTx, space: int) -> tuple[int, int]:
    """Current chunks, and those of them that have an up-to-date vector in `space`."""
    row = (
        await tx.connection.execute(COUNTS, {"tenant": tx.tenant_id, "space": space, "version": EMBEDDED_TEXT_VERSION})
    ).one()
    return row.total, row.embedded


async def report(tx: TenantTx, reindex_id: UUID, embedded: int) -> None:
    """Count what a batch has embedded."""
    await tx.connection.execute(
        sa.update(reindexes)
        .where(reindexes.c.tenant_id == tx.tenant_id, reindexes.c.id == reindex_id, OPEN)
        .values(chunks_embedded=reindexes.c.chunks_embedded + embedded)
    )


async def switch(tx: TenantTx, reindex_id: UUID) -> int:
    """Have the tenant searched in the re-index's space if every current chunk has a vector there; how many have none."""
    await spaces.lock(tx)
    space = await tx.connection.scalar(
        sa.select(reindexes.c.space_id).where(reindexes.c.tenant_id == tx.tenant_id, reindexes.c.id == reindex_id, OPEN)
    )
    if space is None:
        return 0
    total, embedded = await _counts(tx, space)
    if embedded == total:
        await spaces.move(tx, space)
        await _end(tx, reindex_id, status=IngestStatus.DONE, chunks_total=total, chunks_embedded=total, error=None)
    return total - embedded


async def fail(tx: TenantTx, reindex_id: UUID, kind: str) -> None:
    """End a re-index as failed. The tenant stays where it is; what is embedded serves the next one."""
    await _end(tx, reindex_id, status=IngestStatus.FAILED, error=kind)


async def _end(tx: TenantTx, reindex_id: UUID, **values: object) -> None:
    await tx.connection.execute(
        sa.update(reindexes)
        .where(reindexes.c.tenant_id == tx.tenant_id, reindexes.c.id == reindex_id, OPEN)
        .values(**values)
    )


async def drop_vectors(tx: TenantTx, limit: int) -> int:
    """Delete up to `limit` vectors in spaces that the tenant neither is searched in nor moves to; how many."""
    used: Sequence[int] = [space for space in (await spaces.active(tx), await spaces.target(tx)) if space is not None]
    if not used:
        return 0
    unused = (
        sa.select(embeddings.c.chunk_id, embeddings.c.space_id)
        .where(embeddings.c.tenant_id == tx.tenant_id, embeddings.c.space_id.not_in(used))
        .limit(limit)
    )
    gone = await tx.connection.execute(
        sa.delete(embeddings).where(
            embeddings.c.tenant_id == tx.tenant_id,
            sa.tuple_(embeddings.c.chunk_id, embeddings.c.space_id).in_(unused),
        )
    )
    return gone.rowcount
