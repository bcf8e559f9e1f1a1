"""How fast an account may send: in all, to one chat, and to a group. Kept by its one sender, which no other shares."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable

from models.contracts.channels import Chat, ChatKind, Rates

MARGIN = 1.05
"""Calls that leave at their time arrive a little nearer together: each window is taken for longer than it is."""


class _Window:
    """At most `calls` within any `seconds`."""

    def __init__(self, calls: int, seconds: float) -> None:
        self._seconds = seconds * MARGIN
        self._times: deque[float] = deque(maxlen=calls)

    def free_at(self) -> float:
        """The first moment at which there is room."""
        full = len(self._times) == self._times.maxlen
        return self._times[0] + self._seconds if full else 0.0

    def take(self, at: float) -> None:
        self._times.append(at)


class Pace:
    """Reserves moments, in the order in which they are asked for. `clock` in seconds, monotonic."""

    def __init__(self, rates: Rates, clock: Callable[[], float] = time.monotonic) -> None:
        self._rates = rates
        self._clock = clock
        self._account = _windows(rates.account_per_second, 1.0)
        self._chats: defaultdict[str, list[_Window]] = defaultdict(lambda: _windows(rates.chat_per_second, 1.0))
        self._groups: defaultdict[str, list[_Window]] = defaultdict(lambda: _windows(rates.group_per_minute, 60.0))

    def note(self, chat: Chat, ago: float) -> None:
        """Somebody sent to the chat `ago` seconds ago."""
        for window in self._of(chat):
            window.take(self._clock() - ago)

    def reserve(self, chat: Chat) -> float:
        """Seconds until the moment that is reserved for a call to the chat."""
        windows = self._of(chat)
        now = self._clock()
        at = max([now, *(window.free_at() for window in windows)])
        for window in windows:
            window.take(at)
        return at - now

    async def wait(self, chat: Chat) -> None:
        """Until a call may be made to the chat.

        First for the chat: a moment of the account's is reserved only when the chat has none to wait for, so that slow
        chats take none from others.
        """
        slow = self._slow(chat)
        while (wait := max([0.0, *(window.free_at() - self._clock() for window in slow)])) > 0:  # noqa: ASYNC110  # a time
            await asyncio.sleep(wait)
        if (wait := self.reserve(chat)) > 0:
            await asyncio.sleep(wait)

    def _of(self, chat: Chat) -> list[_Window]:
        return [*self._account, *self._slow(chat)]

    def _slow(self, chat: Chat) -> list[_Window]:
        group = self._groups[chat.id] if chat.kind is ChatKind.GROUP else []
        return [*self._chats[chat.id], *group]


def _windows(calls: float | None, seconds: float) -> list[_Window]:
    """Less than one call within `seconds` is one within longer."""
    if calls is None:
        return []
    return [_Window(int(calls), seconds)] if calls >= 1 else [_Window(1, seconds / calls)]
