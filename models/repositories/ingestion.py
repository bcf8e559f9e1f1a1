"""The steps from staged documents to current knowledge. Each is idempotent: what is done shows in the rows.

Row-level security forbids COPY to the application role, so rows go in by pipelined executemany.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.contracts.crawl import CrawlStatus
from models.contracts.enums import EventType, IngestStatus, Language
from models.contracts.ingest import Published
from models.contracts.reindex import EMBEDDED_TEXT_VERSION
from models.repositories import events, likenesses, staging, vocabulary
from models.repositories.knowledge import STAGED, among
from models.tables import chunk_bands, chunks, crawls, documents, embeddings, ingest_jobs
from runtime.database import TenantTx
from runtime.ids import new_id

PROGRESS_STEPS = 20
"""A run reports its progress at most this often, however many batches it takes."""


@dataclass(frozen=True, slots=True)
class Unsplit:
    """A staged document that has no chunks yet."""

    id: UUID
    title: str
    text: str
    media_type: str
    language: Language | None


@dataclass(frozen=True, slots=True)
class NewChunk:
    ordinal: int
    heading: str
    text: str
    language: Language
    content_hash: str
    # What others that say the same have too, and what those are found by (see activities/ingestion/likeness.py).
    likeness: str | None = None
    bands: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Unembedded:
    """A chunk without a vector. `title` is its document's."""

    id: UUID
    ordinal: int
    heading: str
    text: str
    title: str


async def next_unsplit(tx: TenantTx, source: UUID) -> Unsplit | None:
    """The next staged document without chunks, locked against being replaced meanwhile."""
    row = (
        await tx.connection.execute(
            sa.select(
                documents.c.id,
                documents.c.title,
                documents.c.body.label("text"),
                documents.c.media_type,
                documents.c.language,
            )
            .where(
                documents.c.tenant_id == tx.tenant_id,
                documents.c.source_id == source,
                documents.c.chunk_count.is_(None),
                STAGED,
            )
            .order_by(documents.c.id)
            .limit(1)
            .with_for_update(key_share=True)
        )
    ).one_or_none()
    return None if row is None else Unsplit(**row._mapping)


async def count_unsplit(tx: TenantTx, source: UUID) -> int:
    return (
        await tx.connection.scalar(
            sa.select(sa.func.count()).where(
                documents.c.tenant_id == tx.tenant_id,
                documents.c.source_id == source,
                documents.c.chunk_count.is_(None),
                STAGED,
            )
        )
        or 0
    )


async def put_chunks(tx: TenantTx, document: UUID, new: Sequence[NewChunk]) -> None:
    """Write a document's chunks, all at once."""
    ids = [new_id() for _ in new]
    if new:
        await tx.connection.execute(
            sa.insert(chunks),
            [
                {
                    "tenant_id": tx.tenant_id,
                    "id": id_,
                    "document_id": document,
                    "ordinal": chunk.ordinal,
                    "heading": chunk.heading,
                    "text": chunk.text,
                    "language": chunk.language,
                    "content_hash": chunk.content_hash,
                    "likeness": chunk.likeness,
                }
                for id_, chunk in zip(ids, new, strict=True)
            ],
        )
        await likenesses.put_bands(
            tx, [(id_, band) for id_, chunk in zip(ids, new, strict=True) for band in chunk.bands]
        )
    await tx.connection.execute(
        sa.update(documents)
        .where(documents.c.tenant_id == tx.tenant_id, documents.c.id == document)
        .values(chunk_count=len(new))
    )
    await vocabulary.add(tx, document)


