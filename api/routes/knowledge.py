"""Knowledge: added by source, read back, searched as the bot searches it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from api import uploads
from api.audit import actor
from api.gateway import Gateway, InGateway
from api.idempotency import IdempotentRoute
from api.identity.auth import Signed
from api.limits import MIB, check_length, check_room
from api.problems import documented, invalid, not_found, unavailable
from api.schemas.base import Name, Page, paged
from api.schemas.knowledge import (
    ChunkOut,
    ChunksQuery,
    DocumentOut,
    DocumentsQuery,
    FetchIn,
    JobOut,
    JobsQuery,
    MediaType,
    SearchIn,
    SearchOut,
    SourceIn,
    SourceOut,
    SourcesQuery,
    SourceStaged,
    Tag,
)
from api.schemas.uploads import FileOut, FilesQuery, UploadIn
from models.contracts.audit import AuditAction
from models.contracts.ingest import IngestInput
from models.documents import title_of
from models.repositories import audit, crawls, ingest_files, knowledge, staging
from models.repositories.audit import Actor
from models.repositories.ingest_files import NewFile
from models.repositories.staging import StagedDocument
from runtime.database import TenantTx
from runtime.egress import EgressError, UrlError
from runtime.settings import Settings

router = APIRouter(
    prefix="/v1/kb", tags=["knowledge"], route_class=IdempotentRoute, responses=documented(401, 403, 422, 503)
)

UPLOAD = UploadIn.model_json_schema(ref_template="#/components/schemas/{model}")
TOO_LARGE = "too_large"
"""Why a file is not read, in the word that reading has for it too."""
FETCHED: dict[str, MediaType] = {
    "text/markdown": "text/markdown",
    "text/x-markdown": "text/markdown",
    "text/plain": "text/plain",
}


@router.post("/sources", operation_id="addSource", status_code=202, responses=documented(400, 409, 413))
async def add_source(body: SourceIn, request: Request, gateway: InGateway, caller: Signed) -> SourceStaged:
    """Store documents and start the job that makes them knowledge; watch it at /v1/kb/jobs/{id}."""
    staged = [document.staged() for document in body.documents]
    return await _stage(gateway, caller.tenant_id, actor(request, caller), body.name, body.tags, staged, body.keep)


@router.post(
    "/upload",
    operation_id="uploadDocuments",
    status_code=202,
    responses=documented(400, 409, 413),
    # Parsed in the function: the framework would take in all of it before it is known who sends it.
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": UPLOAD}}}},
)
async def upload(request: Request, gateway: InGateway, caller: Signed) -> SourceStaged:
    """Store files of any kind and start the job that reads them; what becomes of each: /v1/kb/jobs/{id}/files."""
    given, files = await uploads.upload_of(request)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        check_room(gateway.settings, await knowledge.held(tx), sum(file.size or 0 for file in files))
        source, job = await staging.open_job(tx, given.name, given.tags)
        for name, file in zip(given.files, files, strict=True):
            await _store(gateway.settings, tx, source, job, name, file)
        by = actor(request, caller)
        await audit.record(tx, by, AuditAction.SOURCE_STORED, source, job_id=str(job), documents=len(files))
        await staging.announce(tx, source, job)
    return await _started(gateway, caller.tenant_id, source, job)


async def _store(settings: Settings, tx: TenantTx, source: UUID, job: UUID, name: str, file: UploadFile) -> None:
    size, largest = file.size or 0, settings.kb_file_mib * MIB
    if size > largest:
        advice = f"The file is larger than {settings.kb_file_mib} MiB. Add it in parts."
        new = NewFile(name=name, content=b"")
        await ingest_files.refuse(tx, source, job, new, size=size, reason=TOO_LARGE, advice=advice)
    else:
        await ingest_files.add(tx, source, job, NewFile(name=name, content=await file.read()))


@router.post("/fetch", operation_id="fetchDocument", status_code=202, responses=documented(400, 409, 413))
async def fetch(body: FetchIn, request: Request, gateway: InGateway, caller: Signed) -> SourceStaged:
    """Like adding a source, with one document that is fetched from a URL."""
    try:
        fetched = await gateway.egress.fetch(body.url, headers={"Accept": ", ".join(FETCHED)}, redirects=3)
    except (UrlError, EgressError) as error:
        raise invalid("url", str(error)) from None
    media_type = FETCHED.get(fetched.media_type)
    if fetched.status != 200 or media_type is None:
        raise invalid("url", f"must answer with status 200 and one of {', '.join(FETCHED)}")
    text = _text("url", fetched.body)
    staged = StagedDocument(
        name=body.url, title=title_of(text, body.url), text=text, media_type=media_type, uri=body.url
    )
    return await _stage(gateway, caller.tenant_id, actor(request, caller), body.name, body.tags, [staged])


def _text(field: str, content: bytes) -> str:
    """Raises ProblemError (422) naming `field` unless it is text that can be stored."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid(field, f"must be text in UTF-8; byte {error.start} is not") from None
    if not text.strip():
        raise invalid(field, "is blank, there is nothing to learn from it")
    if "\x00" in text:
        raise invalid(field, "must not contain the character NUL (U+0000)")
    return text


