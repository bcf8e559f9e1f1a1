"""What a fake of a provider is told to do wrong, what it was asked, and how a test waits for either."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

PATIENCE = 60.0
"""Seconds that a test waits for what takes a second or two: an event ends the wait, and machines may be busy."""

T = TypeVar("T")
Json = dict[str, Any]

Kind = Literal["too_many", "broken", "html", "failed", "slow", "drop_before", "drop_after"]


@dataclass(frozen=True)
class Fault:
    """`retry_after` in seconds, None: the provider names no time. `message` is of failed, `code` of too_many.

    A slow call acts at once and answers `seconds` later, or when `until` is set: it is the answer that is late.
    """

    kind: Kind
    status: int = 200
    retry_after: int | None = None
    message: str = ""
    code: int = 0
    seconds: float = 0
    until: asyncio.Event | None = None


def too_many(retry_after: int | None = 1, *, status: int = 429, code: int = 130_429) -> Fault:
    """Too many requests, and nothing was done. `code` is Meta's: 80007 or 130429 for the number, 131056 for a pair."""
    return Fault("too_many", status, retry_after, code=code)


def broken(status: int = 502) -> Fault:
    """The provider's own failure, in its own words; nothing was done."""
    return Fault("broken", status=status)


def html(status: int = 200) -> Fault:
    """A page where JSON is due, as proxies answer; nothing was done."""
    return Fault("html", status=status)


def failed(message: str = "Something went wrong") -> Fault:
    """200, and yet the body says that it failed (ChatFlow). The others answer 400."""
    return Fault("failed", message=message)


def slow(seconds: float = 0, until: asyncio.Event | None = None) -> Fault:
    """It is done; the answer is late."""
    return Fault("slow", seconds=seconds, until=until)


def drop_before() -> Fault:
    """The connection ends without an answer; nothing was done."""
    return Fault("drop_before")


def drop_after() -> Fault:
    """The connection ends without an answer, and yet it was done."""
    return Fault("drop_after")


@dataclass
class Call:
    """One request. `method` is the provider's name of what is asked for, `account` the bot's token or the number.

    `status` is None until it is answered, and for ever if the connection was dropped; `fault` is what it met.
    """

    method: str
    account: str
    chat: str | None
    fields: Json
    at: float = field(default_factory=time.monotonic)
    status: int | None = None
    fault: Kind | None = None


@dataclass
class _Planned:
    fault: Fault
    left: int | None
    every: int
    method: str | None
    chat: str | None
    seen: int = 0

    def strikes(self, call: Call) -> bool:
        if self.left == 0 or (self.method or call.method) != call.method or (self.chat or call.chat) != call.chat:
            return False
        self.seen += 1
        if self.seen % self.every:
            return False
        self.left = None if self.left is None else self.left - 1
        return True


@dataclass
class Faults:
    """A queue: of the faults that fit a call the first one strikes. `struck` counts them by kind."""

    struck: Counter[Kind] = field(default_factory=Counter)
    _planned: list[_Planned] = field(default_factory=list)

    def add(
        self, fault: Fault, *, times: int | None = 1, every: int = 1, method: str | None = None, chat: object = None
    ) -> None:
        """Strike `times` (None: for ever) at every so manieth call of this method and in this chat."""
        self._planned.append(_Planned(fault, times, every, method, None if chat is None else str(chat)))

    def clear(self) -> None:
        self._planned.clear()

    def take(self, call: Call) -> Fault | None:
        fault = next((planned.fault for planned in self._planned if planned.strikes(call)), None)
        if fault is not None:
            call.fault = fault.kind
            self.struck[fault.kind] += 1
        return fault


class Watch:
    """Lets a test wait until something can be seen. Everything that happens is announced by `changed`."""

    def __init__(self) -> None:
        self._change = asyncio.Event()

    def changed(self) -> None:
        self._change.set()
        self._change = asyncio.Event()

    async def next(self) -> None:
        """Wait until anything happens."""
        await self._change.wait()

    async def until(self, seen: Callable[[], T], within: float, wanted: str) -> T:
        """The first true value of `seen`. AssertionError after so many seconds, saying what was wanted."""
        try:
            async with asyncio.timeout(within):
                while not (value := seen()):
                    await self.next()
        except TimeoutError:
            raise AssertionError(f"not within {within} s: {wanted}") from None
        return value
