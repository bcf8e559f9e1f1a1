"""The port through which the gateway searches knowledge: it may not compute embeddings itself."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID

from models.contracts.enums import Language
from models.contracts.knowledge import Retrieval
from runtime.database import Database


class Searcher(Protocol):
    """Finds the passages that the bot would answer from. Must not block the event loop."""

    async def __call__(
        self, tenant_id: UUID, query: str, *, language: Language | None, limit: int, tags: Sequence[str] | None = None
    ) -> Retrieval: ...


OpenSearcher = Callable[[Database], AbstractAsyncContextManager[Searcher]]
"""Given by whoever composes the process (cli): opened when the gateway starts, closed when it stops."""
