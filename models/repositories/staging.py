"""Documents on their way into knowledge: what is new or has changed is staged as a version, under a job that tells of it.

Staging and publishing both lock the source's row: what is staged cannot change under a publication, and no two uploads
can race for a version number.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert

from models.contracts.enums import EventType, IngestStatus, Language
from models.repositories import events
from models.repositories.knowledge import MARKDOWN, STAGED, among
from models.tables import documents, ingest_jobs, sources
from runtime.database import TenantTx
from runtime.ids import new_id


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


async def open_job(tx: TenantTx, source_name: str, tags: Sequence[str] | None) -> tuple[UUID, UUID]:
    """Lock the source, which is made when it is new, and open a job of it; the ids of both.

    `tags` None leaves a known source's as they are.
    """
    source = await lock_called(tx, source_name, tags)
    return source, await open_job_of(tx, source)


async def open_job_of(tx: TenantTx, source: UUID) -> UUID:
    """Open a job of a locked source; its id."""
    job = new_id()
    await tx.connection.execute(sa.insert(ingest_jobs).values(tenant_id=tx.tenant_id, id=job, source_id=source))
    return job


async def announce(tx: TenantTx, source: UUID, job: UUID) -> None:
    """Tell subscribers of a new job. Last in its transaction, like every event."""
    await events.append(
        tx,
        EventType.INGEST,
        {"source_id": str(source), "job_ids": [str(job)], "status": IngestStatus.QUEUED.value},
    )


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
    source, job = await open_job(tx, source_name, tags)
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
    await tx.connection.execute(
        sa.update(ingest_jobs)
        .where(ingest_jobs.c.tenant_id == tx.tenant_id, ingest_jobs.c.id == job)
        .values(documents_total=len(by_name), documents_changed=len(changed) + len(withdrawn))
    )
    await announce(tx, source, job)
    return source, job


async def lock(tx: TenantTx, source: UUID) -> bool:
    """Lock a source's row until the transaction ends; whether it is there."""
    found = await tx.connection.scalar(
        sa.select(sources.c.id)
        .where(sources.c.tenant_id == tx.tenant_id, sources.c.id == source)
        .with_for_update(key_share=True)
    )
    return found is not None


async def stage_file(tx: TenantTx, source: UUID, document: StagedDocument, file_hash: str) -> UUID | None:
    """Stage what a file of a locked source says; the version's id, or None where it says what the latest one does.

    `file_hash` is the file's SHA-256: next time the same bytes need not be read.
    """
    latest = await _latest_versions(tx, source, document.name)
    known = latest.get(document.name)
    if known is None or known.archived or known.content_hash != document.content_hash:
        (staged,) = await _stage_versions(tx, source, [document], [], latest, file_hash)
        return staged
    await tx.connection.execute(
        sa.update(documents)
        .where(
            documents.c.tenant_id == tx.tenant_id,
            documents.c.source_id == source,
            documents.c.name == document.name,
            documents.c.version == known.number,
        )
        .values(file_hash=file_hash)
    )
    return None


async def stage_withdrawals(tx: TenantTx, source: UUID, job: UUID, names: Sequence[str]) -> int:
    """Have documents of a locked source withdrawn when the job is published; how many of `names` there are."""
    latest = await _latest_versions(tx, source)
    withdrawn = [name for name in names if name in latest and not latest[name].archived]
    await _stage_versions(tx, source, [], withdrawn, latest)
    await tx.connection.execute(
        sa.update(ingest_jobs)
        .where(ingest_jobs.c.tenant_id == tx.tenant_id, ingest_jobs.c.id == job)
        .values(documents_changed=ingest_jobs.c.documents_changed + len(withdrawn))
    )
    return len(withdrawn)


@dataclass(frozen=True, slots=True)
class _Version:
    number: int
    content_hash: str
    archived: bool


async def lock_called(tx: TenantTx, name: str, tags: Sequence[str] | None) -> UUID:
    """Lock the source of this name, which is made when it is new; its id. `tags` None leaves a known source's as they
    are."""
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


async def _latest_versions(tx: TenantTx, source: UUID, name: str | None = None) -> dict[str, _Version]:
    """Of every document of the source, or of the one called `name`."""
    query = (
        sa.select(documents.c.name, documents.c.version, documents.c.content_hash, documents.c.archived_at)
        .ext(distinct_on(documents.c.name))
        .where(documents.c.tenant_id == tx.tenant_id, documents.c.source_id == source)
        .order_by(documents.c.name, documents.c.version.desc())
    )
    rows = await tx.connection.execute(query if name is None else query.where(documents.c.name == name))
    return {row.name: _Version(row.version, row.content_hash, row.archived_at is not None) for row in rows}


async def _stage_versions(
    tx: TenantTx,
    source: UUID,
    changed: Sequence[StagedDocument],
    withdrawn: Sequence[str],
    latest: dict[str, _Version],
    file_hash: str | None = None,
) -> list[UUID]:
    """Insert a version for each; the ids, in the order given."""
    if not changed and not withdrawn:
        return []
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
            "file_hash": file_hash,
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
            "file_hash": None,
            "version": version(name),
        }
        for name in withdrawn
    ]
    ids = [new_id() for _ in rows]
    await tx.connection.execute(
        sa.insert(documents),
        [
            {"tenant_id": tx.tenant_id, "id": id_, "source_id": source, **row}
            for id_, row in zip(ids, rows, strict=True)
        ],
    )
    return ids
