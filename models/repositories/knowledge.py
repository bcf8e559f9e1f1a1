"""Knowledge as its owners see it: listed, read back, removed. How it comes in: staging.py, ingest_files.py, ingestion.py.

A document's versions are staged, then current, then archived.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from models.contracts.enums import FileStatus, IngestStatus, Language
from models.contracts.knowledge import Passage
from models.tables import chunks, documents, ingest_files, ingest_jobs, sources
from runtime.database import SystemTx, TenantTx

MARKDOWN = "text/markdown"


@dataclass(frozen=True, slots=True)
class Job:
    """One upload's way into knowledge. Chunk figures are those of the source's run, which jobs may share; a file is done
    when it is no longer queued, whatever became of it."""

    id: UUID
    source_id: UUID
    status: IngestStatus
    documents_total: int
    documents_changed: int
    chunks_total: int
    chunks_embedded: int
    files_total: int
    files_done: int
    files_failed: int
    error: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Source:
    """`documents` and `chunks` count what is current, `staged` the documents still on their way."""

    id: UUID
    name: str
    tags: list[str]
    documents: int
    chunks: int
    staged: int
    last_job: Job | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Document:
    id: UUID
    source_id: UUID
    name: str
    title: str
    uri: str | None
    media_type: str
    language: Language | None
    version: int
    chunks: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Chunk:
    id: UUID
    document_id: UUID
    ordinal: int
    heading: str
    text: str
    language: Language


JOB_COLUMNS = (
    ingest_jobs.c.id,
    ingest_jobs.c.source_id,
    ingest_jobs.c.status,
    ingest_jobs.c.documents_total,
    ingest_jobs.c.documents_changed,
    ingest_jobs.c.chunks_total,
    ingest_jobs.c.chunks_embedded,
    ingest_jobs.c.files_total,
    ingest_jobs.c.files_done,
    ingest_jobs.c.files_failed,
    ingest_jobs.c.error,
    ingest_jobs.c.created_at,
    ingest_jobs.c.updated_at,
)

STAGED = sa.and_(~documents.c.is_current, documents.c.archived_at.is_(None))
"""A version that waits to be published."""


def among(column: sa.Column[Any], values: Sequence[object]) -> sa.ColumnElement[bool]:
    """`column = ANY(values)`: one parameter, however many values (a statement has room for 32,767)."""
    return column == sa.any_(sa.literal(list(values), ARRAY(column.type)))


async def list_sources(tx: TenantTx, *, after: UUID | None = None, limit: int = 50) -> list[Source]:
    """Sources in the order in which they were made, from the one after `after`."""
    counts = (
        sa.select(
            sa.func.count().filter(documents.c.is_current).label("documents"),
            sa.func.coalesce(sa.func.sum(documents.c.chunk_count).filter(documents.c.is_current), 0).label("chunks"),
            sa.func.count().filter(STAGED).label("staged"),
        )
        .where(documents.c.tenant_id == sources.c.tenant_id, documents.c.source_id == sources.c.id)
        .lateral("counts")
    )
    last = (
        sa.select(*JOB_COLUMNS)
        .where(ingest_jobs.c.tenant_id == sources.c.tenant_id, ingest_jobs.c.source_id == sources.c.id)
        .order_by(ingest_jobs.c.id.desc())
        .limit(1)
        .lateral("last")
    )
    query = (
        sa.select(
            sources.c.id,
            sources.c.name,
            sources.c.tags,
            sources.c.created_at,
            counts.c.documents,
            counts.c.chunks,
            counts.c.staged,
            *(column.label(f"job_{column.name}") for column in last.c),
        )
        .select_from(sources.join(counts, sa.true()).outerjoin(last, sa.true()))
        .where(sources.c.tenant_id == tx.tenant_id)
        .order_by(sources.c.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(sources.c.id > after)
    return [
        Source(
            id=row.id,
            name=row.name,
            tags=row.tags,
            documents=row.documents,
            chunks=row.chunks,
            staged=row.staged,
            last_job=None
            if row.job_id is None
            else Job(**{column.name: getattr(row, f"job_{column.name}") for column in last.c}),
            created_at=row.created_at,
        )
        for row in await tx.connection.execute(query)
    ]


async def list_documents(
    tx: TenantTx, *, source: UUID | None = None, after: UUID | None = None, limit: int = 50
) -> list[Document]:
    """Current documents, of one source or of all, in the order in which their versions came."""
    query = (
        sa.select(
            documents.c.id,
            documents.c.source_id,
            documents.c.name,
            documents.c.title,
            documents.c.uri,
            documents.c.media_type,
            documents.c.language,
            documents.c.version,
            documents.c.chunk_count.label("chunks"),
            documents.c.created_at,
        )
        .where(documents.c.tenant_id == tx.tenant_id, documents.c.is_current)
        .order_by(documents.c.id)
        .limit(limit)
    )
    if source is not None:
        query = query.where(documents.c.source_id == source)
    if after is not None:
        query = query.where(documents.c.id > after)
    return [Document(**row._mapping) for row in await tx.connection.execute(query)]


async def list_chunks(tx: TenantTx, document: UUID, *, after: int = -1, limit: int = 50) -> list[Chunk]:
    """A document's chunks in its order, from the ordinal after `after`."""
    rows = await tx.connection.execute(
        sa.select(
            chunks.c.id, chunks.c.document_id, chunks.c.ordinal, chunks.c.heading, chunks.c.text, chunks.c.language
        )
        .where(chunks.c.tenant_id == tx.tenant_id, chunks.c.document_id == document, chunks.c.ordinal > after)
        .order_by(chunks.c.ordinal)
        .limit(limit)
    )
    return [Chunk(**row._mapping) for row in rows]


