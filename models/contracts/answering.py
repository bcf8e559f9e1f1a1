"""One question and its answer, without a conversation; and on request why it was answered so."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from models.contracts.base import Frozen
from models.contracts.enums import EscalationReason, Language, ReplyKind
from models.contracts.knowledge import Understanding
from models.contracts.turn import Coverage, Outcome, Verdict
from models.contracts.usage import ModelCall

AnswerDecision = Literal["answer", "quote", "clarify", "escalate", "reply"]


class Question(Frozen):
    """`assistant` is a slug; None: the tenant's default. `language` None: that of the text."""

    text: str
    language: Language | None = None
    assistant: str | None = None
    explain: bool = False


class FoundPassage(Frozen):
    """What was found, as whoever looks into an answer sees it. `score` is comparable within one search only."""

    chunk_id: UUID
    title: str
    heading: str
    text: str
    language: Language
    similarity: float
    score: float


class PromptMessage(Frozen):
    role: str
    text: str


class Explanation(Frozen):
    """Why a question was answered so. `features` are what the confidence was computed from; `prompt` is what the model
    was sent, masked; `causes` say why a written answer was not used; `milliseconds` are by step."""

    assistant_id: UUID | None
    understanding: Understanding
    verdict: Verdict
    rule: str | None
    coverage: Coverage
    answer_at: float
    unsure_at: float
    features: dict[str, float]
    passages: tuple[FoundPassage, ...]
    prompt: tuple[PromptMessage, ...]
    outcome: Outcome | None
    causes: tuple[str, ...]
    calls: tuple[ModelCall, ...]
    milliseconds: dict[str, float]
    why: str


class Answered(Frozen):
    """`text` None: a person would be asked, and nobody has been. `kind` is what the text is in a conversation.

    `milliseconds` are by step; `model`: all calls of models together.
    """

    decision: AnswerDecision
    kind: ReplyKind | None
    text: str | None
    language: Language
    citations: tuple[dict[str, Any], ...] = ()
    confidence: float | None = None
    reason: EscalationReason | None = None
    milliseconds: dict[str, float] = Field(default_factory=dict)
    explanation: Explanation | None = None
