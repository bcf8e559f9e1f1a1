"""Finds what knowledge has for a question, and says how likely it is that the first passage answers it."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID

from activities.embedding.port import Vector
from activities.embedding.spaces import Spaces
from activities.reranking.port import Reranker, reranked
from activities.retrieval.confidence import judged
from activities.understanding.language import detect
from models.contracts.enums import Language
from models.contracts.knowledge import Retrieval
from models.repositories import retrieval
from models.repositories.retrieval import Worded
from runtime.database import TenantTx

RERANKED = 20
"""Passages that the reranker reads: as many as each half of the search contributes."""
CONSIDERED = 10
"""Passages among which the one to quote is looked for."""


class Records(Protocol):
    """Where transactions come from."""

    def tenant(self, tenant_id: UUID) -> AbstractAsyncContextManager[TenantTx]: ...


class Retriever:
    """Searches each tenant in its own space, by that space's embedder."""

    def __init__(self, records: Records, spaces: Spaces, reranker: Reranker | None = None) -> None:
        self._records = records
        self._spaces = spaces
        self._reranker = reranker
        self._last: dict[UUID, int] = {}
        """The space that each tenant was searched in last: where it most likely is now."""

    async def worded(self, tenant_id: UUID, question: str, tags: Sequence[str] | None = None) -> Worded:
        """What the question's words find: `find` can be given it, if it was asked for while the question was embedded."""
        async with self._records.tenant(tenant_id) as tx:
            return await retrieval.worded(tx, question, tags=tags)

    async def find(
        self,
        tenant_id: UUID,
        question: str,
        language: Language | None,
        *,
        outgoing: str,
        usual: Vector | None = None,
        tags: Sequence[str] | None = None,
        limit: int = 5,
        words: Worded | None = None,
    ) -> Retrieval:
        """The best `limit` passages for `question`, the one to quote first; `outgoing` is what models may see of it, `usual` its
        vector by the usual embedder, where that is known already.

        Raises ProviderError when the question cannot be embedded.
        """
        spaces = self._spaces
        candidates = max(limit, CONSIDERED if self._reranker is None else RERANKED)
        space = self._last.get(tenant_id, spaces.usual)
        while True:
            vector = usual if usual and space == spaces.usual else await spaces.by_id[space].embed_query(outgoing)
            async with self._records.tenant(tenant_id) as tx:
                found, active = await retrieval.search_and_space(
                    tx, question, vector, space, language, tags=tags, limit=candidates, words=words
                )
            now = spaces.searched_at(active)
            if now == space:
                break
            # Seen for the first time, or it has moved since: vectors of two spaces cannot be compared.
            space = self._last[tenant_id] = now
        if self._reranker is not None:
            found = await reranked(self._reranker, outgoing, found)
        model = spaces.by_id[space].space.family
        best = judged(question, language or detect(question), vector, found[:CONSIDERED], model)
        return best.model_copy(update={"passages": best.passages[:limit]})
