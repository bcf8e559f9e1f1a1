"""What a kill -9 leaves of a Postgres: a lock file, perhaps a server without a supervisor, or its orphaned backends."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")

# A postmaster is asked for a fast shutdown first; backends without one notice by themselves (signal 0 asks nothing).
POSTMASTER_STEPS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 6.0), (signal.SIGKILL, 5.0))
ORPHAN_STEPS = ((0, 5.0), (signal.SIGQUIT, 6.0), (signal.SIGKILL, 5.0))


def end_leftovers(data: Path) -> None:
    """End every Postgres process over `data` and remove a lock file that would keep the next one from starting.

    The caller holds the data directory, so nobody else's living system is hit. Without /proc this does nothing:
    there Postgres itself decides by its lock file. Blocks, for half a minute at worst.
    """
    lock_file = data / "postmaster.pid"
    if not PROC.is_dir() or not lock_file.exists():
        return
    postmaster = _pid_in(lock_file)
    for number, seconds in POSTMASTER_STEPS if postmaster in servers_over(data) else ORPHAN_STEPS:
        processes = servers_over(data)
        if not processes:
            break
        for pid in [postmaster] if postmaster in processes else processes:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while servers_over(data) and time.monotonic() < deadline:
            time.sleep(0.02)
    if postmaster is not None and (PROC / str(postmaster)).exists() and postmaster not in servers_over(data):
        # The number went to somebody else (or to a zombie), and Postgres would take that for a living server.
        lock_file.unlink(missing_ok=True)


def servers_over(data: Path) -> list[int]:
    """Ids of the Postgres processes whose working directory is `data`: postmaster and backends alike."""
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdecimal():
            continue
        # Gone meanwhile, or not ours to look at.
        with suppress(OSError):
            # A server whose wheel was replaced shows as "postgres (deleted)".
            if (entry / "exe").readlink().name.split()[0] == "postgres" and (entry / "cwd").readlink() == data:
                found.append(int(entry.name))
    return found


def _pid_in(lock_file: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        return int(lock_file.read_text().splitlines()[0])
    return None