REUSE_VECTORS = sa.text(
    """
    INSERT INTO embeddings (tenant_id, chunk_id, space_id, embedding, version)
    SELECT fresh.tenant_id, fresh.id, e.space_id, e.embedding, e.version
    FROM documents d
    JOIN chunks fresh ON fresh.tenant_id = d.tenant_id AND fresh.document_id = d.id
    JOIN LATERAL (
        SELECT c.id FROM chunks c
        JOIN documents k ON k.tenant_id = c.tenant_id AND k.id = c.document_id
            AND k.archived_at IS NULL AND k.title = d.title
        WHERE c.tenant_id = fresh.tenant_id AND c.content_hash = fresh.content_hash AND c.id <> fresh.id
            AND EXISTS (SELECT FROM embeddings v WHERE v.tenant_id = c.tenant_id AND v.chunk_id = c.id)
        LIMIT 1
    ) known ON true
    JOIN embeddings e ON e.tenant_id = d.tenant_id AND e.chunk_id = known.id
    WHERE d.tenant_id = :tenant AND d.id = :document
    ON CONFLICT DO NOTHING
    """
)


async def reuse_vectors(tx: TenantTx, document: UUID) -> None:
    """Copy the vectors of those chunks that the current version, or another document of this title, has too: an edit
    costs what it changed, and a copy nothing."""
    await tx.connection.execute(REUSE_VECTORS, {"tenant": tx.tenant_id, "document": document})


def _live_chunks(
    tx: TenantTx, source: UUID, spaces: Sequence[int]
) -> tuple[sa.Select[tuple[Any, ...]], sa.ColumnElement[bool]]:
    """Chunks of what is staged or current (the current ones matter when a new space is filled), and the condition
    that one lacks a vector in any of `spaces`.

    Looked up chunk by chunk: in the middle of an ingestion the planner's statistics are out of date, and a join
    planned with them took quadratic time.
    """
    vectors = (
        sa.select(sa.func.count().label("known"))
        .where(
            embeddings.c.tenant_id == chunks.c.tenant_id,
            embeddings.c.chunk_id == chunks.c.id,
            among(embeddings.c.space_id, spaces),
        )
        .lateral("vectors")
    )
    within = sa.and_(chunks.c.tenant_id == documents.c.tenant_id, chunks.c.document_id == documents.c.id)
    query = (
        sa.select()
        .select_from(documents.join(chunks, within).join(vectors, sa.true()))
        .where(
            documents.c.tenant_id == tx.tenant_id,
            documents.c.source_id == source,
            documents.c.archived_at.is_(None),
        )
    )
    return query, vectors.c.known < len(spaces)


