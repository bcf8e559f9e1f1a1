"""Chat with any OpenAI-compatible server (`POST {base_url}/chat/completions`), streamed as server-sent events."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from typing import Any

import httpx
from pydantic import BaseModel, ValidationError

from activities.generation.port import Message, Schema
from activities.provider.errors import (
    DeadlineError,
    MalformedReplyError,
    OverlongReplyError,
    RejectedError,
    ServerFaultError,
    TruncatedStreamError,
)
from activities.provider.http import bearer, client_options, paced, post_json, transport_errors
from models.contracts.knowledge import Usage

PROVIDER = "openai"
END_SECONDS = 0.1
"""How long the end of a response may follow after its `[DONE]`."""


class _Delta(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    delta: _Delta = _Delta()
    message: _Delta = _Delta()
    finish_reason: str | None = None


class _Tokens(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Reply(BaseModel):
    """A chunk of a stream or a whole completion: the fields that matter here are the same."""

    choices: list[_Choice] = []
    usage: _Tokens | None = None
    error: object = None


class OpenAIChat:
    """`base_url` ends where the API's paths begin, usually in `/v1`. `stall_seconds` bounds the pause between chunks."""

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        api_key: str | None = None,
        stall_seconds: float = 10,
        first_token_seconds: float | None = None,
        proxy: str | None = None,
    ) -> None:
        self._model = model
        self._stall_seconds = stall_seconds
        self._first_token_seconds = first_token_seconds
        self._client = httpx.AsyncClient(
            base_url=base_url, headers=bearer(api_key), **client_options(PROVIDER, proxy=proxy)
        )

    async def stream(
        self, messages: tuple[Message, ...], *, max_tokens: int, deadline_seconds: float, temperature: float = 0.0
    ) -> AsyncGenerator[str | Usage]:
        begun = time.monotonic()
        body = self._body(messages, max_tokens, temperature) | {
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        finish: str | None = None
        tokens = _Tokens()
        replies = paced(
            self._replies(body),
            PROVIDER,
            stall_seconds=self._stall_seconds,
            deadline_seconds=deadline_seconds,
            first_seconds=self._first_token_seconds,
        )
        async with aclosing(replies):
            async for reply in replies:
                tokens = reply.usage or tokens
                for choice in reply.choices[:1]:
                    finish = choice.finish_reason or finish
                    if choice.delta.content:
                        yield choice.delta.content
        _check_finish(finish)
        yield self._usage(tokens, begun)

    async def structured(
        self, messages: tuple[Message, ...], schema: type[Schema], *, max_tokens: int, deadline_seconds: float
    ) -> tuple[Schema, Usage]:
        begun = time.monotonic()
        body = self._body(messages, max_tokens) | {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": schema.__name__, "schema": schema.model_json_schema(), "strict": True},
            }
        }
        try:
            async with asyncio.timeout(deadline_seconds):
                response = await post_json(self._client, PROVIDER, "chat/completions", body)
        except TimeoutError:
            raise DeadlineError(PROVIDER, "the reply took too long") from None
        reply = _parse(response.content)
        if not reply.choices:
            raise MalformedReplyError(PROVIDER, "expected a choice")
        _check_finish(reply.choices[0].finish_reason)
        try:
            parsed = schema.model_validate_json(reply.choices[0].message.content or "")
        except ValidationError:
            raise MalformedReplyError(PROVIDER, f"the reply does not fit {schema.__name__}") from None
        return parsed, self._usage(reply.usage or _Tokens(), begun)

    async def close(self) -> None:
        await self._client.aclose()

    async def _replies(self, body: Mapping[str, Any]) -> AsyncGenerator[_Reply]:
        """The chunks of one stream, until `[DONE]` or the end of the connection."""
        with transport_errors(PROVIDER):
            async with self._client.stream("POST", "chat/completions", json=body) as response:
                lines = response.aiter_lines()
                async for line in lines:
                    field, _, data = line.partition(":")
                    if field != "data":
                        continue  # blank lines, comments that keep the connection alive, event names
                    if data.strip() == "[DONE]":
                        await _read_out(lines)
                        return
                    yield _parse(data)

    def _body(self, messages: tuple[Message, ...], max_tokens: int, temperature: float = 0.0) -> dict[str, Any]:
        return {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.text} for message in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
        }

    def _usage(self, tokens: _Tokens, begun: float) -> Usage:
        return Usage(
            provider=PROVIDER,
            model=self._model,
            prompt_tokens=tokens.prompt_tokens,
            completion_tokens=tokens.completion_tokens,
            milliseconds=round((time.monotonic() - begun) * 1000),
        )


async def _read_out(lines: AsyncIterator[str]) -> None:
    """A response that was read to its end leaves its connection to the next call, which then need not make one."""
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(END_SECONDS):
            async for _ in lines:
                pass


def _parse(data: str | bytes) -> _Reply:
    try:
        reply = _Reply.model_validate(json.loads(data))
    except ValueError:
        raise MalformedReplyError(PROVIDER, "a chunk is not of the protocol") from None
    if reply.error is not None:
        raise ServerFaultError(PROVIDER, "the server reported an error in its reply")
    return reply


def _check_finish(finish: str | None) -> None:
    """Only `stop` ends an answer. A stream without a reason was cut, even when `[DONE]` follows."""
    match finish:
        case "stop":
            return
        case None:
            raise TruncatedStreamError(PROVIDER, "no finish_reason")
        case "length":
            raise OverlongReplyError(PROVIDER, "finish_reason length")
        case _:
            raise RejectedError(PROVIDER, "the model ended without an answer")
