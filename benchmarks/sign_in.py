"""What a signed-in request pays for its token, and a sign-in for its password."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from api.identity.passwords import Passwords
from api.identity.tokens import Access, Tokens
from benchmarks.load import median
from models.repositories.signing_keys import SigningKeys
from runtime.crypto.roots import RootKeys, new_root
from runtime.database import Database
from runtime.embedded import running
from runtime.migrate import upgrade
from runtime.settings import Settings

# How much memory, in MiB, and how many passes over it.
SETTINGS = ((19, 2), (64, 1), (64, 3), (128, 3))


async def costs() -> list[tuple[str, float]]:
    """Names and seconds (medians)."""
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-") as folder:
        async with running(Path(folder) / "data") as servers:
            await asyncio.to_thread(upgrade, servers.admin_database_url)
            database = Database(servers.database_url)
            measured = [*await _of_tokens(database), *await _of_passwords()]
            await database.close()
            return measured


async def _of_tokens(database: Database) -> list[tuple[str, float]]:
    tokens = Tokens(SigningKeys(database, RootKeys.parse(new_root())), access_life=timedelta(minutes=10))
    token = await tokens.access(Access(uuid4(), uuid4(), uuid4()))
    # Arithmetic on this thread: its own clock does not count what other processes take.
    read = await _median(lambda: tokens.read_access(token), 5000, time.thread_time)
    written = await _median(lambda: tokens.access(Access(uuid4(), uuid4(), uuid4())), 2000, time.thread_time)
    return [("access_token_validated", read), ("access_token_made", written)]


async def _of_passwords() -> list[tuple[str, float]]:
    standing = Settings(_env_file=None)
    measured = []
    for memory, passes in SETTINGS:
        passwords = Passwords(memory_mib=memory, passes=passes, slots=1)
        hashed = await passwords.hash("correct horse battery staple")
        taken = await _median(lambda: passwords.verify(hashed, "correct horse battery staple"), 5, time.perf_counter)  # noqa: B023
        default = (memory, passes) == (standing.password_memory_mib, standing.password_passes)
        measured.append((f"password_checked_{memory}_mib_{passes}_passes{' (default)' if default else ''}", taken))
        passwords.close()
    return measured


async def _median(work: Callable[[], Awaitable[object]], times: int, clock: Callable[[], float]) -> float:
    """Seconds that `work` takes."""
    taken = []
    for _ in range(times):
        begun = clock()
        await work()
        taken.append(clock() - begun)
    return median(taken)
