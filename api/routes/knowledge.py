"""Knowledge: added by source, read back, searched as the bot searches it."""

from pathlib import PurePosixPath
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from fastapi.responses import Response

from api.audit import actor
from api.gateway import Gateway, InGateway
from api.idempotency import IdempotentRoute
from api.identity.auth import Signed
from api.limits import check_length
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
from models.contracts.audit import AuditAction
from models.contracts.documents import title_of
from models.contracts.ingest import IngestInput
from models.repositories import audit, knowledge
from models.repositories.audit import Actor
from models.repositories.knowledge import StagedDocument
from runtime.egress import EgressError, UrlError

router = APIRouter(
    prefix="/v1/kb", tags=["knowledge"], route_class=IdempotentRoute, responses=documented(401, 403, 422, 503)
)

MEDIA_TYPES: dict[str, MediaType] = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
}
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


@router.post("/upload", operation_id="uploadDocuments", status_code=202, responses=documented(400, 409, 413))
async def upload(
    name: Annotated[Name, Form(description="The source's name.")],
    files: Annotated[list[UploadFile], File(min_length=1, max_length=1000)],
    request: Request,
    gateway: InGateway,
    caller: Signed,
    tags: Annotated[list[Tag] | None, Form()] = None,
) -> SourceStaged:
    """Like adding a source, with Markdown (`.md`) and text (`.txt`) files in UTF-8 as a multipart form."""
    staged = [await _document(f"files.{position}", file) for position, file in enumerate(files)]
    if len({document.name for document in staged}) < len(staged):
        raise invalid("files", "every file of a request must have a name of its own")
    return await _stage(gateway, caller.tenant_id, actor(request, caller), name, tags, staged)


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


async def _document(field: str, file: UploadFile) -> StagedDocument:
    name = file.filename or ""
    media_type = MEDIA_TYPES.get(PurePosixPath(name).suffix.lower())
    if media_type is None or len(name) > 200:
        raise invalid(field, f"must have a name of at most 200 characters that ends in {', '.join(MEDIA_TYPES)}")
    if "\x00" in name:
        raise invalid(field, "must not contain the character NUL (U+0000)")
    text = _text(field, await file.read())
    return StagedDocument(name=name, title=title_of(text, name), text=text, media_type=media_type)


async def _stage(
    gateway: Gateway,
    tenant: UUID,
    by: Actor,
    name: str,
    tags: list[Tag] | None,
    documents: list[StagedDocument],
    keep: list[Name] | None = None,
) -> SourceStaged:
    async with gateway.records.tenant(tenant) as tx:
        source, job = await knowledge.stage(tx, name, tags, documents, keep=keep)
        await audit.record(tx, by, AuditAction.SOURCE_STORED, source, job_id=str(job), documents=len(documents))
    if not await gateway.processes.ingest(IngestInput(tenant_id=tenant, source_id=source, job_id=job)):
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
        if not await knowledge.delete_source(tx, source_id):
            raise not_found("source")
        await audit.record(tx, actor(request, caller), AuditAction.SOURCE_DELETED, source_id)
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


@router.post("/search", operation_id="searchKnowledge", responses=documented(400, 409, 413))
async def search(body: SearchIn, gateway: InGateway, caller: Signed) -> SearchOut:
    """What the bot would find for a question."""
    check_length("query", body.query, gateway.settings.message_max_chars)
    if gateway.searcher is None:
        raise unavailable("This process was started without the means to search.")
    found = await gateway.searcher(caller.tenant_id, body.query, language=body.language, limit=body.limit)
    return SearchOut(passages=list(found.passages), confidence=found.confidence)
