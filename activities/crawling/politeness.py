"""One request at a time for each host, and a pause between two, whoever's crawls they are for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

REMEMBERED = 1_000
"""Hosts beyond this many are forgotten as soon as their pause is over."""


@dataclass
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0


class Politeness:
    """Of one worker process."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}

    @asynccontextmanager
    async def turn(self, host: str, pause: float) -> AsyncIterator[None]:
        """Wait until nobody here asks `host`, and its last answer is `pause` seconds old."""
        clock = asyncio.get_running_loop().time
        self._forget(clock())
        turn = self._turns.setdefault(host, _Turn())
        async with turn.lock:
            await asyncio.sleep(turn.free_at - clock())
            try:
                yield
            finally:
                turn.free_at = clock() + pause

    def _forget(self, now: float) -> None:
        if len(self._turns) > REMEMBERED:
            self._turns = {host: turn for host, turn in self._turns.items() if turn.lock.locked() or turn.free_at > now}
