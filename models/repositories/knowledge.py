"""Knowledge as its owners see it: staged by source, listed, read back, removed.

A document's versions are staged, then current, then archived. Staging and publishing both lock the source's row:
what is staged cannot change under a publication, and no two uploads can race for a version number.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on, insert

from models.contracts.enums import EventType, IngestStatus, Language
from models.contracts.knowledge import Passage
from models.repositories import events
from models.tables import chunks, documents, ingest_jobs, sources
from runtime.database import SystemTx, TenantTx
from runtime.ids import new_id

MARKDOWN = "text/markdown"


@dataclass(frozen=True, slots=True)
class StagedDocument:
    """A document as it comes in. `name` is what its source calls it (a path, a URL) and joins its versions;
    `language` is only said where it is known better than the text tells."""

    name: str
    title: str
    text: str
    media_type: str = MARKDOWN
    uri: str | None = None
    language: Language | None = None

    @property
    def content_hash(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Job:
    """One upload's way into knowledge. Chunk figures are those of the source's run, which jobs may share."""

    id: UUID
    source_id: UUID
    status: IngestStatus
    documents_total: int
    documents_changed: int
    chunks_total: int
    chunks_embedded: int
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
    ingest_jobs.c.error,
    ingest_jobs.c.created_at,
    ingest_jobs.c.updated_at,
)

STAGED = sa.and_(~documents.c.is_current, documents.c.archived_at.is_(None))
"""A version that waits to be published."""


def among(column: sa.Column[Any], values: Sequence[object]) -> sa.ColumnElement[bool]:
    """`column = ANY(values)`: one parameter, however many values (a statement has room for 32,767)."""
    return column == sa.any_(sa.literal(list(values), ARRAY(column.type)))


async def stage(
    tx: TenantTx,
    source_name: str,
    tags: Sequence[str] | None,
    given: Sequence[StagedDocument],
    *,
    keep: Collection[str] | None = None,
) -> tuple[UUID, UUID]:
    """Stage what is new or has changed; returns the source's id and the job's, whose row has the counts.

    A document equal to its latest version is not staged again. `tags` None leaves a known source's as they are.
    `keep` names every document that the source still has, those given here aside: the others are withdrawn when
    this job is published. Without it nothing is withdrawn. Raises ValueError naming a document that is given twice
    or is blank.
    """
    by_name: dict[str, StagedDocument] = {}
    for position, document in enumerate(given):
        if document.name in by_name:
            raise ValueError(f"documents[{position}].name: {document.name} is given twice")
        if not document.text.strip():
            raise ValueError(f"documents[{position}].text: is blank, there is nothing to learn from it")
        by_name[document.name] = document
    source = await _lock_source(tx, source_name, tags)
    latest = await _latest_versions(tx, source)
    changed = [
        document
        for name, document in by_name.items()
        if name not in latest or latest[name].archived or latest[name].content_hash != document.content_hash
    ]
    withdrawn = (
        []
        if keep is None
        else [name for name, version in latest.items() if not version.archived and name not in {*keep, *by_name}]
    )
    await _stage_versions(tx, source, changed, withdrawn, latest)
    job = new_id()
    await tx.connection.execute(
        sa.insert(ingest_jobs).values(
            tenant_id=tx.tenant_id,
            id=job,
            source_id=source,
            documents_total=len(by_name),
            documents_changed=len(changed) + len(withdrawn),
        )
    )
    await events.append(
        tx,
        EventType.INGEST,
        {"source_id": str(source), "job_ids": [str(job)], "status": IngestStatus.QUEUED.value},
    )
    return source, job


@dataclass(frozen=True, slots=True)
class _Version:
    number: int
    content_hash: str
    archived: bool


async def _lock_source(tx: TenantTx, name: str, tags: Sequence[str] | None) -> UUID:
    statement = insert(sources).values(
        tenant_id=tx.tenant_id, id=new_id(), name=name, tags=sorted(set(tags)) if tags is not None else []
    )
    # Updating the row that is there also locks it, until this transaction ends.
    found: UUID | None = await tx.connection.scalar(
        statement.on_conflict_do_update(
            index_elements=[sources.c.tenant_id, sources.c.name],
            set_={"tags": sources.c.tags if tags is None else statement.excluded.tags, "updated_at": sa.func.now()},
        ).returning(sources.c.id)
    )
    assert found is not None, "an upsert returns a row"
    return found


async def _latest_versions(tx: TenantTx, source: UUID) -> dict[str, _Version]:
    rows = await tx.connection.execute(
        sa.select(documents.c.name, documents.c.version, documents.c.content_hash, documents.c.archived_at)
        .ext(distinct_on(documents.c.name))
        .where(documents.c.tenant_id == tx.tenant_id, documents.c.source_id == source)
        .order_by(documents.c.name, documents.c.version.desc())
    )
    return {row.name: _Version(row.version, row.content_hash, row.archived_at is not None) for row in rows}


async def _stage_versions(
    tx: TenantTx,
    source: UUID,
    changed: Sequence[StagedDocument],
    withdrawn: Sequence[str],
    latest: dict[str, _Version],
) -> None:
    if not changed and not withdrawn:
        return
    # What was staged and never published gives way: nobody has seen it.
    await tx.connection.execute(
        sa.delete(documents).where(
            documents.c.tenant_id == tx.tenant_id,
            documents.c.source_id == source,
            among(documents.c.name, [*(document.name for document in changed), *withdrawn]),
            STAGED,
        )
    )

    def version(name: str) -> int:
        return latest[name].number + 1 if name in latest else 1

    rows = [
        {
            "name": document.name,
            "title": document.title,
            "uri": document.uri,
            "language": document.language,
            "media_type": document.media_type,
            "body": document.text,
            "content_hash": document.content_hash,
            "version": version(document.name),
        }
        for document in changed
    ] + [
        # An empty body withdraws the document: see models.tables.knowledge.
        {
            "name": name,
            "title": name,
            "uri": None,
            "language": None,
            "media_type": MARKDOWN,
            "body": "",
            "content_hash": "",
            "version": version(name),
        }
        for name in withdrawn
    ]
    await tx.connection.execute(
        sa.insert(documents),
        [{"tenant_id": tx.tenant_id, "id": new_id(), "source_id": source, **row} for row in rows],
    )


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
