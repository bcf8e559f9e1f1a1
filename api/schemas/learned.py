"""Requests and responses about learned answers."""

from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas.base import Instant, PageQuery, Person, Request, Response, Text
from models.contracts.enums import Language, LearnedStatus
from models.repositories.learned_queue import Listed, Other
from models.repositories.uses import DAYS


class LearnedQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")
    status: LearnedStatus | None = None
    contradicted: bool | None = Field(None, description="Whether somebody has answered it differently since.")


class LearnedChanges(Request):
    """What is given is changed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"answer": "Yes, on Sundays from ten to six."}]})

    question: Text | None = None
    answer: Text | None = None


def person(member: UUID | None, name: str | None) -> Person | None:
    return None if member is None else Person(id=member, name=name or "")


class LearnedOut(Response):
    """What managers answered to one question. Once approved it is knowledge, as the question's page."""

    id: UUID
    status: LearnedStatus
    question: str
    answer: str
    language: Language
    tag: str | None = Field(description="Of the branch where it was asked; only assistants of that tag answer from it.")
    times: int = Field(description="Escalations that were answered so.")
    contradicted: bool = Field(description="One of them was answered differently: see `others` of the single entry.")
    escalation_id: UUID
    conversation_id: UUID
    answered_by: Person | None
    reviewed_by: Person | None
    reviewed_at: Instant | None
    source_id: UUID | None = Field(description="The source of knowledge that it was put into.")
    uses: int = Field(description=f"Answers of the last {DAYS} days that cite it.")
    last_used_at: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, entry: Listed) -> "LearnedOut":
        return cls(
            id=entry.id,
            status=entry.status,
            question=entry.question,
            answer=entry.answer,
            language=entry.language,
            tag=entry.tag,
            times=entry.times,
            contradicted=entry.contradicted,
            escalation_id=entry.escalation_id,
            conversation_id=entry.conversation_id,
            answered_by=person(entry.answered_by, entry.answered_by_name),
            reviewed_by=person(entry.reviewed_by, entry.reviewed_by_name),
            reviewed_at=entry.reviewed_at,
            source_id=entry.source_id,
            uses=entry.uses,
            last_used_at=entry.last_used_at,
            created_at=entry.created_at,
        )


class OtherOut(Response):
    """Another answer to the same question."""

    id: UUID
    answer: str
    differs: bool = Field(description="It gives other figures, or says no where the entry says yes.")
    escalation_id: UUID
    conversation_id: UUID
    answered_by: Person | None
    created_at: Instant

    @classmethod
    def of(cls, other: Other) -> "OtherOut":
        return cls(
            id=other.id,
            answer=other.answer,
            differs=other.differs,
            escalation_id=other.escalation_id,
            conversation_id=other.conversation_id,
            answered_by=person(other.answered_by, other.answered_by_name),
            created_at=other.created_at,
        )


class LearnedDetail(LearnedOut):
    """An entry with what piled up on it."""

    others: list[OtherOut] = Field(description="The latest first.")
