"""Replies that no well-behaved server gives, from a socket that says exactly what the test wants."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from activities.embedding.ollama import OllamaEmbedder
from activities.embedding.tei import TeiEmbedder
from activities.generation.choice import chat_for
from activities.generation.ollama import OllamaChat
from activities.generation.openai import OpenAIChat
from activities.generation.port import ChatModel, Message
from activities.provider.errors import (
    MalformedReplyError,
    OverloadedError,
    OverlongReplyError,
    ProviderError,
    RejectedError,
    ServerFaultError,
    TruncatedStreamError,
)
from models.contracts.knowledge import Usage

MESSAGES = (Message("user", "question"),)


@asynccontextmanager
async def server(
    body: bytes, *, status: str = "200 OK", headers: str = "", asked: list[bytes] | None = None
) -> AsyncIterator[str]:
    """Answers every request with the same bytes and closes. `asked` gets the requests' bodies."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        request = await reader.readexactly(length)
        if asked is not None:
            asked.append(request)
        writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n".encode() + body)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


def openai(url: str) -> ChatModel:
    return OpenAIChat(base_url=f"{url}/v1", model="m")


def ollama(url: str) -> ChatModel:
    return OllamaChat(base_url=url, model="m")


async def read(model: ChatModel) -> str:
    text = ""
    try:
        async for piece in model.stream(MESSAGES, max_tokens=10, deadline_seconds=5):
            if isinstance(piece, Usage):
                return text
            text += piece
    finally:
        await model.close()
    raise AssertionError("a stream ended without its usage")


def events(*data: object) -> bytes:
    return "".join(f"data: {item if isinstance(item, str) else json.dumps(item)}\n\n" for item in data).encode()


def delta(text: str, finish: str | None = None) -> dict[str, object]:
    return {"choices": [{"delta": {"content": text}, "finish_reason": finish}]}


def lines(*items: object) -> bytes:
    return "".join(f"{item if isinstance(item, str) else json.dumps(item)}\n" for item in items).encode()


def part(text: str, **more: object) -> dict[str, object]:
    return {"model": "m", "message": {"role": "assistant", "content": text}, "done": False, **more}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (events(delta("three")), TruncatedStreamError),
        (events(delta("three"), "[DONE]"), TruncatedStreamError),
        (events(delta("three"), delta("", "length"), "[DONE]"), OverlongReplyError),
        (events(delta("three"), delta("", "content_filter"), "[DONE]"), RejectedError),
        (events(delta("three"), {"error": {"message": "gone"}}), ServerFaultError),
        (events(delta("three"), "{nonsense"), MalformedReplyError),
        (events({"choices": "none"}), MalformedReplyError),
        (b"", TruncatedStreamError),
        (b"<html>hello</html>", TruncatedStreamError),
    ],
)
async def test_openai_stream_that_is_no_answer(body: bytes, error: type[ProviderError]) -> None:
    async with server(body) as url:
        with pytest.raises(error):
            await read(openai(url))


async def test_openai_stream_with_comments_and_a_late_usage() -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    body = b": keep-alive\n\n" + events(delta("three"), delta(" days", "stop"), usage, "[DONE]")
    async with server(body) as url:
        assert await read(openai(url)) == "three days"