async def _stage(
    gateway: Gateway,
    tenant: UUID,
    by: Actor,
    name: str,
    tags: list[Tag] | None,
    documents: list[StagedDocument],
    keep: list[Name] | None = None,
) -> SourceStaged:
    incoming = sum(len(document.text.encode()) for document in documents)
    async with gateway.records.tenant(tenant) as tx:
        check_room(gateway.settings, await knowledge.held(tx), incoming)
        source, job = await staging.stage(tx, name, tags, documents, keep=keep)
        await audit.record(tx, by, AuditAction.SOURCE_STORED, source, job_id=str(job), documents=len(documents))
    return await _started(gateway, tenant, source, job)


async def _started(gateway: Gateway, tenant: UUID, source: UUID, job: UUID) -> SourceStaged:
    start = IngestInput(tenant_id=tenant, source_id=source, job_id=job, reads_files=True)
    if not await gateway.processes.ingest(start):
        raise unavailable("The documents are stored, but nobody could be told to process them: repeat the request.")
    return SourceStaged(source_id=source, job_id=job)


@router.get("/sources", operation_id="listSources")
async def list_sources(query: Annotated[SourcesQuery, Query()], gateway: InGateway, caller: Signed) -> Page[SourceOut]:
    """Sources, in the order in which they were made."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await knowledge.list_sources(tx, after=query.cursor, limit=query.limit + 1)
    return paged([SourceOut.of(each) for each in found], query.limit, [each.id for each in found])


@router.delete("/sources/{source_id}", operation_id="deleteSource", status_code=204, responses=documented(404))
async def delete_source(source_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> Response:
    """Forget a source with all that was learned from it."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        crawl = await crawls.of_source(tx, source_id)
        if not await knowledge.delete_source(tx, source_id):
            raise not_found("source")
        await audit.record(tx, actor(request, caller), AuditAction.SOURCE_DELETED, source_id)
    if crawl is not None:
        await gateway.processes.schedule_crawl(caller.tenant_id, crawl, None)
    return Response(status_code=204)


@router.get("/documents", operation_id="listDocuments")
async def list_documents(
    query: Annotated[DocumentsQuery, Query()], gateway: InGateway, caller: Signed
) -> Page[DocumentOut]:
    """The documents that answers are made of now."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await knowledge.list_documents(tx, source=query.source_id, after=query.cursor, limit=query.limit + 1)
    return paged([DocumentOut.of(each) for each in found], query.limit, [each.id for each in found])


@router.get("/chunks", operation_id="listChunks")
async def list_chunks(query: Annotated[ChunksQuery, Query()], gateway: InGateway, caller: Signed) -> Page[ChunkOut]:
    """A document's passages, in its order."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await knowledge.list_chunks(tx, query.document_id, after=query.cursor, limit=query.limit + 1)
    return paged([ChunkOut.of(each) for each in found], query.limit, [each.ordinal for each in found])


@router.get("/jobs", operation_id="listJobs")
async def list_jobs(query: Annotated[JobsQuery, Query()], gateway: InGateway, caller: Signed) -> Page[JobOut]:
    """Jobs, the latest first."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await knowledge.list_jobs(tx, source=query.source_id, before=query.cursor, limit=query.limit + 1)
    return paged([JobOut.of(each) for each in found], query.limit, [each.id for each in found])


@router.get("/jobs/{job_id}", operation_id="getJob", responses=documented(404))
async def get_job(job_id: UUID, gateway: InGateway, caller: Signed) -> JobOut:
    """How far a job is."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await knowledge.get_job(tx, job_id)
    if found is None:
        raise not_found("job")
    return JobOut.of(found)


@router.get("/jobs/{job_id}/files", operation_id="listFiles", responses=documented(404))
async def list_files(
    job_id: UUID, query: Annotated[FilesQuery, Query()], gateway: InGateway, caller: Signed
) -> Page[FileOut]:
    """What became of a job's files."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if await knowledge.get_job(tx, job_id) is None:
            raise not_found("job")
        found = await ingest_files.page(tx, job_id, status=query.status, after=query.cursor, limit=query.limit + 1)
    return paged([FileOut.of(each) for each in found], query.limit, [each.id for each in found])


@router.post("/search", operation_id="searchKnowledge", responses=documented(400, 409, 413))
async def search(body: SearchIn, gateway: InGateway, caller: Signed) -> SearchOut:
    """What the bot would find for a question."""
    check_length("query", body.query, gateway.settings.message_max_chars)
    if gateway.searcher is None:
        raise unavailable("This process was started without the means to search.")
    found = await gateway.searcher(
        caller.tenant_id, body.query, language=body.language, limit=body.limit, tags=body.tags
    )
    return SearchOut(passages=list(found.passages), confidence=found.confidence)
