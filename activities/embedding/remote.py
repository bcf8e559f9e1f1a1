"""What the embedders behind a network share: prefixes, batches, and a check of what comes back."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

from activities.embedding.port import EmbeddingSpace, Vector
from activities.embedding.prefixes import prefixes_of
from activities.provider.errors import MalformedReplyError

BATCH = 32
"""Texts per request: large enough to be worth the way, small enough for every server's default limit."""
MAX_CHARACTERS = 8_000


class RemoteEmbedder(ABC):
    """An `Embedder` over a request that turns a batch of texts into rows of numbers, in the same order."""

    def __init__(self, space: EmbeddingSpace) -> None:
        self.space = space
        self._prefixes = prefixes_of(space.model)

    @abstractmethod
    async def _request(self, texts: list[str]) -> object:
        """The rows as the provider sent them; they are checked here."""

    @abstractmethod
    async def close(self) -> None: ...

    async def warm(self) -> None:
        await self.embed_query("warm")

    async def embed_query(self, text: str) -> Vector:
        (vector,) = await self.embed_queries([text])
        return vector

    async def embed_queries(self, texts: Sequence[str]) -> list[Vector]:
        return await self._embed(self._prefixes.query, texts)

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        return await self._embed(self._prefixes.passage, texts)

    async def _embed(self, prefix: str, texts: Sequence[str]) -> list[Vector]:
        vectors: list[Vector] = []
        for start in range(0, len(texts), BATCH):
            batch = [prefix + text[:MAX_CHARACTERS] for text in texts[start : start + BATCH]]
            rows = await self._request(batch)
            if not isinstance(rows, Sequence) or len(rows) != len(batch):
                raise MalformedReplyError(self.space.provider, f"expected {len(batch)} embeddings")
            vectors += [self._unit(row) for row in rows]
        return vectors

    def _unit(self, row: object) -> Vector:
        if not isinstance(row, Sequence) or len(row) != self.space.dimension:
            raise MalformedReplyError(self.space.provider, f"expected {self.space.dimension} numbers per embedding")
        try:
            length = math.hypot(*row)
        except TypeError:
            raise MalformedReplyError(self.space.provider, "expected numbers in an embedding") from None
        if not 0 < length < math.inf:
            raise MalformedReplyError(self.space.provider, "expected an embedding with a direction")
        return [value / length for value in row]
