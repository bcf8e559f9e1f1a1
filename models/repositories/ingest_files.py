"""Files on their way into knowledge: added to a job, read one by one, and reported on.

Whoever has documents as files (uploads, crawled pages) adds them with `add` to a job that `staging.open_job` opened.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from models.contracts.enums import EventType, FileStatus, IngestStatus, Language
from models.repositories import events
from models.repositories.ingestion import progress_step
from models.tables import documents, ingest_files, ingest_jobs
from runtime.database import TenantTx
from runtime.ids import new_id

SUPERSEDED = "superseded"
"""Why a file was skipped: a newer one of its name came before it was read."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file as it comes in. `name` becomes its document's: a new file under a known name replaces the text.
    `language` is only said where it is known better than the text tells."""

    name: str
    content: bytes
    uri: str | None = None
    language: Language | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that waits to be read. `sha256` is that of its content, in hex."""

    id: UUID
    job_id: UUID
    name: str
    uri: str | None
    language: Language | None
    content: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file. `reason` is one stable word, `advice` a sentence for the owner; both quote nothing of it.

    `duplicates`: of its passages, those that others of the tenant say too.
    """

    status: FileStatus
    reason: str | None = None
    advice: str | None = None
    media_type: str | None = None
    pages: int | None = None
    characters: int | None = None
    chunks: int | None = None
    duplicates: int | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A line of a job's report."""

    id: UUID
    name: str
    uri: str | None
    size: int
    sha256: str
    status: FileStatus
    reason: str | None
    advice: str | None
    media_type: str | None
    pages: int | None
    characters: int | None
    chunks: int | None
    duplicates: int | None
    notes: list[str]
    created_at: datetime
    updated_at: datetime


FILE_COLUMNS = tuple(ingest_files.c[name] for name in File.__dataclass_fields__)


async def add(tx: TenantTx, source: UUID, job: UUID, file: NewFile) -> FileStatus:
    """Add a file to a job whose source is locked: it is queued, or `unchanged` when its document has these very bytes.

    A file of the same name that still waits is skipped.
    """
    await _supersede(tx, source, file.name)
    sha256 = hashlib.sha256(file.content).hexdigest()
    known = await _has_bytes(tx, source, file, sha256)
    status = FileStatus.UNCHANGED if known else FileStatus.QUEUED
    await _insert(tx, source, job, file, sha256=sha256, status=status, content=None if known else file.content)
    return status


async def refuse(tx: TenantTx, source: UUID, job: UUID, file: NewFile, *, size: int, reason: str, advice: str) -> None:
    """Report a file that is not to be read. `size` is its own, though less of it, or nothing, may be in `file`."""
    await _insert(
        tx,
        source,
        job,
        file,
        sha256=hashlib.sha256(file.content).hexdigest(),
        status=FileStatus.FAILED,
        size=size,
        reason=reason,
        advice=advice,
    )


async def next_unread(tx: TenantTx, source: UUID, limit: int) -> list[Unread]:
    """The source's next files to read, in the order in which they came."""
    rows = await tx.connection.execute(
        sa.select(*(ingest_files.c[name] for name in Unread.__dataclass_fields__))
        .where(*_queued(tx, source))
        .order_by(ingest_files.c.id)
        .limit(limit)
    )
    return [Unread(**row._mapping) for row in rows]


async def count_unread(tx: TenantTx, source: UUID) -> int:
    return (
        await tx.connection.scalar(sa.select(sa.func.count()).select_from(ingest_files).where(*_queued(tx, source)))
        or 0
    )


async def claim(tx: TenantTx, file: UUID) -> bool:
    """Lock a file that still waits; whether it does. Another attempt may have settled it, or a newer file its name."""
    found = await tx.connection.scalar(
        sa.select(ingest_files.c.id)
        .where(
            ingest_files.c.tenant_id == tx.tenant_id,
            ingest_files.c.id == file,
            ingest_files.c.status == FileStatus.QUEUED,
        )
        .with_for_update()
    )
    return found is not None


