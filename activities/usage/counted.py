"""The embedders, the reranker and the transcriber that are configured, with their calls counted."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager

from activities.embedding.port import Embedder, EmbeddingSpace, Vector
from activities.embedding.spaces import configured
from activities.reranking.choice import reranker_for
from activities.reranking.port import Reranker
from activities.routes.endpoint import estimated_tokens
from activities.transcribing.choice import transcriber_for
from activities.transcribing.port import Transcriber
from activities.usage.ledger import Ledger
from models.contracts.enums import Language
from models.contracts.usage import Purpose
from runtime.settings import Settings

MILLION = 1_000_000


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


class CountedTranscriber:
    """`price` is of a minute of sound, in the currency of all prices."""

    def __init__(self, transcriber: Transcriber, ledger: Ledger, price: float) -> None:
        self._transcriber = transcriber
        self._ledger = ledger
        self._price = price

    @property
    def provider(self) -> str:
        return self._transcriber.provider

    @property
    def model(self) -> str:
        return self._transcriber.model

    async def transcribe(
        self, sound: AsyncIterator[bytes], mime: str, seconds: float, language: Language | None
    ) -> str:
        cost = round(MILLION * self._price * seconds / 60)
        with self._ledger.counting(Purpose.TRANSCRIBE, self.provider, self.model, cost=cost):
            return await self._transcriber.transcribe(sound, mime, seconds, language)

    async def close(self) -> None:
        await self._transcriber.close()


def counted_embedders(settings: Settings, ledger: Ledger) -> tuple[Embedder, Embedder | None]:
    """The usual embedder and the next."""
    usual, following = configured(settings)
    return CountedEmbedder(usual, ledger), None if following is None else CountedEmbedder(following, ledger)


def counted_transcriber(settings: Settings, ledger: Ledger) -> Transcriber | None:
    """None where none is configured."""
    transcriber = transcriber_for(settings)
    return None if transcriber is None else CountedTranscriber(transcriber, ledger, settings.transcribe_price)


def counted_reranker(settings: Settings, ledger: Ledger) -> Reranker | None:
    """None where none is configured."""
    reranker = reranker_for(settings)
    return None if reranker is None else CountedReranker(reranker, ledger)
