"""A provider's file in pieces, as it arrives: bounded in bytes, and in time."""

import asyncio
from collections.abc import AsyncIterator

import httpx

from activities.channels.exchange import exchange
from activities.channels.port import RefusedError


async def pieces(response: httpx.Response, *, limit: int, seconds: float) -> AsyncIterator[bytes]:
    """At most `limit` bytes, decompressed, within `seconds` of waiting and reading. Raises RefusedError, TryLaterError.

    The clock is looked at around each piece alone: one that ran on while the reader works would interrupt the reader.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    total = 0
    arriving = response.aiter_bytes()
    while True:
        async with exchange(end - clock(), acts=False):
            piece = await anext(arriving, b"")
        if not piece:
            return
        total += len(piece)
        if total > limit:
            raise RefusedError("too_large")
        yield piece
