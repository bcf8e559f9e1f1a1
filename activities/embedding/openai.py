"""Embeddings from any OpenAI-compatible server (`POST {base_url}/embeddings`)."""

import httpx

from activities.embedding.port import EmbeddingSpace
from activities.embedding.remote import RemoteEmbedder
from activities.provider.errors import MalformedReplyError
from activities.provider.http import bearer, client_options, post_json

PROVIDER = "openai"


class OpenAIEmbedder(RemoteEmbedder):
    """`base_url` ends where the API's paths begin, usually in `/v1`."""

    def __init__(
        self, *, base_url: str, model: str, dimension: int, api_key: str | None = None, timeout_seconds: float = 30
    ) -> None:
        super().__init__(EmbeddingSpace(PROVIDER, model, dimension))
        self._client = httpx.AsyncClient(
            base_url=base_url, headers=bearer(api_key), **client_options(PROVIDER, read_seconds=timeout_seconds)
        )

    async def _request(self, texts: list[str]) -> object:
        body = {"model": self.space.model, "input": texts, "encoding_format": "float"}
        response = await post_json(self._client, PROVIDER, "embeddings", body)
        try:
            # The API promises an index and no order.
            data = sorted(response.json()["data"], key=lambda item: item["index"])
            return [item["embedding"] for item in data]
        except (ValueError, KeyError, TypeError):
            raise MalformedReplyError(PROVIDER, "expected data[].embedding and data[].index") from None

    async def close(self) -> None:
        await self._client.aclose()
