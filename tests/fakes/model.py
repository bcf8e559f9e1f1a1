"""A model's server that says what a test tells it to say, when it tells it, as OpenAI's chat completions stream."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from tests.fakes.listening import listening


class FakeModel:
    """`async with speaking()` serves it at `url`. What is said before anybody asks is the beginning of the next answer."""

    def __init__(self) -> None:
        self.url = ""
        self._said: asyncio.Queue[str | None] = asyncio.Queue()

    def say(self, piece: str) -> None:
        self._said.put_nowait(piece)

    def end(self) -> None:
        """The answer is whole."""
        self._said.put_nowait(None)

    async def answer(self, request: Request) -> StreamingResponse:
        asked = await request.json()
        assert asked["stream"], "only answers are streamed, and nothing else is asked of it"
        return StreamingResponse(self._stream(asked["model"]), media_type="text/event-stream")

    async def _stream(self, model: str) -> AsyncIterator[str]:
        while (piece := await self._said.get()) is not None:
            yield _chunk(model, {"content": piece}, None)
        yield _chunk(model, {}, "stop")
        yield "data: [DONE]\n\n"


@asynccontextmanager
async def speaking() -> AsyncIterator[FakeModel]:
    model = FakeModel()
    async with listening(Starlette(routes=[Route("/v1/chat/completions", model.answer, methods=["POST"])])) as url:
        model.url = f"{url}/v1"
        yield model


def _chunk(model: str, delta: dict[str, Any], finish: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    data = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice]}
    return f"data: {json.dumps(data)}\n\n"