@asynccontextmanager
async def keeping_alive(body: bytes, *, ends: bool) -> AsyncIterator[tuple[str, list[str]]]:
    """Answers every request on a connection with `body` in chunks, without an end if not `ends`; and its connections."""
    connections: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(str(writer.get_extra_info("peername")))
        while head := (await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""):
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(length)
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(body), body))
            await writer.drain()
            if ends:
                # The end comes by itself, as it does from servers that flush each event.
                await asyncio.sleep(0)
                writer.write(b"0\r\n\r\n")

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await answer(reader, writer)
        writer.close()

    async with await asyncio.start_server(guarded, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", connections


@pytest.mark.parametrize(("ends", "connections"), [(True, 1), (False, 2)])
async def test_openai_streams_share_a_connection_unless_one_does_not_end(ends: bool, connections: int) -> None:
    async with keeping_alive(events(delta("three days", "stop"), "[DONE]"), ends=ends) as (url, opened):
        model = OpenAIChat(base_url=f"{url}/v1", model="m")
        for _ in range(2):
            pieces = [piece async for piece in model.stream(MESSAGES, max_tokens=10, deadline_seconds=5)]
            assert pieces[0] == "three days"
        await model.close()
    assert len(opened) == connections


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (lines(part("three")), TruncatedStreamError),
        (lines(part("three"), part("", done=True, done_reason="length")), OverlongReplyError),
        (lines(part("three"), {"error": "out of memory"}), ServerFaultError),
        (lines(part("three"), "{nonsense"), MalformedReplyError),
        (lines(part("three"), "[]"), MalformedReplyError),
        (lines({"message": 3}), MalformedReplyError),
        (b"", TruncatedStreamError),
    ],
)
async def test_ollama_stream_that_is_no_answer(body: bytes, error: type[ProviderError]) -> None:
    async with server(body) as url:
        with pytest.raises(error):
            await read(ollama(url))


async def test_ollama_stream_with_its_end_marker() -> None:
    async with server(lines(part("three"), part(" days"), part("", done=True, done_reason="stop"))) as url:
        assert await read(ollama(url)) == "three days"


@pytest.mark.parametrize("make", [openai, ollama])
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("Retry-After: 12\r\n", 12.0),
        ("", None),
        ("Retry-After: soon\r\n", None),
        ("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", None),
        ("Retry-After: -5\r\n", None),
    ],
)
async def test_retry_after_survives_every_client(
    make: Callable[[str], ChatModel], headers: str, expected: float | None
) -> None:
    async with server(b"busy", status="429 Too Many Requests", headers=headers) as url:
        with pytest.raises(OverloadedError) as raised:
            await read(make(url))
    assert raised.value.retry_after == expected


@pytest.mark.parametrize("make", [openai, ollama])
async def test_a_redirect_is_not_followed(make: Callable[[str], ChatModel]) -> None:
    async with server(b"", status="307 Temporary Redirect", headers="Location: http://127.0.0.1:9/\r\n") as url:
        with pytest.raises(RejectedError):
            await read(make(url))


@pytest.mark.parametrize(
    "rows", [[], [[1.0, 0.0]], [[1.0, 0.0, "x"]], [[0.0, 0.0, 0.0]], {"error": "no"}, [[1.7e308, 1.7e308, 1.7e308]]]
)
async def test_embeddings_of_another_shape_are_malformed(rows: object) -> None:
    async with server(json.dumps(rows).encode()) as url:
        embedder = TeiEmbedder(base_url=url, model="multilingual-e5-small", dimension=3)
        with pytest.raises(MalformedReplyError):
            await embedder.embed_query("question")
        await embedder.close()


async def test_embeddings_become_unit_vectors() -> None:
    async with server(b"[[3.0, 0.0, 4.0]]") as url:
        tei = TeiEmbedder(base_url=url, model="multilingual-e5-small", dimension=3)
        assert await tei.embed_query("question") == [0.6, 0.0, 0.8]
        await tei.close()
    async with server(json.dumps({"embeddings": [[3.0, 0.0, 4.0]]}).encode()) as url:
        ollama_embedder = OllamaEmbedder(base_url=url, model="m", dimension=3)
        assert await ollama_embedder.embed_query("question") == [0.6, 0.0, 0.8]
        await ollama_embedder.close()


async def test_ollama_is_asked_for_a_context_that_holds_the_prompt() -> None:
    asked: list[bytes] = []
    async with server(lines(part("yes", done=True, done_reason="stop")), asked=asked) as url:
        await read(chat_for("ollama", model="m", base_url=url, max_context=8192))
        await read(chat_for("ollama", model="m", base_url=url))
    assert [json.loads(body)["options"].get("num_ctx") for body in asked] == [8192, None]
