"""From the settings to the reranker."""

from typing import assert_never

from activities.reranking.cohere import CohereReranker
from activities.reranking.port import Reranker
from activities.reranking.tei import TeiReranker
from runtime.settings import Settings


def reranker_for(settings: Settings) -> Reranker | None:
    """None where none is configured."""
    if settings.rerank_provider is None:
        return None
    assert settings.rerank_url, "settings require it"
    key = None if settings.rerank_api_key is None else settings.rerank_api_key.get_secret_value()
    match settings.rerank_provider:
        case "tei":
            return TeiReranker(
                base_url=settings.rerank_url,
                model=settings.rerank_model,
                api_key=key,
                deadline_seconds=settings.rerank_seconds,
            )
        case "cohere":
            return CohereReranker(
                base_url=settings.rerank_url,
                model=settings.rerank_model,
                api_key=key,
                deadline_seconds=settings.rerank_seconds,
            )
        case unknown:
            assert_never(unknown)
