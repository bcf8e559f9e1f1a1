"""Embeddings from a native Ollama server, through Ollama's own client."""

from activities.embedding.port import EmbeddingSpace
from activities.embedding.remote import RemoteEmbedder
from activities.provider.ollama import PROVIDER, client, close, ollama_errors


class OllamaEmbedder(RemoteEmbedder):
    """The model must have been pulled: a missing one is a RejectedError (HTTP 404), never a download."""

    def __init__(
        self, *, base_url: str, model: str, dimension: int, api_key: str | None = None, timeout_seconds: float = 30
    ) -> None:
        super().__init__(EmbeddingSpace(PROVIDER, model, dimension))
        self._client = client(base_url, api_key, read_seconds=timeout_seconds)

    async def _request(self, texts: list[str]) -> object:
        with ollama_errors():
            reply = await self._client.embed(self.space.model, texts, truncate=True)
        return reply.embeddings

    async def close(self) -> None:
        await close(self._client)
