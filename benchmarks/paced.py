"""Load at a fixed pace: each call begins at its moment, whatever became of those before. From a process of its own, so
that nothing is timed but the call."""

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import asyncpg
import httpx

CONNECTIONS = 100
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


async def posts(requests: Sequence[Post], per_second: float) -> Sequence[float]:
    """Seconds that each took until it was answered. Raises httpx.HTTPStatusError for whatever was refused."""
    return await _aside(_posts, requests, per_second)


async def inserts(database_url: str, texts: Sequence[str], per_second: float) -> Sequence[float]:
    """Seconds of each commit of a text to a table without anything, by the driver itself."""
    return await _aside(_inserts, database_url, texts, per_second)


async def _aside(work: Callable[..., Sequence[float]], *given: object) -> Sequence[float]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return await asyncio.get_running_loop().run_in_executor(process, work, *given)


def _posts(requests: Sequence[Post], per_second: float) -> Sequence[float]:
    async def all_of_them() -> Sequence[float]:
        limits = httpx.Limits(
            max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=IDLE_SECONDS
        )
        async with httpx.AsyncClient(timeout=30, limits=limits, trust_env=False) as client:
            # A client loads half of itself when it is first used.
            await client.get(requests[0].url)

            async def one(number: int) -> None:
                request = requests[number]
                answer = await client.post(request.url, json=request.body, headers=dict(request.headers))
                answer.raise_for_status()

            return await _paced(one, len(requests), per_second)

    return asyncio.run(all_of_them())


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

    return asyncio.run(all_of_them())


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
