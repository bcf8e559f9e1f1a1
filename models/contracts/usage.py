"""What model calls are counted as: purposes, outcomes, and the account of one call."""

from enum import StrEnum
from uuid import UUID

from models.contracts.base import Frozen


class Purpose(StrEnum):
    """What a model is called for."""

    ANSWER = "answer"
    UNDERSTAND = "understand"
    REWRITE = "rewrite"
    RERANK = "rerank"
    EMBED = "embed"
    TRANSCRIBE = "transcribe"


class CallOutcome(StrEnum):
    """How one call ended. All but the first three are failures, by kind."""

    OK = "ok"
    FALLBACK = "fallback"
    """It worked, at an endpoint that is not the route's first."""
    BLOCKED = "blocked"
    """It worked, and what was written did not pass the checks."""
    BUDGET = "budget"
    """Not made: the tenant's budget is used up."""
    CANCELLED = "cancelled"
    OVERLOADED = "overloaded"
    UNREACHABLE = "unreachable"
    SERVER_FAULT = "server_fault"
    REJECTED = "rejected"
    STALLED = "stalled"
    DEADLINE = "deadline"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    OVERLONG = "overlong"


class ModelCall(Frozen):
    """One call of a model, or several that have all but figures in common. `cost` is in millionths of the currency that
    prices are configured in."""

    purpose: Purpose
    route: str
    endpoint: str
    model: str
    outcome: CallOutcome
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: int = 0
    milliseconds: int = 0
    calls: int = 1

    def plus(self, other: "ModelCall") -> "ModelCall":
        """Both together."""
        figures = ("prompt_tokens", "completion_tokens", "cost", "milliseconds", "calls")
        return self.model_copy(update={name: getattr(self, name) + getattr(other, name) for name in figures})

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


class Spender(Frozen):
    """In whose name models are called: a tenant, and where it is known the conversation and its assistant."""

    tenant_id: UUID
    conversation_id: UUID | None = None
    assistant_id: UUID | None = None
