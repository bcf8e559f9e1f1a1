"""Requests and responses about what knowledge lacks, and what is wrong with it."""

from uuid import UUID

from pydantic import Field

from api.schemas.base import Instant, PageQuery, Request, Response
from models.contracts.enums import Language
from models.contracts.learning import GapReason, GapStatus
from models.repositories.gap_queue import Example, Gap
from models.repositories.knowledge_health import NEW_DAYS, Page, Said
from models.repositories.uses import DAYS

UNSEEN = "Null without the permission conversations:read"


class GapsQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")
    status: GapStatus | None = None


class GapOut(Response):
    """Questions that ask the same, and that knowledge could not answer."""

    id: UUID
    status: GapStatus
    question: str | None = Field(description=f"The one that was asked first. {UNSEEN}, or when it is erased.")
    language: Language | None
    customers: int = Field(description="How many customers asked; the list is in this order.")
    times: int
    last_asked_at: Instant | None
    learned_id: UUID | None = Field(description="A manager's answer to one of them: see /v1/learned/{id}.")
    closed_at: Instant | None
    closed_by: UUID | None = Field(description="Null: it was asked again, and knowledge had the answer.")
    created_at: Instant

    @classmethod
    def of(cls, gap: Gap, *, texts: bool) -> "GapOut":
        return cls(
            id=gap.id,
            status=gap.status,
            question=gap.question if texts else None,
            language=gap.language,
            customers=gap.customers,
            times=gap.times,
            last_asked_at=gap.last_asked_at,
            learned_id=gap.learned_id,
            closed_at=gap.closed_at,
            closed_by=gap.closed_by,
            created_at=gap.created_at,
        )


class ExampleOut(Response):
    """One time that it was asked."""

    message_id: UUID
    conversation_id: UUID
    text: str | None = Field(description=f"{UNSEEN}.")
    language: Language | None
    reason: GapReason
    created_at: Instant

    @classmethod
    def of(cls, example: Example, *, texts: bool) -> "ExampleOut":
        return cls(
            message_id=example.message_id,
            conversation_id=example.conversation_id,
            text=example.text if texts else None,
            language=example.language,
            reason=example.reason,
            created_at=example.created_at,
        )


class GapDetail(GapOut):
    """A gap with the latest questions."""

    examples: list[ExampleOut]


class ReviewStarted(Response):
    """Knowledge is looked through; what is found shows in the lists."""

    started: bool


class HealthQuery(Request):
    limit: int = Field(50, ge=1, le=200, description="Of each list, at most.")


class PassageOut(Response):
    """A passage and where it stands."""

    chunk_id: UUID
    document_id: UUID
    source: str
    title: str
    uri: str | None
    text: str
    updated_at: Instant

    @classmethod
    def of(cls, said: Said) -> "PassageOut":
        return cls(
            chunk_id=said.chunk_id,
            document_id=said.document_id,
            source=said.source,
            title=said.title,
            uri=said.uri,
            text=said.text,
            updated_at=said.updated_at,
        )


class ContradictionOut(Response):
    """Two passages that say nearly the same with other figures."""

    older: PassageOut
    newer: PassageOut


class PageOut(Response):
    """A page and how often answers rest on it."""

    document_id: UUID
    source: str
    title: str
    uri: str | None
    updated_at: Instant
    uses: int = Field(description=f"Answers of the last {DAYS} days that cite it.")

    @classmethod
    def of(cls, page: Page) -> "PageOut":
        return cls(
            document_id=page.document_id,
            source=page.source,
            title=page.title,
            uri=page.uri,
            updated_at=page.updated_at,
            uses=page.uses,
        )


class HealthOut(Response):
    """What may be wrong with knowledge. Learned answers that were contradicted: /v1/learned?contradicted=true."""

    contradictions: list[ContradictionOut]
    stale: list[PageOut] = Field(description="Used, and not updated for `learning.stale_days`; the most used first.")
    never_cited: list[PageOut] = Field(description=f"Older than {NEW_DAYS} days, and in no answer of the last {DAYS}.")
