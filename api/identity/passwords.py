"""Passwords, hashed and checked beside the event loop, a few at a time: each costs 64 MiB and a tenth of a second."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Semaphore
from typing import TypeVar

from pwdlib.hashers.argon2 import Argon2Hasher

from api.problems import unavailable

LONGEST = 128
"""Characters of a password. Without a bound, hashing would be a way to keep the gateway busy."""

QUEUE_PER_SLOT = 8
"""Requests that wait for a slot; with more, waiting would take longer than clients have patience."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether the password was right. `rehash`: store this instead, the old hash was made with weaker settings."""

    ok: bool
    rehash: str | None = None


class Passwords:
    """Argon2id hashes of passwords."""

    def __init__(self, *, memory_mib: int, passes: int, slots: int) -> None:
        self._hasher = Argon2Hasher(time_cost=passes, memory_cost=memory_mib * 1024, parallelism=1)
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="passwords")
        self._places = Semaphore(slots * (1 + QUEUE_PER_SLOT))
        # What a password is checked against where there is none: nobody can tell by the time it takes.
        self._nobodys = self._hasher.hash("")

    async def hash(self, password: str) -> str:
        """The hash to store. Raises ProblemError (503) when too many wait already."""
        return await self._in_thread(lambda: self._hasher.hash(normal(password)))

    async def verify(self, stored: str | None, password: str) -> Verified:
        """Check a password against a stored hash, or against none: None costs as much as a real check.

        Raises ProblemError (503) when too many wait already.
        """
        return await self._in_thread(lambda: self._verified(stored, password))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verified(self, stored: str | None, password: str) -> Verified:
        given = normal(password)
        if len(password) > LONGEST or (stored is not None and not self._hasher.identify(stored)):
            stored, given = None, ""
        matches = self._hasher.verify(given, self._nobodys if stored is None else stored)
        if stored is None or not matches:
            return Verified(ok=False)
        return Verified(ok=True, rehash=self._hasher.hash(given) if self._hasher.check_needs_rehash(stored) else None)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        if not self._places.acquire(blocking=False):
            raise unavailable("Too many people are signing in at once. Try again in a moment.", retry_after=1)
        future = self._threads.submit(work)
        # Given back when the work ends, not when the client hangs up: the thread is busy until then.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)


def normal(password: str) -> str:
    """The same for every keyboard: letters that look alike to people (é as one character or two) are alike here."""
    return unicodedata.normalize("NFKC", password)
