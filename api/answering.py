"""The port through which the gateway answers a question: it may not ask models itself."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID

from models.contracts.answering import Answered, Question
from models.contracts.model_health import RouteHealth
from models.contracts.usage import ModelCall
from runtime.database import Database


class Answerer(Protocol):
    """Answers as a turn would, without a conversation. Must not block the event loop."""

    async def ask(self, tenant_id: UUID, question: Question) -> Answered:
        """Raises ProblemError: 422 when there is no such assistant, 503 when something it needs is away."""

    def health(self) -> tuple[RouteHealth, ...]:
        """The routes of models, as this process has found them."""


OpenAnswerer = Callable[[Database, Callable[[ModelCall], None]], AbstractAsyncContextManager[Answerer]]
"""Given by whoever composes the process (cli), with who is told of every call of a model."""
