"""Who may come how often: limits that all processes count together, in Postgres.

`limits` gives the notation ("60/minute") and the windows; the counting is one statement of ours (see the decision 0028).
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from limits import RateLimitItem

from api.records import translated
from models.repositories import rate_limits
from models.repositories.rate_limits import Refused, Window
from runtime.database import Database

# A refusal is remembered for so long in this process, so that a flood does not become a flood of statements.
REMEMBERED_SECONDS = 1.0
REMEMBERED_SIZE = 10_000
# For which nobody waits, hits are collected for so long.
ASIDE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Allowed:
    """Come in."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Come again in `seconds` (more than 0); `item` is the limit that was reached."""

    seconds: float
    item: RateLimitItem


Verdict = Allowed | Wait
ALLOWED = Allowed()


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit, and whom it is to hold: `identifiers` are hashed before they are kept."""

    item: RateLimitItem
    identifiers: tuple[str, ...]

    def window(self) -> Window:
        key = hashlib.sha256(self.item.key_for(*self.identifiers).encode()).digest()
        return Window(key, self.item.amount, self.item.get_expiry())


class _Share:
    """A call that is to come, and how many `hits` go with it."""

    call: asyncio.Task[Refused | None]

    def __init__(self) -> None:
        self.hits = 0


class Limiter:
    """Fixed windows from the first hit on, exact to the request over all processes.

    Raises ProblemError (503) when the database is away: nobody is let through uncounted.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # Until when a window is full, and until when that is taken on trust.
        self._refused: dict[bytes, tuple[float, float]] = {}
        self._next: dict[tuple[Window, ...], _Share] = {}
        self._under_way: dict[tuple[Window, ...], asyncio.Task[Refused | None]] = {}

    async def hit(self, item: RateLimitItem, *identifiers: str) -> Verdict:
        """Charge one. A hit that has to wait is not charged."""
        return await self.hit_all([Limit(item, identifiers)])

    async def hit_all(self, limits: Sequence[Limit]) -> Verdict:
        """Charge every one of `limits`, or, when one of them is reached, none. One round trip, or a share in one."""
        windows = tuple(limit.window() for limit in limits)
        for limit, window in zip(limits, windows, strict=True):
            if (seconds := self._remembered(window.key)) > 0:
                return Wait(seconds, limit.item)
        share, place = self._join(windows)
        with translated():
            refused = await asyncio.shield(share.call)
        # Room is given in the order in which they came.
        if refused is None or place < share.hits - refused.hits:
            return ALLOWED
        return Wait(refused.seconds, limits[refused.place].item)

    def hit_aside(self, item: RateLimitItem, *identifiers: str) -> Verdict:
        """Charge one and wait for nothing: whoever comes before the process has heard that the limit is reached is let
        through. For limits that keep floods off, and stand where something is asked of the database anyway."""
        window = Limit(item, identifiers).window()
        if (seconds := self._remembered(window.key)) > 0:
            return Wait(seconds, item)
        self._join((window,), ASIDE_SECONDS)
        return ALLOWED

    def _join(self, windows: tuple[Window, ...], patience: float = 0.0) -> tuple[_Share, int]:
        """A hit's share in a call, and its place there. Those that come while a call for the same windows is under way go
        together in the next: each by itself would wait for the same row, on a connection that others need."""
        share = self._next.get(windows)
        if share is None:
            share = self._next[windows] = _Share()
            share.call = asyncio.create_task(self._call(windows, share, patience))
            # Whoever waits for it is told; perhaps nobody does.
            share.call.add_done_callback(lambda call: call.cancelled() or call.exception())
        share.hits += 1
        return share, share.hits - 1

    async def _call(self, windows: tuple[Window, ...], share: _Share, patience: float) -> Refused | None:
        if patience:
            await asyncio.sleep(patience)
        if before := self._under_way.get(windows):
            await asyncio.wait([before])
        del self._next[windows]
        self._under_way[windows] = share.call
        try:
            refused = await rate_limits.hit(self._database, windows, share.hits)
        finally:
            del self._under_way[windows]
        if refused is not None:
            self._remember(windows[refused.place].key, refused.seconds)
        return refused

    async def test(self, item: RateLimitItem, *identifiers: str) -> Verdict:
        """What `hit` would say, without charging."""
        with translated():
            refused = await rate_limits.test(self._database, Limit(item, identifiers).window())
        return ALLOWED if refused is None else Wait(refused.seconds, item)

    async def clear(self, item: RateLimitItem, *identifiers: str) -> None:
        """Forget all hits, here at once, in other processes within REMEMBERED_SECONDS."""
        window = Limit(item, identifiers).window()
        self._refused.pop(window.key, None)
        with translated():
            await rate_limits.clear(self._database, window)

    def _remember(self, key: bytes, seconds: float) -> None:
        self._refused.pop(key, None)
        if len(self._refused) >= REMEMBERED_SIZE:
            del self._refused[next(iter(self._refused))]
        now = time.monotonic()
        self._refused[key] = now + seconds, now + min(seconds, REMEMBERED_SECONDS)

    def _remembered(self, key: bytes) -> float:
        """Seconds that are left of a refusal which is still remembered; 0 when the database has to be asked."""
        ends, trusted = self._refused.get(key, (0.0, 0.0))
        now = time.monotonic()
        return ends - now if now < trusted else 0.0
