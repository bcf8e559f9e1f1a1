"""How fast an account may send: in all, to one chat, and to a group. Kept by its one sender, which no other shares.

A provider counts a call at some moment between its beginning and its end. A call therefore holds its place in each
window from its beginning until the window's length after its end: whatever happens on the way, no window is passed.
"""

import asyncio
import heapq
import math
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from models.contracts.channels import Chat, ChatKind, Rates

MARGIN = 1.01
"""Clocks do not run alike."""


class _Window:
    """At most `calls` within any `seconds`."""

    def __init__(self, calls: int, seconds: float) -> None:
        self._calls = calls
        self._seconds = seconds * MARGIN
        self._under_way = 0
        self._free_at: list[float] = []

    def wait(self, now: float) -> float:
        """Seconds until there is a place; infinite while all are held by calls that have not ended."""
        while self._free_at and self._free_at[0] <= now:
            heapq.heappop(self._free_at)
        if self._under_way + len(self._free_at) < self._calls:
            return 0.0
        return self._free_at[0] - now if self._free_at else math.inf

    def begin(self) -> None:
        self._under_way += 1

    def end(self, at: float) -> None:
        self._under_way -= 1
        self.note(at)

    def note(self, at: float) -> None:
        """Of a call that ended then."""
        heapq.heappush(self._free_at, at + self._seconds)


class Pace:
    """`clock` in seconds, monotonic."""

    def __init__(self, rates: Rates, clock: Callable[[], float] = time.monotonic) -> None:
        self._rates = rates
        self._clock = clock
        self._account = list(_windows(rates.account_per_second, 1.0))
        self._chats: defaultdict[str, list[_Window]] = defaultdict(lambda: list(_windows(rates.chat_per_second, 1.0)))
        self._groups: defaultdict[str, list[_Window]] = defaultdict(
            lambda: list(_windows(rates.group_per_minute, 60.0))
        )
        self._ended = asyncio.Event()

    def note(self, chat: Chat, ago: float) -> None:
        """Somebody's call to the chat ended `ago` seconds ago."""
        for window in self._of(chat):
            window.note(self._clock() - ago)

    def wait(self, chat: Chat) -> float:
        """Seconds until a call may be made to the chat; infinite until another has ended."""
        now = self._clock()
        return max([0.0, *(window.wait(now) for window in self._of(chat))])

    @asynccontextmanager
    async def call(self, chat: Chat) -> AsyncIterator[None]:
        """The block makes one call to the chat, and begins when that may be made."""
        while (wait := self.wait(chat)) > 0:
            await self._some_time(wait)
        windows = self._of(chat)
        for window in windows:
            window.begin()
        try:
            yield
        finally:
            for window in windows:
                window.end(self._clock())
            self._ended.set()
            self._ended = asyncio.Event()

    async def _some_time(self, wait: float) -> None:
        """A time, or until a call has ended: then another may be waiting for less."""
        try:
            async with asyncio.timeout(None if math.isinf(wait) else wait):
                await self._ended.wait()
        except TimeoutError:
            return

    def _of(self, chat: Chat) -> list[_Window]:
        group = self._groups[chat.id] if chat.kind is ChatKind.GROUP else []
        return [*self._account, *self._chats[chat.id], *group]


def _windows(calls: float | None, seconds: float) -> Iterator[_Window]:
    """Less than one call within `seconds` is one within longer."""
    if calls is not None:
        yield _Window(int(calls), seconds) if calls >= 1 else _Window(1, seconds / calls)
