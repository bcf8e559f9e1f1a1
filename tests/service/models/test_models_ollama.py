"""The native Ollama adapter, through a server of Ollama's API whose model fails on command.

The proxy retries by itself what its upstream refuses, so the faults that it would hide are permanent here.
"""

from collections.abc import AsyncIterator

import pytest
from llmock.pytest_plugin import LLMock
from pydantic import BaseModel

from activities.embedding.ollama import OllamaEmbedder
from activities.generation.ollama import OllamaChat
from activities.generation.port import Message
from activities.provider.errors import (
    DeadlineError,
    MalformedReplyError,
    ProviderError,
    StalledError,
    UnreachableError,
)
from models.contracts.knowledge import Usage

MESSAGES = (Message("system", "Answer."), Message("user", "How long does delivery take?"))
TEXT = "It takes 3 days to Astana and one day to Almaty."


class Labels(BaseModel):
    intent: str
    confidence: float


@pytest.fixture
async def chat(llmock: LLMock, ollama_url: str) -> AsyncIterator[OllamaChat]:
    model = OllamaChat(base_url=ollama_url, model="vllm/gpt-4o", stall_seconds=0.5)
    yield model
    await model.close()


async def read(chat: OllamaChat, deadline_seconds: float = 10) -> tuple[str, Usage]:
    text, usage = "", None
    async for piece in chat.stream(MESSAGES, max_tokens=100, deadline_seconds=deadline_seconds):
        if isinstance(piece, Usage):
            usage = piece
        else:
            text += piece
    assert usage
    return text, usage


async def test_a_stream_arrives_with_its_usage(llmock: LLMock, chat: OllamaChat) -> None:
    llmock.reply(TEXT)
    text, usage = await read(chat)
    assert text == TEXT
    assert usage.provider == "ollama"
    llmock.assert_resilient()


async def test_silence_in_the_stream_is_a_stall(llmock: LLMock, chat: OllamaChat) -> None:
    llmock.reply(TEXT).stall(after_chunks=2, seconds=5)
    with pytest.raises(StalledError):
        await read(chat)


async def test_a_late_first_token_breaks_the_deadline(llmock: LLMock, chat: OllamaChat) -> None:
    llmock.reply(TEXT).slow_first_token(5)
    with pytest.raises(DeadlineError):
        await read(chat, deadline_seconds=0.7)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_refusal_is_a_typed_error(llmock: LLMock, chat: OllamaChat, status: int) -> None:
    llmock.fail(status, times=None)
    with pytest.raises(ProviderError) as raised:
        await read(chat, deadline_seconds=20)
    assert raised.value.retryable


async def test_a_broken_connection_is_no_answer(llmock: LLMock, chat: OllamaChat) -> None:
    llmock.reply(TEXT).disconnect(after_chunks=2, times=None)
    with pytest.raises(ProviderError):
        await read(chat)


async def test_structured_output_fits_its_schema(llmock: LLMock, chat: OllamaChat) -> None:
    llmock.reply('{"intent": "question", "confidence": 0.9}')
    labels, usage = await chat.structured(MESSAGES, Labels, max_tokens=50, deadline_seconds=10)
    assert labels == Labels(intent="question", confidence=0.9)
    assert usage.model == "vllm/gpt-4o"


@pytest.mark.parametrize("text", ["no json", '{"intent": "question"}'])
async def test_structured_output_of_another_shape_is_malformed(llmock: LLMock, chat: OllamaChat, text: str) -> None:
    llmock.reply(text)
    with pytest.raises(MalformedReplyError):
        await chat.structured(MESSAGES, Labels, max_tokens=50, deadline_seconds=10)


async def test_nobody_there_is_unreachable() -> None:
    chat = OllamaChat(base_url="http://127.0.0.1:9", model="m")
    with pytest.raises(UnreachableError):
        await read(chat)
    await chat.close()


async def test_embeddings(llmock: LLMock, ollama_url: str) -> None:
    embedder = OllamaEmbedder(base_url=ollama_url, model="vllm/text-embedding-3-small", dimension=1536)
    vectors = await embedder.embed_passages(["one", "two"])
    assert [len(vector) for vector in vectors] == [1536, 1536]
    await embedder.close()
