"""Counters of who came how often, shared by every process. Each call is one statement and one round trip."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from runtime.database import Database, SystemTx


@dataclass(frozen=True, slots=True)
class Window:
    """At most `amount` hits of `key` in `seconds`, counted from the first."""

    key: bytes
    amount: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Which window is full, by its place among those asked for (from 0), for how many seconds yet, and how many `hits`
    had no room."""

    place: int
    seconds: float
    hits: int = 1


HIT = sa.text("SELECT place, wait, refused FROM hit_rate_limits(:keys, :amounts, :seconds, :times)")


async def hit(database: Database, windows: Sequence[Window], times: int = 1) -> Refused | None:
    """Charge so many hits, each to all of `windows` or to none. Where not all had room: which window is full (the one that
    stays full longest)."""
    rows = await database.call(
        HIT,
        {
            "keys": [window.key for window in windows],
            "amounts": [window.amount for window in windows],
            "seconds": [window.seconds for window in windows],
            "times": times,
        },
    )
    return Refused(rows[0].place - 1, rows[0].wait, rows[0].refused) if rows else None


async def test(database: Database, window: Window) -> Refused | None:
    """Like `hit`, and nothing is charged."""
    rows = await database.call(
        sa.text("SELECT test_rate_limit(:key, :amount) AS wait"), {"key": window.key, "amount": window.amount}
    )
    return None if rows[0].wait is None else Refused(0, rows[0].wait)


async def clear(database: Database, window: Window) -> None:
    await database.call(sa.text("SELECT clear_rate_limit(:key)"), {"key": window.key})


async def prune(tx: SystemTx) -> None:
    """Forget the windows that are over."""
    await tx.connection.execute(sa.text("SELECT prune_rate_limits()"))
