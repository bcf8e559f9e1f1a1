"""The embedders and the reranker that are configured, with their calls counted."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from activities.embedding.port import Embedder, EmbeddingSpace, Vector
from activities.embedding.spaces import configured
from activities.reranking.choice import reranker_for
from activities.reranking.port import Reranker
from activities.routes.endpoint import estimated_tokens
from activities.usage.ledger import Ledger
from models.contracts.usage import Purpose
from runtime.settings import Settings


class CountedEmbedder:
    """Tokens are estimated, as not every server counts them: a bit too many rather than too few."""

    def __init__(self, embedder: Embedder, ledger: Ledger) -> None:
        self._embedder = embedder
        self._ledger = ledger

    @property
    def space(self) -> EmbeddingSpace:
        return self._embedder.space

    async def warm(self) -> None:
        await self._embedder.warm()

    async def embed_query(self, text: str) -> Vector:
        with self._counting([text]):
            return await self._embedder.embed_query(text)

    async def embed_queries(self, texts: Sequence[str]) -> list[Vector]:
        with self._counting(texts):
            return await self._embedder.embed_queries(texts)

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        with self._counting(texts):
            return await self._embedder.embed_passages(texts)

    async def close(self) -> None:
        await self._embedder.close()

    def _counting(self, texts: Sequence[str]) -> AbstractContextManager[None]:
        space = self._embedder.space
        return self._ledger.counting(Purpose.EMBED, space.provider, space.model, estimated_tokens(texts))


class CountedReranker:
    def __init__(self, reranker: Reranker, ledger: Ledger) -> None:
        self._reranker = reranker
        self._ledger = ledger

    @property
    def provider(self) -> str:
        return self._reranker.provider

    @property
    def model(self) -> str:
        return self._reranker.model

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        tokens = estimated_tokens([question, *texts])
        with self._ledger.counting(Purpose.RERANK, self.provider, self.model, tokens):
            return await self._reranker.scores(question, texts)

    async def close(self) -> None:
        await self._reranker.close()


def counted_embedders(settings: Settings, ledger: Ledger) -> tuple[Embedder, Embedder | None]:
    """The usual embedder and the next."""
    usual, following = configured(settings)
    return CountedEmbedder(usual, ledger), None if following is None else CountedEmbedder(following, ledger)


def counted_reranker(settings: Settings, ledger: Ledger) -> Reranker | None:
    """None where none is configured."""
    reranker = reranker_for(settings)
    return None if reranker is None else CountedReranker(reranker, ledger)
