"""From a provider's name to its embedder."""

from typing import Literal, assert_never

from activities.embedding.nano import NanoEmbedder
from activities.embedding.openai import OpenAIEmbedder
from activities.embedding.port import Embedder
from activities.embedding.tei import TeiEmbedder

EmbeddingProvider = Literal["embedded", "ollama", "openai", "tei"]


def embedder_for(
    provider: EmbeddingProvider,
    *,
    model: str = "",
    base_url: str | None = None,
    api_key: str | None = None,
    dimension: int = 384,
) -> Embedder:
    """The embedder of a provider. `embedded` ignores the rest; ValueError when another provider lacks its URL."""
    if provider == "embedded":
        return NanoEmbedder()
    if not base_url:
        raise ValueError(f"embedding provider {provider} needs a base URL")
    match provider:
        case "ollama":
            from activities.embedding.ollama import OllamaEmbedder  # noqa: PLC0415  # its library is 4 MB of a process

            return OllamaEmbedder(base_url=base_url, model=model, dimension=dimension, api_key=api_key)
        case "openai":
            return OpenAIEmbedder(base_url=base_url, model=model, dimension=dimension, api_key=api_key)
        case "tei":
            return TeiEmbedder(base_url=base_url, model=model, dimension=dimension, api_key=api_key)
        case unknown:
            assert_never(unknown)
