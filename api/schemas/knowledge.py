"""Requests and responses about knowledge."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StrictInt, StringConstraints, field_validator, model_validator

from api.schemas.base import Instant, Name, PageQuery, Request, Response, Text
from models.contracts.enums import IngestStatus, Language
from models.contracts.knowledge import Passage
from models.documents import title_of
from models.repositories.knowledge import Chunk, Document, Job, Source
from models.repositories.staging import StagedDocument
from runtime.egress import check_url

MediaType = Literal["text/markdown", "text/plain"]
Tag = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


def _link(value: str) -> str:
    """Customers are shown it as a link: one that runs as a script, or reads differently to different eyes, is refused."""
    check_url(value, schemes=("https", "http"), ports=None)
    return value


Uri = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000),
    AfterValidator(_link),
    Field(examples=["https://example.com/help/refunds"], json_schema_extra={"format": "uri"}),
]


class DocumentIn(Request):
    """A document. `name` is what its source calls it (a path, a URL): a new text under a known name replaces it."""

    name: Name
    title: Name | None = Field(None, description="Left out, the first heading, else the name.")
    text: Text
    media_type: MediaType = "text/markdown"
    uri: Uri | None = Field(None, description="Where customers can read it; cited with answers.")
    language: Language | None = Field(None, description="Found out from the text, if left out.")

    def staged(self) -> StagedDocument:
        return StagedDocument(
            name=self.name,
            title=self.title or title_of(self.text, self.name),
            text=self.text,
            media_type=self.media_type,
            uri=self.uri,
            language=self.language,
        )


class SourceIn(Request):
    """Documents to add to a source, which is made when it is new. Those that it has already stay."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "help", "documents": [{"name": "refunds.md", "text": "# Refunds\n\nWithin 14 days."}]}
            ]
        }
    )

    name: Name
    tags: list[Tag] | None = Field(None, max_length=20, description="Left out, a known source keeps its tags.")
    documents: list[DocumentIn] = Field(max_length=1000, description="May be empty where `keep` is given.")
    keep: list[Name] | None = Field(
        None,
        max_length=100_000,
        description="Names of the other documents that the source still has: all but these and those given here are "
        "withdrawn when the job is done. Left out, nothing is withdrawn.",
    )

    @model_validator(mode="after")
    def _not_empty(self) -> "SourceIn":
        if not self.documents and self.keep is None:
            raise ValueError("must have documents, or say which to keep")
        return self

    @field_validator("documents")
    @classmethod
    def _distinct(cls, documents: list[DocumentIn]) -> list[DocumentIn]:
        names = [document.name for document in documents]
        if len(set(names)) < len(names):
            raise ValueError("every document of a request must have a name of its own")
        return documents


class FetchIn(Request):
    """A document to fetch, once, and add to a source. What was fetched from the same URL before is replaced."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "help", "url": "https://example.com/help/refunds.md"}]}
    )

    name: Name = Field(description="The source's name.")
    url: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        description="Where Markdown or plain text in UTF-8 is, on the public internet, over https."
    )
    tags: list[Tag] | None = Field(None, max_length=20, description="Left out, a known source keeps its tags.")


class SourceStaged(Response):
    """Documents are stored; the job makes them knowledge."""

    source_id: UUID
    job_id: UUID


class JobOut(Response):
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
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, job: Job) -> "JobOut":
        return cls(
            id=job.id,
            source_id=job.source_id,
            status=job.status,
            documents_total=job.documents_total,
            documents_changed=job.documents_changed,
            chunks_total=job.chunks_total,
            chunks_embedded=job.chunks_embedded,
            files_total=job.files_total,
            files_done=job.files_done,
            files_failed=job.files_failed,
            error=job.error,
            created_at=job.created_at,
            updated_at=job.updated_at,
        )


class SourceOut(Response):
    """`documents` and `chunks` count what answers are made of now, `staged` the documents still on their way."""

    id: UUID
    name: str
    tags: list[str]
    documents: int
    chunks: int
    staged: int
    last_job: JobOut | None
    created_at: Instant

    @classmethod
    def of(cls, source: Source) -> "SourceOut":
        return cls(
            id=source.id,
            name=source.name,
            tags=source.tags,
            documents=source.documents,
            chunks=source.chunks,
            staged=source.staged,
            last_job=None if source.last_job is None else JobOut.of(source.last_job),
            created_at=source.created_at,
        )


class DocumentOut(Response):
    id: UUID
    source_id: UUID
    name: str
    title: str
    uri: str | None
    media_type: str
    language: Language | None
    version: int
    chunks: int
    created_at: Instant

    @classmethod
    def of(cls, document: Document) -> "DocumentOut":
        return cls(
            id=document.id,
            source_id=document.source_id,
            name=document.name,
            title=document.title,
            uri=document.uri,
            media_type=document.media_type,
            language=document.language,
            version=document.version,
            chunks=document.chunks,
            created_at=document.created_at,
        )


class ChunkOut(Response):
    id: UUID
    document_id: UUID
    ordinal: int
    heading: str
    text: str
    language: Language

    @classmethod
    def of(cls, chunk: Chunk) -> "ChunkOut":
        return cls(
            id=chunk.id,
            document_id=chunk.document_id,
            ordinal=chunk.ordinal,
            heading=chunk.heading,
            text=chunk.text,
            language=chunk.language,
        )


class SourcesQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")


class JobsQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")
    source_id: UUID | None = None


class DocumentsQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")
    source_id: UUID | None = None


class ChunksQuery(PageQuery):
    document_id: UUID
    cursor: int = Field(-1, ge=-1, lt=2**31, description="`next` of the page before.")


class SearchIn(Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "How long does a refund take?"}]})

    query: Text
    language: Language | None = Field(None, description="Of the query; found out from it, if left out.")
    tags: list[Tag] | None = Field(
        None, max_length=20, description="Only sources with one of these tags, and those without any. Left out: all."
    )
    limit: StrictInt = Field(5, ge=1, le=20)


class SearchOut(Response):
    """The passages that the bot would answer from, the best first; `confidence` (0..1) that the first one answers."""

    passages: list[Passage]
    confidence: float
