"""An endpoint of a process: its models (one a key), what its calls have taught, and what a call of it costs."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from activities.generation.port import ChatModel, Message
from activities.provider.errors import (
    DeadlineError,
    OverloadedError,
    ProviderError,
    RejectedError,
    ServerFaultError,
    StalledError,
    TruncatedStreamError,
    UnreachableError,
)
from activities.routes.policy import Circuit, Condition, Key
from models.contracts.model_health import EndpointHealth, KeyHealth
from models.contracts.usage import CallOutcome
from runtime.models_file import Price

CHARACTERS_PER_TOKEN = 2
"""Few, so that what is set aside for a call is rather too much than too little (Cyrillic has two to three)."""
MESSAGE_TOKENS = 4

DENIED = (401, 403)

FAULTS = (UnreachableError, ServerFaultError, StalledError, DeadlineError, TruncatedStreamError)
"""What tells that an endpoint is in trouble. A reply of the wrong shape tells of the model, not of its server."""

_OUTCOMES = {
    "OverloadedError": CallOutcome.OVERLOADED,
    "UnreachableError": CallOutcome.UNREACHABLE,
    "ServerFaultError": CallOutcome.SERVER_FAULT,
    "RejectedError": CallOutcome.REJECTED,
    "StalledError": CallOutcome.STALLED,
    "DeadlineError": CallOutcome.DEADLINE,
    "TruncatedStreamError": CallOutcome.TRUNCATED,
    "MalformedReplyError": CallOutcome.MALFORMED,
    "OverlongReplyError": CallOutcome.OVERLONG,
    "BudgetError": CallOutcome.BUDGET,
}


def outcome_of(error: ProviderError) -> CallOutcome:
    return _OUTCOMES[type(error).__name__]


def estimated_tokens(texts: Sequence[str]) -> int:
    return sum(len(text) // CHARACTERS_PER_TOKEN + MESSAGE_TOKENS for text in texts)


def tokens_of(messages: Sequence[Message]) -> int:
    return estimated_tokens([message.text for message in messages])


@dataclass(slots=True)
class Endpoint:
    """Shared by every route that names it, so that all know what one has found out."""

    name: str
    provider: str
    model: str
    chats: tuple[ChatModel, ...]
    price: Price
    max_context: int | None
    condition: Condition

    def holds(self, tokens: int) -> bool:
        return self.max_context is None or tokens <= self.max_context

    def cost(self, prompt_tokens: int, completion_tokens: int) -> int:
        """In millionths: a price of a million tokens is the millionths of one."""
        return round(prompt_tokens * self.price.prompt + completion_tokens * self.price.completion)

    # What calls teach ---------------------------------------------------------------------------------

    def begun(self, key: int) -> None:
        now = time.monotonic()
        self._put(key, self.condition.keys[key].begun(now), self.condition.circuit.begun(now))

    def succeeded(self, key: int) -> None:
        self._put(key, self.condition.keys[key].succeeded(), Circuit())
        self.condition = replace(self.condition, flagged=None)

    def given_up(self) -> None:
        self.condition = replace(self.condition, circuit=self.condition.circuit.ended())

    def failed(self, key: int, error: ProviderError) -> None:
        now, chance = time.monotonic(), random.random()  # noqa: S311  # spreads load, keeps no secret
        state, circuit = self.condition.keys[key], self.condition.circuit.ended()
        match error:
            case OverloadedError():
                self._put(key, state.overloaded(now, error.retry_after, chance), circuit)
            case RejectedError(status=status):
                self.condition = replace(self.condition, flagged=f"HTTP {status}" if status else "no answer")
                self._put(key, state.denied(now) if status in DENIED else state, circuit)
            case _ if isinstance(error, FAULTS):
                self._put(key, state, self.condition.circuit.failed(now, chance))
            case _:
                self._put(key, state, circuit)

    def _put(self, number: int, key: Key, circuit: Circuit) -> None:
        keys = tuple(key if place == number else each for place, each in enumerate(self.condition.keys))
        self.condition = replace(self.condition, keys=keys, circuit=circuit)

    # What it looks like -------------------------------------------------------------------------------

    def health(self) -> EndpointHealth:
        now, circuit = time.monotonic(), self.condition.circuit
        return EndpointHealth(
            name=self.name,
            provider=self.provider,
            model=self.model,
            circuit=circuit.state(now),
            seconds=round(circuit.free_at(now) - now, 1),
            flagged=self.condition.flagged,
            keys=tuple(_key_health(number, key, now) for number, key in enumerate(self.condition.keys, start=1)),
        )


def _key_health(number: int, key: Key, now: float) -> KeyHealth:
    if key.cools_until <= now:
        return KeyHealth(number=number, state="ready")
    seconds = round(key.cools_until - now, 1)
    return KeyHealth(number=number, state="refused" if key.refused else "cooling", seconds=seconds)