async def settle(tx: TenantTx, file: UUID, outcome: Outcome) -> None:
    """Write what became of a claimed file, drop its bytes, and tell subscribers where a step of its job is reached."""
    job = await tx.connection.scalar(
        sa.update(ingest_files)
        .where(ingest_files.c.tenant_id == tx.tenant_id, ingest_files.c.id == file)
        .values(content=None, **(asdict(outcome) | {"notes": list(outcome.notes)}))
        .returning(ingest_files.c.job_id)
    )
    assert job is not None, "a claimed file is there"
    progress = (
        await tx.connection.execute(
            sa.update(ingest_jobs)
            .where(ingest_jobs.c.tenant_id == tx.tenant_id, ingest_jobs.c.id == job)
            .values(
                status=sa.case(
                    (ingest_jobs.c.status == IngestStatus.QUEUED, IngestStatus.RUNNING.value),
                    else_=ingest_jobs.c.status,
                ),
                **_added(
                    files_done=1,
                    files_failed=int(outcome.status is FileStatus.FAILED),
                    documents_changed=int(outcome.status is FileStatus.READ),
                ),
            )
            .returning(ingest_jobs.c.source_id, ingest_jobs.c.files_done, ingest_jobs.c.files_total)
        )
    ).one()
    done, total = progress.files_done, progress.files_total
    if progress_step(done - 1, total) != progress_step(done, total):
        figures = {"files": done, "files_total": total}
        await events.append(
            tx,
            EventType.INGEST,
            {
                "source_id": str(progress.source_id),
                "job_ids": [str(job)],
                "status": IngestStatus.RUNNING.value,
                **figures,
            },
        )


async def page(
    tx: TenantTx, job: UUID, *, status: FileStatus | None = None, after: UUID | None = None, limit: int = 50
) -> list[File]:
    """A job's files, all or those of one status, in the order in which they came."""
    query = (
        sa.select(*FILE_COLUMNS)
        .where(ingest_files.c.tenant_id == tx.tenant_id, ingest_files.c.job_id == job)
        .order_by(ingest_files.c.id)
        .limit(limit)
    )
    if status is not None:
        query = query.where(ingest_files.c.status == status)
    if after is not None:
        query = query.where(ingest_files.c.id > after)
    return [File(**row._mapping) for row in await tx.connection.execute(query)]


def _queued(tx: TenantTx, source: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        ingest_files.c.tenant_id == tx.tenant_id,
        ingest_files.c.source_id == source,
        ingest_files.c.status == FileStatus.QUEUED,
    )


async def _supersede(tx: TenantTx, source: UUID, name: str) -> None:
    jobs = await tx.connection.scalars(
        sa.update(ingest_files)
        .where(*_queued(tx, source), ingest_files.c.name == name)
        .values(status=FileStatus.SKIPPED, reason=SUPERSEDED, content=None)
        .returning(ingest_files.c.job_id)
    )
    for job in jobs.all():
        await _count(tx, job, files_done=1)


async def _has_bytes(tx: TenantTx, source: UUID, file: NewFile, sha256: str) -> bool:
    """Whether the latest version of the file's document was read from these bytes, and is not withdrawn."""
    latest = (
        await tx.connection.execute(
            sa.select(documents.c.file_hash, documents.c.uri, documents.c.language, documents.c.archived_at)
            .where(
                documents.c.tenant_id == tx.tenant_id, documents.c.source_id == source, documents.c.name == file.name
            )
            .order_by(documents.c.version.desc())
            .limit(1)
        )
    ).one_or_none()
    return latest is not None and tuple(latest) == (sha256, file.uri, file.language, None)


async def _insert(tx: TenantTx, source: UUID, job: UUID, file: NewFile, **values: object) -> None:
    row = {"name": file.name, "uri": file.uri, "language": file.language, "size": len(file.content), **values}
    await tx.connection.execute(
        sa.insert(ingest_files).values(tenant_id=tx.tenant_id, id=new_id(), source_id=source, job_id=job, **row)
    )
    status = row["status"]
    await _count(
        tx,
        job,
        files_total=1,
        documents_total=1,
        files_done=int(status is not FileStatus.QUEUED),
        files_failed=int(status is FileStatus.FAILED),
    )


async def _count(tx: TenantTx, job: UUID, **figures: int) -> None:
    await tx.connection.execute(
        sa.update(ingest_jobs)
        .where(ingest_jobs.c.tenant_id == tx.tenant_id, ingest_jobs.c.id == job)
        .values(**_added(**figures))
    )


def _added(**figures: int) -> dict[str, sa.ColumnElement[int]]:
    return {name: ingest_jobs.c[name] + number for name, number in figures.items()}
