"""From a provider's name to the model behind it."""

from typing import Literal, assert_never

from activities.generation.ollama import OllamaChat
from activities.generation.openai import OpenAIChat
from activities.generation.port import ChatModel

ChatProvider = Literal["ollama", "openai"]


def chat_for(
    provider: ChatProvider, *, model: str, base_url: str, api_key: str | None = None, stall_seconds: float = 10
) -> ChatModel:
    """The model behind a server, for `WritingGenerator` and `LlmClassifier`."""
    match provider:
        case "ollama":
            return OllamaChat(base_url=base_url, model=model, api_key=api_key, stall_seconds=stall_seconds)
        case "openai":
            return OpenAIChat(base_url=base_url, model=model, api_key=api_key, stall_seconds=stall_seconds)
        case unknown:
            assert_never(unknown)
