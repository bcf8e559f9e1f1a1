"""Who may come how often: limits that all processes count together, in Postgres.

`limits` gives the notation ("60/minute") and the windows; the counting is one statement of ours (see the decision 0028).
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from limits import RateLimitItem

from api.records import translated
from models.repositories import rate_limits
from models.repositories.rate_limits import Window
from runtime.database import Database

# A refusal is remembered for so long in this process, so that a flood does not become a flood of statements.
REMEMBERED_SECONDS = 1.0
REMEMBERED_SIZE = 10_000


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


class Limiter:
    """Fixed windows from the first hit on, exact to the request over all processes.

    Raises ProblemError (503) when the database is away: nobody is let through uncounted.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # Until when a window is full, and until when that is taken on trust.
        self._refused: dict[bytes, tuple[float, float]] = {}

    async def hit(self, item: RateLimitItem, *identifiers: str) -> Verdict:
        """Charge one. A hit that has to wait is not charged."""
        return await self.hit_all([Limit(item, identifiers)])

    async def hit_all(self, limits: Sequence[Limit]) -> Verdict:
        """Charge every one of `limits`, or, when one of them is reached, none. One round trip."""
        windows = [limit.window() for limit in limits]
        for limit, window in zip(limits, windows, strict=True):
            if (seconds := self._remembered(window.key)) > 0:
                return Wait(seconds, limit.item)
        with translated():
            refused = await rate_limits.hit(self._database, windows)
        if refused is None:
            return ALLOWED
        self._remember(windows[refused.place].key, refused.seconds)
        return Wait(refused.seconds, limits[refused.place].item)

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
