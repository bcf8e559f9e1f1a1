"""What understanding, retrieval and generation hand to one another."""

from uuid import UUID

from pydantic import Field

from models.contracts.base import Frozen
from models.contracts.enums import Intent, Language


class Understanding(Frozen):
    """What the customer's burst of messages asks for.

    `intents` holds every intent found, strongest first by §5 of the design; `intent` is its head.
    `confidence` is in 0..1 and belongs to `intent`. `has_question` is true when a question stands beside
    another intent (an opt-out that asks something, say).
    """

    intent: Intent
    confidence: float
    intents: tuple[Intent, ...] = ()
    language: Language
    has_question: bool = False


class Passage(Frozen):
    """A chunk of knowledge that may hold the answer. Never crosses into workflow history (it carries text)."""

    chunk_id: UUID
    document_id: UUID
    title: str
    uri: str | None = None
    heading: str = ""
    text: str
    language: Language
    similarity: float
    """Cosine similarity of question and passage, -1..1 (compressed near 0.8 for the embedded model)."""
    score: float
    """Fused rank score; comparable within one search only."""


class Retrieval(Frozen):
    """Ranked passages with one calibrated figure: the probability (0..1) that the first one answers, and what it was
    computed from."""

    passages: tuple[Passage, ...] = ()
    confidence: float = 0.0
    features: dict[str, float] = Field(default_factory=dict)


class Usage(Frozen):
    """What one model call cost."""

    provider: str
    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    milliseconds: int = 0


class Grounding(Frozen):
    """Whether every number, name and claim of an answer stands in the passages; `reasons` name the kinds
    of what does not (`number`, `name`, `link`, `claim`, `empty`), never the text."""

    grounded: bool
    reasons: tuple[str, ...] = ()
