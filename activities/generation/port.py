"""The ports of generation: who answers a customer, and which model a writing generator talks to."""

import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

from pydantic import BaseModel

from models.contracts.enums import Language
from models.contracts.knowledge import Passage, Usage

Schema = TypeVar("Schema", bound=BaseModel)


@dataclass(frozen=True)
class Message:
    """One message of a dialogue with a model."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True)
class GenerateRequest:
    """A question, the passages that may answer it (best first), and how to answer.

    `history` holds earlier messages of the conversation, oldest first; `instructions` is the assistant's own
    prompt (persona, tone). `deadline_seconds` bounds the whole call, `max_tokens` the answer. `mark` is a word that
    only the prompt of this request holds: whoever wrote the texts in it cannot have known it.
    """

    question: str
    language: Language
    passages: tuple[Passage, ...]
    history: tuple[Message, ...] = ()
    instructions: str = ""
    deadline_seconds: float = 30.0
    temperature: float = 0.0
    max_tokens: int = 700
    mark: str = field(default_factory=lambda: secrets.token_hex(4), compare=False)


@dataclass(frozen=True)
class Answer:
    """A complete answer as the customer reads it. `quoted` is the passage that it repeats word for word."""

    text: str
    usage: Usage
    quoted: Passage | None = None


class NoAnswerError(Exception):
    """The passages do not hold the answer. No fault: the turn goes on to a person."""


class Generator(Protocol):
    """Answers from passages.

    Yields pieces of text as they come and, last, the complete Answer. An iteration that ends by itself has yielded
    an Answer; otherwise it raises NoAnswerError or ProviderError, and the pieces so far are worth nothing. Closing
    the iterator or cancelling its task closes the connection to the model.
    """

    def generate(self, request: GenerateRequest) -> AsyncGenerator[str | Answer]: ...

    async def close(self) -> None: ...


class ChatModel(Protocol):
    """A model behind a server. Both methods raise ProviderError and ask nobody twice."""

    def stream(
        self, messages: tuple[Message, ...], *, max_tokens: int, deadline_seconds: float, temperature: float = 0.0
    ) -> AsyncGenerator[str | Usage]:
        """Pieces of the reply and, last, its Usage, which comes only after a proper end of the stream."""

    async def structured(
        self, messages: tuple[Message, ...], schema: type[Schema], *, max_tokens: int, deadline_seconds: float
    ) -> tuple[Schema, Usage]:
        """A reply that fits the schema; MalformedReplyError when what came does not."""

    async def close(self) -> None: ...


async def complete(generator: Generator, request: GenerateRequest) -> Answer:
    """The Answer alone, for a caller that shows no pieces."""
    async for piece in generator.generate(request):
        if isinstance(piece, Answer):
            return piece
    raise AssertionError("a generator ended without an Answer and without an error")
