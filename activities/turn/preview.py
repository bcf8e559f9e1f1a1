"""What of an answer its customer sees while the rest is written: whole sentences, checked as the whole answer will be.

What was not checked is never shown. A preview stands beside the turn: the model does not wait for it, and when it fails
the turn goes on without.
"""

import asyncio
from types import TracebackType
from typing import Protocol, Self

import structlog

from activities.guards import shape
from activities.language.sentences import spans
from activities.turn.checks import Checks

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 1 / 3
"""From one text that is shown to the next."""


class Screen(Protocol):
    """What the customer looks at."""

    async def show(self, text: str) -> None:
        """In place of what it showed before."""

    async def withdraw(self) -> None:
        """Show nothing any more."""


class Preview:
    """Of one answer. Inside its block the screen shows what is heard, as far as it passes; behind it nothing, unless it
    was kept."""

    def __init__(self, checks: Checks, screen: Screen) -> None:
        self._checks = checks
        self._screen = screen
        self._text = ""
        self._grown = asyncio.Event()
        self._shown = self._kept = False

    def heard(self, text: str) -> None:
        """What is written so far. Another attempt at the answer begins anew."""
        self._text = text
        self._grown.set()

    def keep(self) -> None:
        """The whole answer will be sent: what is shown stands until then."""
        self._kept = True

    async def __aenter__(self) -> Self:
        self._showing = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._showing.cancel()
        await asyncio.wait({self._showing})
        if self._shown and not self._kept:
            try:
                await self._screen.withdraw()
            except Exception as failure:  # noqa: BLE001  # whatever it is, the turn is worth more
                log.warning("preview not withdrawn", cause=type(failure).__name__)

    async def _follow(self) -> None:
        before = ""
        while True:
            await self._grown.wait()
            self._grown.clear()
            said = finished(self._text)
            # An attempt that says the same again has nothing to show until it says more.
            if before.startswith(said):
                continue
            before = said
            try:
                if not await self._checks.of_written(said):
                    self._shown = True
                    await self._screen.show(shape.rendered(said))
            except Exception as failure:  # noqa: BLE001  # whatever it is, the turn is worth more
                log.warning("preview failed", cause=type(failure).__name__)
            await asyncio.sleep(PAUSE_SECONDS)


def finished(text: str) -> str:
    """The sentences of a text that grows after which another has begun; the number of a list's item is none."""
    over = list(spans(text))[:-1]
    return next((text[:end] for start, end in reversed(over) if any(map(str.isalpha, text[start:end]))), "")
