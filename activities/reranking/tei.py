"""Reranking by Hugging Face Text Embeddings Inference (`POST {base_url}/rerank`)."""

from collections.abc import Sequence

import httpx

from activities.provider.errors import MalformedReplyError
from activities.provider.http import bearer, client_options, post_json
from activities.reranking.port import in_order

PROVIDER = "tei"


class TeiReranker:
    """TEI serves the one model that it was started with; `model` only names it."""

    provider = PROVIDER

    def __init__(
        self, *, base_url: str, model: str = "", api_key: str | None = None, deadline_seconds: float = 1
    ) -> None:
        self.model = model
        self._deadline_seconds = deadline_seconds
        self._client = httpx.AsyncClient(base_url=base_url, headers=bearer(api_key), **client_options(PROVIDER))

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        body = {"query": question, "texts": list(texts), "truncate": True}
        response = await post_json(self._client, PROVIDER, "rerank", body, deadline_seconds=self._deadline_seconds)
        try:
            rows = response.json()
        except ValueError:
            raise MalformedReplyError(PROVIDER, "expected JSON") from None
        return in_order(PROVIDER, rows, "score", len(texts))

    async def close(self) -> None:
        await self._client.aclose()