async def unembedded(
    tx: TenantTx, source: UUID, space: int, limit: int, *, after: UUID | None = None
) -> list[Unembedded]:
    """The next live chunks of a source that have no vector in `space`; `after` is the last one of the batch before, so
    that what has its vector is not looked through again."""
    live, without_vector = _live_chunks(tx, source, [space])
    query = (
        live.add_columns(chunks.c.id, chunks.c.ordinal, chunks.c.heading, chunks.c.text, documents.c.title)
        .where(without_vector)
        .order_by(chunks.c.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(chunks.c.id > after)
    return [Unembedded(**row._mapping) for row in await tx.connection.execute(query)]


# A list goes over the wire as an array and becomes a vector there: the driver knows arrays. A chunk that was deleted
# meanwhile is passed over.
PUT_VECTOR = sa.text(
    """
    INSERT INTO embeddings AS e (tenant_id, chunk_id, space_id, embedding, version)
    SELECT c.tenant_id, c.id, :space, CAST(CAST(:vector AS real[]) AS vector), :version
    FROM chunks c WHERE c.tenant_id = :tenant AND c.id = :chunk
    ON CONFLICT (tenant_id, chunk_id, space_id) DO UPDATE
        SET embedding = excluded.embedding, version = excluded.version WHERE e.version <> excluded.version
    """
).bindparams(
    sa.bindparam("space", type_=sa.SmallInteger),
    sa.bindparam("version", EMBEDDED_TEXT_VERSION, type_=sa.SmallInteger),
)


async def put_vectors(tx: TenantTx, space: int, vectors: Sequence[tuple[UUID, list[float]]]) -> None:
    """Store vectors by chunk id; one of this version that is there already stays."""
    await tx.connection.execute(
        PUT_VECTOR,
        [{"tenant": tx.tenant_id, "space": space, "chunk": chunk, "vector": vector} for chunk, vector in vectors],
    )


async def report_progress(tx: TenantTx, source: UUID, spaces: Sequence[int]) -> int:
    """Bring the open jobs' figures up to date, tell subscribers where a step is reached, and return the number of
    live chunks that still lack a vector in one of `spaces`."""
    live, without_vector = _live_chunks(tx, source, spaces)
    counted = (
        await tx.connection.execute(
            live.add_columns(
                sa.func.count().filter(STAGED).label("total"),
                sa.func.count().filter(STAGED, ~without_vector).label("embedded"),
                sa.func.count().filter(without_vector).label("remaining"),
            )
        )
    ).one()
    await _progress(tx, source, await _lock_jobs(tx, source), embedded=counted.embedded, total=counted.total)
    return int(counted.remaining)


async def advance(tx: TenantTx, source: UUID, embedded: int) -> None:
    """Add what a batch has embedded to the open jobs' figures, without counting every chunk as `report_progress` does."""
    jobs = await _lock_jobs(tx, source)
    if jobs:
        total = max(job.chunks_total for job in jobs)
        known = max(job.chunks_embedded for job in jobs)
        await _progress(tx, source, jobs, embedded=min(total, known + embedded), total=total)


async def _lock_jobs(tx: TenantTx, source: UUID) -> Sequence[sa.Row[Any, Any, Any, Any]]:
    """The open jobs of a source, in an order in which nobody waits for each other."""
    rows = await tx.connection.execute(
        sa.select(ingest_jobs.c.id, ingest_jobs.c.status, ingest_jobs.c.chunks_total, ingest_jobs.c.chunks_embedded)
        .where(_open_jobs(tx, source))
        .order_by(ingest_jobs.c.id)
        .with_for_update()
    )
    return rows.all()


async def _progress(
    tx: TenantTx, source: UUID, jobs: Sequence[sa.Row[Any, Any, Any, Any]], *, embedded: int, total: int
) -> None:
    if not jobs:
        return
    ids = [job.id for job in jobs]
    await tx.connection.execute(
        sa.update(ingest_jobs)
        .where(ingest_jobs.c.tenant_id == tx.tenant_id, among(ingest_jobs.c.id, ids))
        .values(status=IngestStatus.RUNNING, chunks_total=total, chunks_embedded=embedded, error=None)
    )
    reached = progress_step(embedded, total)
    if any(
        job.status is not IngestStatus.RUNNING or progress_step(job.chunks_embedded, job.chunks_total) != reached
        for job in jobs
    ):
        await _tell(tx, source, ids, IngestStatus.RUNNING, chunks=embedded, total=total)


def progress_step(done: int, total: int) -> int:
    """Which of PROGRESS_STEPS is reached: subscribers are told when another is."""
    return PROGRESS_STEPS * done // total if total else 0


def _open_jobs(tx: TenantTx, source: UUID) -> sa.ColumnElement[bool]:
    return sa.and_(
        ingest_jobs.c.tenant_id == tx.tenant_id,
        ingest_jobs.c.source_id == source,
        ingest_jobs.c.status.in_([IngestStatus.QUEUED, IngestStatus.RUNNING]),
    )


async def _tell(tx: TenantTx, source: UUID, jobs: Sequence[UUID], status: IngestStatus, **figures: int | str) -> None:
    await events.append(
        tx,
        EventType.INGEST,
        {"source_id": str(source), "job_ids": [str(job) for job in jobs], "status": status.value, **figures},
    )


async def publish(tx: TenantTx, source: UUID, spaces: Sequence[int]) -> Published:
    """Make every staged version current that is complete in all `spaces` and archive the one before it, in this one
    transaction.

    Jobs are done when nothing of the source is left staged and their files are read. A source that is gone has nothing to publish.
    """
    if not await staging.lock(tx, source):
        return Published(documents=0, chunks=0, remaining=0)
    live, without_vector = _live_chunks(tx, source, spaces)
    ready = (
        await tx.connection.execute(
            sa.select(
                documents.c.id, documents.c.name, documents.c.chunk_count, (documents.c.body == "").label("gone")
            ).where(
                documents.c.tenant_id == tx.tenant_id,
                documents.c.source_id == source,
                documents.c.chunk_count.is_not(None),
                STAGED,
                documents.c.id.not_in(live.add_columns(documents.c.id).where(without_vector)),
            )
        )
    ).all()
    if ready:
        await _archive(tx, source, [row.name for row in ready])
        await _make_current(tx, [row.id for row in ready if not row.gone], [row.id for row in ready if row.gone])
    remaining = await tx.connection.scalar(
        sa.select(sa.func.count()).where(documents.c.tenant_id == tx.tenant_id, documents.c.source_id == source, STAGED)
    )
    published = Published(documents=len(ready), chunks=sum(row.chunk_count for row in ready), remaining=remaining or 0)
    if not published.remaining:
        await _finish(tx, source, IngestStatus.DONE, None, documents=published.documents, chunks=published.chunks)
    return published


async def fail(tx: TenantTx, source: UUID, kind: str) -> None:
    """End the source's open jobs as failed. What is current stays so; what is staged waits for the next run."""
    if await staging.lock(tx, source):
        await _finish(tx, source, IngestStatus.FAILED, kind)


async def withdraw(tx: TenantTx, source: UUID, names: Sequence[str]) -> None:
    """Take documents out of knowledge in this transaction, those on their way into it included."""
    if await staging.lock(tx, source):
        await tx.connection.execute(
            sa.delete(documents).where(
                documents.c.tenant_id == tx.tenant_id,
                documents.c.source_id == source,
                among(documents.c.name, names),
                STAGED,
            )
        )
        await _archive(tx, source, names)


async def _archive(tx: TenantTx, source: UUID, names: Sequence[str]) -> None:
    """Archived chunks stay readable for answers that cite them; their vectors and bands go."""
    archived = (
        await tx.connection.scalars(
            sa.update(documents)
            .where(
                documents.c.tenant_id == tx.tenant_id,
                documents.c.source_id == source,
                among(documents.c.name, names),
                documents.c.is_current,
            )
            .values(is_current=False, archived_at=sa.func.now())
            .returning(documents.c.id)
        )
    ).all()
    if not archived:
        return
    old = (chunks.c.tenant_id == tx.tenant_id, among(chunks.c.document_id, archived))
    await tx.connection.execute(sa.update(chunks).where(*old).values(is_current=False))
    for table in (embeddings, chunk_bands):
        await tx.connection.execute(
            sa.delete(table).where(
                table.c.tenant_id == tx.tenant_id, table.c.chunk_id.in_(sa.select(chunks.c.id).where(*old))
            )
        )


async def _make_current(tx: TenantTx, live: Sequence[UUID], withdrawn: Sequence[UUID]) -> None:
    if live:
        await tx.connection.execute(
            sa.update(documents)
            .where(documents.c.tenant_id == tx.tenant_id, among(documents.c.id, live))
            .values(is_current=True)
        )
        await tx.connection.execute(
            sa.update(chunks)
            .where(chunks.c.tenant_id == tx.tenant_id, among(chunks.c.document_id, live))
            .values(is_current=True)
        )
    if withdrawn:
        await tx.connection.execute(
            sa.update(documents)
            .where(documents.c.tenant_id == tx.tenant_id, among(documents.c.id, withdrawn))
            .values(archived_at=sa.func.now())
        )


async def _finish(tx: TenantTx, source: UUID, status: IngestStatus, error: str | None, **figures: int) -> None:
    # A file that came during the run is for its next round, or for the next run; a crawl adds files until it ends.
    waits = ingest_jobs.c.files_done < ingest_jobs.c.files_total
    crawled = sa.exists().where(
        crawls.c.tenant_id == tx.tenant_id,
        crawls.c.job_id == ingest_jobs.c.id,
        crawls.c.status == CrawlStatus.RUNNING,
    )
    finished = (
        await tx.connection.scalars(
            sa.update(ingest_jobs)
            .where(_open_jobs(tx, source), ~crawled, sa.true() if status is IngestStatus.FAILED else ~waits)
            .values(status=status, error=error)
            .returning(ingest_jobs.c.id)
        )
    ).all()
    if finished:
        reason = {} if error is None else {"error": error}
        await _tell(tx, source, finished, status, **figures, **reason)
