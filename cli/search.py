"""The gateway's means to search knowledge: the bot's own retrieval, put together above both rooms."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from activities.embedding.choice import embedder_for
from activities.embedding.port import Embedder
from activities.masking import mask
from activities.provider.errors import ProviderError
from activities.retrieve import retrieve
from activities.understanding.language import detect
from api.problems import unavailable
from api.records import Records
from api.search import OpenSearcher
from models.contracts.enums import Language
from models.contracts.knowledge import Retrieval
from models.repositories import knowledge, tenants
from runtime.database import Database
from runtime.settings import Settings


class Search:
    """Embeds in the embedder's own thread or server, never in the event loop."""

    def __init__(self, database: Database, embedder: Embedder) -> None:
        self._records = Records(database)
        self._embedder = embedder
        self._space: int | None = None

    async def __call__(self, tenant_id: UUID, query: str, *, language: Language | None, limit: int) -> Retrieval:
        """The passages that the bot would find. Raises ProblemError (503) when something it needs is away."""
        async with self._records.tenant(tenant_id) as tx:
            masking, spoken = await tenants.masking(tx)
        try:
            vector = await self._embedder.embed_query(mask(query, masking, spoken))
        except ProviderError as error:
            raise unavailable("The embedding model cannot be reached now.") from error
        async with self._records.tenant(tenant_id) as tx:
            if self._space is None:
                space = self._embedder.space
                self._space = await knowledge.ensure_space(tx, space.provider, space.model, space.dimension)
            return await retrieve(tx, query, vector, self._space, language or detect(query), limit=limit)


def searching(settings: Settings) -> OpenSearcher:
    """A search with the embedding that is configured; the embedded model is loaded at the first query."""

    @asynccontextmanager
    async def opened(database: Database) -> AsyncIterator[Search]:
        key = settings.embedding_api_key
        embedder = embedder_for(
            settings.embedding_provider,
            model=settings.embedding_model,
            base_url=settings.embedding_url,
            api_key=None if key is None else key.get_secret_value(),
            dimension=settings.embedding_dimension,
        )
        try:
            yield Search(database, embedder)
        finally:
            await embedder.close()

    return opened
