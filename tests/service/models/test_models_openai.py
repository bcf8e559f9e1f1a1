"""The OpenAI-compatible adapter against a server that fails on command."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from llmock.pytest_plugin import LLMock
from pydantic import BaseModel

from activities.embedding.openai import OpenAIEmbedder
from activities.generation.openai import OpenAIChat
from activities.generation.port import Message
from activities.provider.errors import (
    DeadlineError,
    MalformedReplyError,
    OverloadedError,
    ProviderError,
    RejectedError,
    ServerFaultError,
    StalledError,
    TruncatedStreamError,
    UnreachableError,
)
from models.contracts.knowledge import Usage

MESSAGES = (Message("user", "How long does delivery take?"),)
TEXT = "It takes 3 days to Astana and one day to Almaty."


class Labels(BaseModel):
    intent: str
    confidence: float


@pytest.fixture
async def chat(llmock: LLMock) -> AsyncIterator[OpenAIChat]:
    model = OpenAIChat(base_url=llmock.base_url(), model="gpt-4o", api_key="key", stall_seconds=0.3)
    yield model
    await model.close()


async def read(chat: OpenAIChat, deadline_seconds: float = 5) -> tuple[str, Usage]:
    text, usage = "", None
    async for piece in chat.stream(MESSAGES, max_tokens=100, deadline_seconds=deadline_seconds):
        if isinstance(piece, Usage):
            usage = piece
        else:
            text += piece
    assert usage
    return text, usage


async def test_a_stream_arrives_in_pieces_with_its_usage(llmock: LLMock, chat: OpenAIChat) -> None:
    llmock.reply(TEXT)
    text, usage = await read(chat)
    assert text == TEXT
    assert usage.provider == "openai"
    assert usage.completion_tokens > 0
    llmock.assert_resilient()


@pytest.mark.parametrize(
    ("status", "error", "retryable"),
    [
        (429, OverloadedError, True),
        (503, OverloadedError, True),
        (500, ServerFaultError, True),
        (401, RejectedError, False),
        (400, RejectedError, False),
        (404, RejectedError, False),
    ],
)
async def test_a_status_is_a_typed_error_after_one_request(
    llmock: LLMock, chat: OpenAIChat, status: int, error: type[ProviderError], *, retryable: bool
) -> None:
    llmock.fail(status, times=None, message="secret of the customer")
    with pytest.raises(error) as raised:
        await read(chat)
    assert raised.value.retryable is retryable
    assert "secret" not in str(raised.value)
    assert len(llmock.requests) == 1
    llmock.assert_resilient()


async def test_retry_after_is_handed_on_in_seconds(llmock: LLMock, chat: OpenAIChat) -> None:
    llmock.rate_limit(retry_after=7)
    with pytest.raises(OverloadedError) as raised:
        await read(chat)
    assert raised.value.retry_after == 7


@pytest.mark.parametrize("after_chunks", [0, 1, 3])
async def test_a_truncated_stream_is_never_an_answer(llmock: LLMock, chat: OpenAIChat, after_chunks: int) -> None:
    llmock.reply(TEXT).truncate(after_chunks=after_chunks)
    with pytest.raises(TruncatedStreamError):
        await read(chat)


async def test_a_truncated_stream_that_is_tried_again_leaves_a_clean_verdict(llmock: LLMock, chat: OpenAIChat) -> None:
    llmock.reply(TEXT, times=None).truncate(after_chunks=2, times=1)
    with pytest.raises(TruncatedStreamError):
        await read(chat)
    assert (await read(chat))[0] == TEXT
    llmock.assert_resilient()


async def test_a_broken_connection_is_unreachable(llmock: LLMock, chat: OpenAIChat) -> None:
    llmock.reply(TEXT).disconnect(after_chunks=2)
    with pytest.raises(UnreachableError):
        await read(chat)


async def test_a_corrupt_chunk_is_malformed(llmock: LLMock, chat: OpenAIChat) -> None:
    llmock.reply(TEXT).corrupt(after_chunks=2)
    with pytest.raises(MalformedReplyError):
        await read(chat)


async def test_silence_in_the_stream_is_a_stall(llmock: LLMock, chat: OpenAIChat) -> None:
    llmock.reply(TEXT).stall(after_chunks=2, seconds=3)
    async with asyncio.timeout(2):
        with pytest.raises(StalledError):
            await read(chat)


async def test_the_first_token_may_take_longer_than_a_stall_but_not_than_the_deadline(
    llmock: LLMock, chat: OpenAIChat
) -> None:
    llmock.reply(TEXT, times=None).slow_first_token(0.6)
    assert (await read(chat))[0] == TEXT
    llmock.slow_first_token(3)
    with pytest.raises(DeadlineError):
        await read(chat, deadline_seconds=0.5)


async def test_leaving_closes_the_connection(llmock: LLMock, chat: OpenAIChat) -> None:
    llmock.reply(TEXT).pace(50)
    async with aclosing(chat.stream(MESSAGES, max_tokens=100, deadline_seconds=5)) as pieces:
        assert isinstance(await anext(pieces), str)
    (pool,) = [chat._client._transport._pool]  # type: ignore[attr-defined]
    assert not pool.connections


async def test_structured_output_fits_its_schema(llmock: LLMock, chat: OpenAIChat) -> None:
    llmock.reply('{"intent": "question", "confidence": 0.9}')
    labels, usage = await chat.structured(MESSAGES, Labels, max_tokens=50, deadline_seconds=5)
    assert labels == Labels(intent="question", confidence=0.9)
    assert usage.model == "gpt-4o"


@pytest.mark.parametrize("text", ["", "no json", '{"intent": "question"}', '{"intent": 1, "confidence": "high"}', "[]"])
async def test_structured_output_of_another_shape_is_malformed(llmock: LLMock, chat: OpenAIChat, text: str) -> None:
    llmock.reply(text)
    with pytest.raises(MalformedReplyError):
        await chat.structured(MESSAGES, Labels, max_tokens=50, deadline_seconds=5)


async def test_structured_output_has_a_deadline(llmock: LLMock, chat: OpenAIChat) -> None:
    llmock.delay(3)
    with pytest.raises(DeadlineError):
        await chat.structured(MESSAGES, Labels, max_tokens=50, deadline_seconds=0.3)


async def test_nobody_there_is_unreachable() -> None:
    chat = OpenAIChat(base_url="http://127.0.0.1:9/v1", model="m")
    with pytest.raises(UnreachableError):
        await read(chat)
    await chat.close()


async def test_embeddings_have_the_length_that_was_promised(llmock: LLMock) -> None:
    embedder = OpenAIEmbedder(base_url=llmock.base_url(), model="text-embedding-3-small", dimension=1536)
    vectors = await embedder.embed_passages([f"passage {number}" for number in range(40)])
    assert [len(vector) for vector in vectors] == [1536] * 40
    assert all(abs(sum(value * value for value in vector) - 1) < 1e-6 for vector in vectors)
    wrong = OpenAIEmbedder(base_url=llmock.base_url(), model="text-embedding-3-small", dimension=8)
    with pytest.raises(MalformedReplyError):
        await wrong.embed_query("question")
    llmock.rate_limit(retry_after=2)
    with pytest.raises(OverloadedError) as raised:
        await embedder.embed_query("question")
    assert raised.value.retry_after == 2
    await embedder.close()
    await wrong.close()
