"""Embeddings from Hugging Face Text Embeddings Inference (`POST {base_url}/embed`)."""

import httpx

from activities.embedding.port import EmbeddingSpace
from activities.embedding.remote import RemoteEmbedder
from activities.provider.errors import MalformedReplyError
from activities.provider.http import bearer, client_options, post_json

PROVIDER = "tei"


class TeiEmbedder(RemoteEmbedder):
    """TEI serves the one model that it was started with; `model` only names the space and its prefixes."""

    def __init__(
        self, *, base_url: str, model: str, dimension: int, api_key: str | None = None, timeout_seconds: float = 30
    ) -> None:
        super().__init__(EmbeddingSpace(PROVIDER, model, dimension))
        self._client = httpx.AsyncClient(
            base_url=base_url, headers=bearer(api_key), **client_options(PROVIDER, read_seconds=timeout_seconds)
        )

    async def _request(self, texts: list[str]) -> object:
        response = await post_json(self._client, PROVIDER, "embed", {"inputs": texts, "truncate": True})
        try:
            return response.json()
        except ValueError:
            raise MalformedReplyError(PROVIDER, "expected JSON") from None

    async def close(self) -> None:
        await self._client.aclose()
