"""Requests and responses of the one-question interface."""

from typing import Literal

from pydantic import ConfigDict, Field, StrictBool

from api.schemas.base import Citation, Request, Response, Text
from api.schemas.branches import Slug
from models.contracts.answering import AnswerDecision, Answered, Explanation
from models.contracts.enums import EscalationReason, Language, ReplyKind
from models.contracts.model_health import EndpointHealth


class AskIn(Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"question": "How long does a refund take?"}]})

    question: Text
    language: Language | None = Field(None, description="To answer in; found out from the question, if left out.")
    assistant: Slug | None = Field(
        None, description="Slug of the assistant that answers; the default one, if left out."
    )
    explain: StrictBool = Field(False, description="Say why, too: needs the permission agent:explain.")


class AskOut(Response):
    """`answer`: written from knowledge. `quote`: a page's own words. `clarify`: the question is asked back. `escalate`:
    a person is needed; nobody has been asked, because there is no conversation. `reply`: what needs no knowledge."""

    decision: AnswerDecision
    kind: ReplyKind | None = Field(None, description="What the text would be in a conversation.")
    text: str | None
    language: Language
    citations: tuple[Citation, ...] = ()
    confidence: float | None = Field(None, description="0..1, of an answer from knowledge.")
    reason: EscalationReason | None = Field(None, description="Why a person is needed.")
    explanation: Explanation | None = None

    @classmethod
    def of(cls, answered: Answered) -> "AskOut":
        return cls(
            decision=answered.decision,
            kind=answered.kind,
            text=answered.text,
            language=answered.language,
            citations=tuple(Citation.model_validate(each) for each in answered.citations),
            confidence=answered.confidence,
            reason=answered.reason,
            explanation=answered.explanation,
        )


class EndpointOut(EndpointHealth):
    """A model behind a server as this gateway has found it, and what all processes made of it for this tenant in the
    last quarter of an hour."""

    calls: int = 0
    failed: int = 0


class RouteOut(Response):
    """A route's endpoints, in the order in which they are asked."""

    name: str
    endpoints: tuple[EndpointOut, ...]


class AgentHealth(Response):
    """What answers are made with, and who is there to make them. No address and no key is in it."""

    status: Literal["ok", "degraded"]
    embedding_provider: str
    embedding_model: str
    answerer: str = Field(description="`extractive`: answers are quotes.")
    llm_model: str | None = Field(description="The first model of the default route.")
    temporal: bool
    pollers: dict[str, int] = Field(description="Workers that polled each queue lately; empty without Temporal.")
    routes: tuple[RouteOut, ...] = ()
