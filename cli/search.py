"""The gateway's means to search knowledge: the bot's own retrieval, put together above both rooms."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

from activities.embedding.port import Embedder
from activities.embedding.spaces import Spaces
from activities.masking import mask
from activities.provider.errors import ProviderError
from activities.reranking.port import Reranker
from activities.retrieval.retrieve import Retriever
from activities.understanding.language import detect
from activities.usage.counted import counted_embedders, counted_reranker
from activities.usage.ledger import open_ledger, spent_by
from api.problems import unavailable
from api.records import Records
from api.search import OpenSearcher
from models.contracts.enums import Language
from models.contracts.knowledge import Retrieval
from models.contracts.usage import Spender
from models.repositories import tenants
from runtime.database import Database
from runtime.settings import Settings


class Search:
    """Embeds in the embedder's own thread or server, never in the event loop."""

    def __init__(
        self, database: Database, usual: Embedder, following: Embedder | None, reranker: Reranker | None
    ) -> None:
        self._records = Records(database)
        self._embedders = (usual, following)
        self._reranker = reranker
        self._retriever: Retriever | None = None

    async def __call__(
        self, tenant_id: UUID, query: str, *, language: Language | None, limit: int, tags: Sequence[str] | None = None
    ) -> Retrieval:
        """The passages that the bot would find. Raises ProblemError (503) when something it needs is away."""
        async with self._records.tenant(tenant_id) as tx:
            masking, spoken = await tenants.masking(tx)
        retriever = await self._opened()
        try:
            with spent_by(Spender(tenant_id=tenant_id)):
                return await retriever.find(
                    tenant_id,
                    query,
                    language or detect(query),
                    outgoing=mask(query, masking, spoken),
                    tags=tags,
                    limit=limit,
                )
        except ProviderError as error:
            raise unavailable("The embedding model cannot be reached now.") from error

    async def _opened(self) -> Retriever:
        """At the first query: the gateway starts without its database."""
        if self._retriever is None:
            async with self._records.system() as tx:
                spaces = await Spaces.of(tx, *self._embedders)
            self._retriever = Retriever(self._records, spaces, self._reranker)
        return self._retriever


def searching(settings: Settings) -> OpenSearcher:
    """A search with the embedding that is configured; the embedded model is loaded at the first query."""

    @asynccontextmanager
    async def opened(database: Database) -> AsyncIterator[Search]:
        async with AsyncExitStack() as stack:
            ledger = await stack.enter_async_context(open_ledger(database))
            usual, following = counted_embedders(settings, ledger)
            reranker = counted_reranker(settings, ledger)
            for each in (usual, following, reranker):
                if each is not None:
                    stack.push_async_callback(each.close)
            yield Search(database, usual, following, reranker)

    return opened
