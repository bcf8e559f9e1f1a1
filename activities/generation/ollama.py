"""Chat with a native Ollama server, through Ollama's own client."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import ollama
from pydantic import ValidationError

from activities.generation.port import Message, Schema
from activities.provider.errors import DeadlineError, MalformedReplyError, OverlongReplyError, TruncatedStreamError
from activities.provider.http import paced
from activities.provider.ollama import PROVIDER, client, close, ollama_errors
from models.contracts.knowledge import Usage


class OllamaChat:
    """`stall_seconds` bounds the pause between chunks. A model that was not pulled is a RejectedError (HTTP 404).

    `context_tokens` None leaves the context to the server, whose own default may be so small that it drops the beginning
    of a prompt without a word.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        api_key: str | None = None,
        stall_seconds: float = 10,
        first_token_seconds: float | None = None,
        proxy: str | None = None,
        context_tokens: int | None = None,
    ) -> None:
        self._model = model
        self._stall_seconds = stall_seconds
        self._first_token_seconds = first_token_seconds
        # The same at every call: Ollama loads a model anew for another one.
        self._context: dict[str, float] = {} if context_tokens is None else {"num_ctx": context_tokens}
        self._client = client(base_url, api_key, proxy=proxy)

    async def stream(
        self, messages: tuple[Message, ...], *, max_tokens: int, deadline_seconds: float, temperature: float = 0.0
    ) -> AsyncGenerator[str | Usage]:
        begun = time.monotonic()
        last: ollama.ChatResponse | None = None
        replies = paced(
            self._replies(messages, max_tokens, temperature),
            PROVIDER,
            stall_seconds=self._stall_seconds,
            deadline_seconds=deadline_seconds,
            first_seconds=self._first_token_seconds,
        )
        async with aclosing(replies):
            async for last in replies:
                if last.message.content:
                    yield last.message.content
                if last.done:
                    break
        yield self._usage(_ended(last), begun)

    async def structured(
        self, messages: tuple[Message, ...], schema: type[Schema], *, max_tokens: int, deadline_seconds: float
    ) -> tuple[Schema, Usage]:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(deadline_seconds):
                with ollama_errors():
                    reply = await self._client.chat(
                        self._model,
                        _wire(messages),
                        format=schema.model_json_schema(),
                        options=_options(max_tokens) | self._context,
                    )
        except TimeoutError:
            raise DeadlineError(PROVIDER, "the reply took too long") from None
        _ended(reply)
        try:
            parsed = schema.model_validate_json(reply.message.content or "")
        except ValidationError:
            raise MalformedReplyError(PROVIDER, f"the reply does not fit {schema.__name__}") from None
        return parsed, self._usage(reply, begun)

    async def close(self) -> None:
        await close(self._client)

    async def _replies(
        self, messages: tuple[Message, ...], max_tokens: int, temperature: float
    ) -> AsyncGenerator[ollama.ChatResponse]:
        options = _options(max_tokens, temperature) | self._context
        with ollama_errors():
            replies = await self._client.chat(self._model, _wire(messages), stream=True, options=options)
            # The library promises an iterator and returns a generator, whose closing closes the connection.
            async with aclosing(cast("AsyncGenerator[ollama.ChatResponse]", replies)) as open_replies:
                async for reply in open_replies:
                    yield reply

    def _usage(self, last: ollama.ChatResponse, begun: float) -> Usage:
        return Usage(
            provider=PROVIDER,
            model=self._model,
            prompt_tokens=last.prompt_eval_count or 0,
            completion_tokens=last.eval_count or 0,
            milliseconds=round((time.monotonic() - begun) * 1000),
        )


def _wire(messages: tuple[Message, ...]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.text} for message in messages]


def _options(max_tokens: int, temperature: float = 0.0) -> dict[str, float]:
    return {"temperature": temperature, "num_predict": max_tokens}


def _ended(last: ollama.ChatResponse | None) -> ollama.ChatResponse:
    """Only `done` ends an answer, and not when the length limit was what ended it."""
    if last is None or not last.done:
        raise TruncatedStreamError(PROVIDER, "no done marker")
    if last.done_reason == "length":
        raise OverlongReplyError(PROVIDER, "done_reason length")
    return last
