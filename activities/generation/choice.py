"""From a provider's name to the model behind it."""

from typing import Literal, assert_never

from activities.generation.openai import OpenAIChat
from activities.generation.port import ChatModel

ChatProvider = Literal["ollama", "openai"]


def chat_for(
    provider: ChatProvider,
    *,
    model: str,
    base_url: str,
    api_key: str | None = None,
    stall_seconds: float = 10,
    first_token_seconds: float | None = None,
    proxy: str | None = None,
    max_context: int | None = None,
) -> ChatModel:
    """The model behind a server, asked with one key. Whoever has several asks through activities/routes."""
    match provider:
        case "ollama":
            from activities.generation.ollama import OllamaChat  # noqa: PLC0415  # its library is 4 MB of a process

            return OllamaChat(
                base_url=base_url,
                model=model,
                api_key=api_key,
                stall_seconds=stall_seconds,
                first_token_seconds=first_token_seconds,
                proxy=proxy,
                context_tokens=max_context,
            )
        case "openai":
            return OpenAIChat(
                base_url=base_url,
                model=model,
                api_key=api_key,
                stall_seconds=stall_seconds,
                first_token_seconds=first_token_seconds,
                proxy=proxy,
            )
        case unknown:
            assert_never(unknown)
