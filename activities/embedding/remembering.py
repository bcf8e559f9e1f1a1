"""An embedder for as long as one answer is written: what was embedded for a part of it is not embedded for the whole."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from activities.embedding.port import Embedder, EmbeddingSpace, Vector


class RememberingEmbedder:
    """Keeps every vector. Whoever asks while another asks waits: much of it may be what they need too."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._queries: dict[str, Vector] = {}
        self._passages: dict[str, Vector] = {}
        self._one_at_a_time = asyncio.Lock()

    @property
    def space(self) -> EmbeddingSpace:
        return self._embedder.space

    async def warm(self) -> None:
        await self._embedder.warm()

    async def embed_query(self, text: str) -> Vector:
        return (await self.embed_queries([text]))[0]

    async def embed_queries(self, texts: Sequence[str]) -> list[Vector]:
        return await self._embed(texts, self._queries, self._embedder.embed_queries)

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        return await self._embed(texts, self._passages, self._embedder.embed_passages)

    async def close(self) -> None:
        """The embedder is its owner's to close."""

    async def _embed(
        self,
        texts: Sequence[str],
        known: dict[str, Vector],
        embed: Callable[[Sequence[str]], Awaitable[list[Vector]]],
    ) -> list[Vector]:
        async with self._one_at_a_time:
            unknown = [text for text in dict.fromkeys(texts) if text not in known]
            if unknown:
                known.update(zip(unknown, await embed(unknown), strict=True))
        return [known[text] for text in texts]
