"""A model server at the far end of the wire: it speaks the OpenAI protocol and copies a sentence of a passage.

It tells who asked (by the port that the request came from) and can keep a request waiting, which is how a kill
hits the middle of a generation.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PASSAGE = re.compile(r"<passage-\w+ number[^\n]*>\n(.*?)\n</passage-", re.DOTALL)
SENTENCE = re.compile(r"[^.!?\n]{20,}[.!?]")
NO_ANSWER = "NO_ANSWER"


class Model:
    """`url` is what MAINSTAY_LLM_URL is set to."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._waiting: asyncio.Queue[int] = asyncio.Queue()
        self.url = ""

    @asynccontextmanager
    async def holding(self) -> AsyncIterator[asyncio.Queue[int]]:
        """Keep requests waiting after their first token; the queue gets the port of each one's sender."""
        self._waiting = asyncio.Queue()
        self._open.clear()
        try:
            yield self._waiting
        finally:
            self._open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while body := await _request(reader):
                await self._answer(body, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the asker was killed
        finally:
            writer.close()

    async def _answer(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        words = written(json.loads(body)["messages"][-1]["content"]).split(" ")
        for number, word in enumerate(words):
            # Raises when the asker has been killed meanwhile.
            await writer.drain()
            if number == 1 and not self._open.is_set():
                self._waiting.put_nowait(writer.get_extra_info("peername")[1])
                await self._open.wait()
            _chunk(writer, {"choices": [{"delta": {"content": word if number == 0 else f" {word}"}}]})
        _chunk(writer, {"choices": [{"delta": {}, "finish_reason": "stop"}]})
        _event(writer, "[DONE]")
        writer.write(b"0\r\n\r\n")
        await writer.drain()


@asynccontextmanager
async def serving() -> AsyncIterator[Model]:
    model = Model()
    server = await asyncio.start_server(model.serve, "127.0.0.1", 0)
    model.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield model
    finally:
        server.close()


def written(prompt: str) -> str:
    """The first sentence of the first passage, word for word."""
    passage = PASSAGE.search(prompt)
    sentence = SENTENCE.search(passage[1]) if passage else None
    return sentence[0].strip(" #*-") if sentence else NO_ANSWER


async def _request(reader: asyncio.StreamReader) -> bytes | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    return await reader.readexactly(int(length[1])) if length else None


def _chunk(writer: asyncio.StreamWriter, data: dict[str, object]) -> None:
    _event(writer, json.dumps(data))


def _event(writer: asyncio.StreamWriter, data: str) -> None:
    event = f"data: {data}\n\n".encode()
    writer.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
