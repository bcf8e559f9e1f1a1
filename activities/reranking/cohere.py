"""Reranking by any server with Cohere's API (`POST {base_url}/rerank`): Cohere, Jina, vLLM, llama.cpp and others."""

from collections.abc import Sequence

import httpx

from activities.provider.errors import MalformedReplyError
from activities.provider.http import bearer, client_options, post_json
from activities.reranking.port import in_order

PROVIDER = "cohere"


class CohereReranker:
    """`base_url` ends where the API's paths begin, usually in `/v1` or `/v2`."""

    provider = PROVIDER

    def __init__(self, *, base_url: str, model: str, api_key: str | None = None, deadline_seconds: float = 1) -> None:
        self.model = model
        self._deadline_seconds = deadline_seconds
        self._client = httpx.AsyncClient(base_url=base_url, headers=bearer(api_key), **client_options(PROVIDER))

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        body = {"model": self.model, "query": question, "documents": list(texts), "top_n": len(texts)}
        response = await post_json(self._client, PROVIDER, "rerank", body, deadline_seconds=self._deadline_seconds)
        try:
            rows = response.json()["results"]
        except (ValueError, KeyError, TypeError):
            raise MalformedReplyError(PROVIDER, "expected results[]") from None
        return in_order(PROVIDER, rows, "relevance_score", len(texts))

    async def close(self) -> None:
        await self._client.aclose()
