"""What a broken exchange means: whether something was certainly not done, or nobody knows."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from activities.channels.download import pieces
from activities.channels.exchange import exchange
from activities.channels.port import ChannelError, RefusedError, TryLaterError, UnclearError

SECRET = "123456:the-token"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await handler(reader, writer)
        finally:
            writer.transport.abort()

    async with await asyncio.start_server(handled, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Nothing, and the connection ends."""


async def half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()


async def garbage(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\x01 no HTTP\r\n\r\n")
    await writer.drain()


async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def failed(url: str, *, acts: bool, seconds: float = 5.0) -> ChannelError:
    with pytest.raises(ChannelError) as raised:
        async with httpx.AsyncClient(trust_env=False) as client, exchange(seconds, acts=acts):
            await client.get(f"{url}/bot{SECRET}/x", params={"msg": "secret words"})
    shown = "".join(traceback.format_exception(raised.value))
    assert SECRET not in shown
    assert "secret" not in shown
    return raised.value


@pytest.mark.parametrize("handler", [hang_up, half, garbage])
async def test_what_was_sent_may_have_been_done(handler: Handler) -> None:
    async with serving(handler) as url:
        assert type(await failed(url, acts=True)) is UnclearError
        assert type(await failed(url, acts=False)) is TryLaterError


async def test_an_answer_that_does_not_come() -> None:
    async with serving(silence) as url:
        assert type(await failed(url, acts=True, seconds=0.05)) is UnclearError


async def test_what_was_not_sent_was_not_done() -> None:
    async with serving(silence) as url:
        pass
    assert type(await failed(url, acts=True)) is TryLaterError


async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A file that comes, and never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def read_all(url: str, *, limit: int, seconds: float) -> int:
    async with httpx.AsyncClient(trust_env=False) as client, client.stream("GET", url) as response:
        return sum([len(piece) async for piece in pieces(response, limit=limit, seconds=seconds)])


async def test_a_file_ends_in_time_and_in_size() -> None:
    async with serving(drip) as url:
        with pytest.raises(TryLaterError, match="no_answer"):
            await read_all(url, limit=1_000_000, seconds=0.1)
        with pytest.raises(RefusedError, match="too_large"):
            await read_all(url, limit=3, seconds=60)
    async with serving(half) as url:
        with pytest.raises(TryLaterError, match="no_answer"):
            await read_all(url, limit=1_000, seconds=60)
