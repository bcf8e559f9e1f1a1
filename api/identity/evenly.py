"""Answers that take the same time whatever was found, so that nobody learns by a clock who has an account."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def evenly(seconds: float) -> AsyncIterator[None]:
    """The block takes at least so long, whether it ends well or raises."""
    enough = asyncio.get_running_loop().time() + seconds
    try:
        yield
    finally:
        await asyncio.sleep(enough - asyncio.get_running_loop().time())
