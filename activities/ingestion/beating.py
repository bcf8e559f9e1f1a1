"""Heartbeats beside work that says nothing of its progress, and has bounds of its own."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

BEAT_SECONDS = 5.0


async def beating(work: Coroutine[Any, Any, Result], beat: Callable[[], None]) -> Result:
    """What `work` returns or raises. Cancelled with whoever waits for it."""
    task = asyncio.create_task(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=BEAT_SECONDS)
            beat()
        return task.result()
    finally:
        task.cancel()
