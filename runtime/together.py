"""Calls of one kind that come at the same time, made as one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from runtime.outages import is_outage

MOST = 32
Given = TypeVar("Given")
Found = TypeVar("Found")


class Together(Generic[Given, Found]):
    """`call` takes several, and returns what it found for each, in their order.

    One call is under way at a time; what comes meanwhile goes together in the next, as it came. Nobody waits for company,
    and the more there is to do, the less each costs.
    """

    def __init__(self, call: Callable[[Sequence[Given]], Awaitable[Sequence[Found]]]) -> None:
        self._call = call
        self._waiting: deque[tuple[Given, asyncio.Future[Found]]] = deque()
        self._working: asyncio.Task[None] | None = None

    async def ask(self, given: Given) -> Found:
        """Raises what `call` raises."""
        answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.append((given, answer))
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._answer([self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))])
        finally:
            self._working = None

    async def _answer(self, asked: Sequence[tuple[Given, asyncio.Future[Found]]]) -> None:
        try:
            found = await self._call([given for given, _ in asked])
        except Exception as error:  # noqa: BLE001  # whoever asked is told
            if len(asked) > 1 and not is_outage(error):
                # What is wrong is wrong with one of them, and the others are not to hear of it.
                for each in asked:
                    await self._answer([each])
                return
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for (_, answer), what in zip(asked, found, strict=True):
                if not answer.done():  # whoever asked may have given up
                    answer.set_result(what)