async def get_job(tx: TenantTx, job: UUID) -> Job | None:
    row = (
        await tx.connection.execute(
            sa.select(*JOB_COLUMNS).where(ingest_jobs.c.tenant_id == tx.tenant_id, ingest_jobs.c.id == job)
        )
    ).one_or_none()
    return None if row is None else Job(**row._mapping)


async def list_jobs(
    tx: TenantTx, *, source: UUID | None = None, before: UUID | None = None, limit: int = 50
) -> list[Job]:
    """Jobs, the latest first, of one source or of all."""
    query = sa.select(*JOB_COLUMNS).where(ingest_jobs.c.tenant_id == tx.tenant_id)
    if source is not None:
        query = query.where(ingest_jobs.c.source_id == source)
    if before is not None:
        query = query.where(ingest_jobs.c.id < before)
    rows = await tx.connection.execute(query.order_by(ingest_jobs.c.id.desc()).limit(limit))
    return [Job(**row._mapping) for row in rows]


@dataclass(frozen=True, slots=True)
class Held:
    """What a tenant's knowledge takes: bytes of texts that are current or staged and of files that wait, and chunks."""

    bytes: int
    chunks: int


async def held(tx: TenantTx) -> Held:
    texts = (
        await tx.connection.execute(
            sa.select(
                sa.func.coalesce(sa.func.sum(sa.func.octet_length(documents.c.body)), 0).label("bytes"),
                sa.func.coalesce(sa.func.sum(documents.c.chunk_count), 0).label("chunks"),
            ).where(documents.c.tenant_id == tx.tenant_id, documents.c.archived_at.is_(None))
        )
    ).one()
    waiting = await tx.connection.scalar(
        sa.select(sa.func.sum(ingest_files.c.size)).where(
            ingest_files.c.tenant_id == tx.tenant_id, ingest_files.c.status == FileStatus.QUEUED
        )
    )
    return Held(bytes=int(texts.bytes) + int(waiting or 0), chunks=int(texts.chunks))


async def delete_source(tx: TenantTx, source: UUID) -> bool:
    """Remove a source with its documents, chunks, vectors and jobs; whether there was one. A run that ingests it
    finds nothing more to do."""
    deleted = await tx.connection.execute(
        sa.delete(sources).where(sources.c.tenant_id == tx.tenant_id, sources.c.id == source)
    )
    return deleted.rowcount > 0


async def passages(tx: TenantTx, chunk_ids: Sequence[UUID]) -> list[Passage]:
    """Chunks by id, in the given order, archived ones included: an answer under way may still quote them. Those that
    are gone are left out. Nobody asked a question here, so similarity and score are 0.
    """
    rows = await tx.connection.execute(
        sa.select(
            chunks.c.id.label("chunk_id"),
            chunks.c.document_id,
            documents.c.title,
            documents.c.uri,
            chunks.c.heading,
            chunks.c.text,
            chunks.c.language,
        )
        .join(
            documents,
            sa.and_(documents.c.tenant_id == chunks.c.tenant_id, documents.c.id == chunks.c.document_id),
        )
        .where(chunks.c.tenant_id == tx.tenant_id, among(chunks.c.id, chunk_ids))
    )
    found = {row.chunk_id: Passage(**row._mapping, similarity=0.0, score=0.0) for row in rows}
    return [found[chunk] for chunk in chunk_ids if chunk in found]


async def ensure_space(tx: TenantTx | SystemTx, provider: str, model: str, dimension: int) -> int:
    """The id of an embedding space, registered (with its index) when it is new."""
    space: int | None = await tx.connection.scalar(
        sa.text("SELECT ensure_embedding_space(:provider, :model, :dimension)"),
        {"provider": provider, "model": model, "dimension": dimension},
    )
    assert space is not None, "the function returns an id"
    return space
