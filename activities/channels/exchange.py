"""One exchange with a provider over HTTP: how long it may take, and what it means when it is broken off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from activities.channels.port import TryLaterError, UnclearError

CONNECT_SECONDS = 5.0

NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


def timeouts(seconds: float) -> httpx.Timeout:
    """A connection is made quickly or not at all; what is left of `seconds` is for the answer."""
    return httpx.Timeout(seconds, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)


@asynccontextmanager
async def exchange(seconds: float, *, acts: bool) -> AsyncIterator[None]:
    """Turn what httpx raises, and a whole that takes longer than `seconds`, into the port's errors.

    `acts`: the request does something that must not be done twice, so that nobody knows what became of it once it
    was sent. What httpx raised is never shown, since addresses may hold tokens. Raises TryLaterError, UnclearError.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except NOTHING_SENT:
        raise TryLaterError("unreachable") from None
    except (httpx.RequestError, TimeoutError):
        raise (UnclearError if acts else TryLaterError)("no_answer") from None
