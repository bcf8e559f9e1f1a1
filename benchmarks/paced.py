"""Load at a fixed pace: each call begins at its moment, whatever became of those before. From a process of its own, so
that nothing is timed but the call."""

import asyncio
import json
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg
import uvloop

# Sooner than the gateway's, so that no request meets a connection that is being closed.
IDLE_SECONDS = 2.0
TABLE = "CREATE TABLE bare_deliveries (id bigint PRIMARY KEY, body text)"
INSERT = "INSERT INTO bare_deliveries (id, body) VALUES ($1, $2)"


@dataclass(frozen=True, slots=True)
class Post:
    """One request with JSON."""

    url: str
    body: object
    headers: Mapping[str, str]

    def written(self) -> bytes:
        """As it goes over the wire."""
        parts = urlsplit(self.url)
        body = json.dumps(self.body).encode()
        given = {"host": parts.netloc, "content-type": "application/json", "content-length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in {**given, **self.headers}.items())
        return f"POST {parts.path} HTTP/1.1\r\n{head}\r\n".encode() + body


class Connections:
    """HTTP/1.1 to one address, and no more of it than is asked for here: a client for everything takes longer over a
    request than what is measured, on the processors that are measured."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname, parts.port
        self._idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, request: bytes) -> None:
        """Raises RuntimeError for whatever is refused."""
        reader, writer = await self._connection()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status, *lines = head.decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        answer = await reader.readexactly(int(headers["content-length"]))
        if status.split()[1] != "200":
            raise RuntimeError(f"{status}: {answer.decode()}")
        self._idle.append((time.monotonic(), reader, writer))

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            since, reader, writer = self._idle.pop()
            if time.monotonic() - since < IDLE_SECONDS:
                return reader, writer
            writer.close()
        return await asyncio.open_connection(*self._address)


async def posts(requests: Sequence[Post], per_second: float) -> Sequence[float]:
    """Seconds that each took until it was answered. Raises RuntimeError for whatever was refused."""
    return await _aside(_posts, requests, per_second)


async def inserts(database_url: str, texts: Sequence[str], per_second: float) -> Sequence[float]:
    """Seconds of each commit of a text to a table without anything, by the driver itself."""
    return await _aside(_inserts, database_url, texts, per_second)


async def _aside(work: Callable[..., Sequence[float]], *given: object) -> Sequence[float]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return await asyncio.get_running_loop().run_in_executor(process, work, *given)


def _posts(requests: Sequence[Post], per_second: float) -> Sequence[float]:
    async def all_of_them() -> Sequence[float]:
        connections = Connections(requests[0].url)
        written = [request.written() for request in requests]
        return await _paced(lambda number: connections.post(written[number]), len(written), per_second)

    return uvloop.run(all_of_them())


def _inserts(database_url: str, texts: Sequence[str], per_second: float) -> Sequence[float]:
    async def all_of_them() -> Sequence[float]:
        async with asyncpg.create_pool(database_url, min_size=10, max_size=10) as pool:
            await pool.execute(TABLE)

            async def one(number: int) -> None:
                await pool.execute(INSERT, number, texts[number])

            try:
                return await _paced(one, len(texts), per_second)
            finally:
                await pool.execute("DROP TABLE bare_deliveries")

    return uvloop.run(all_of_them())


async def _paced(call: Callable[[int], Awaitable[None]], times: int, per_second: float) -> Sequence[float]:
    async def timed(number: int) -> float:
        begun = time.perf_counter()
        await call(number)
        return time.perf_counter() - begun

    loop = asyncio.get_running_loop()
    begun = loop.time()
    tasks: list[asyncio.Task[float]] = []
    for number in range(times):
        await asyncio.sleep(max(0.0, begun + number / per_second - loop.time()))
        tasks.append(asyncio.create_task(timed(number)))
    return await asyncio.gather(*tasks)
