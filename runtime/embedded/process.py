"""Child processes that cannot outlive their supervisor, with their output in a log file."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

from runtime.embedded.account import ADVICE, Account
from runtime.errors import OperatorError

LOG_BYTES = 10_000_000
GUARD = Path(__file__).with_name("guard.py")
# The kernel's promise starts when setpriv has asked for it. If the supervisor died before that, the parent is
# somebody else by now: do not start at all.
UNLESS_ORPHANED = '[ "$PPID" = "$0" ] && exec "$@"'

# Signals to send in turn, each with the seconds to wait after it; SIGKILL follows.
StopSteps = Sequence[tuple[signal.Signals, float]]


class Child:
    """A running process and its log."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path, log_start: int) -> None:
        self.name = name
        self._process = process
        self._log = log
        self._log_start = log_start

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.returncode

    async def wait(self) -> int:
        return await self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def stop(self, steps: StopSteps) -> None:
        """End it, gently at first. Returns when it is gone."""
        for number, seconds in steps:
            if self.exit_code is not None:
                return
            self.signal(number)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.wait()
        if self.exit_code is None:
            # The whole group: what it started must not stay behind.
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        await self.wait()

    def trim_log(self) -> None:
        """Start the log anew, keeping one former file, when it has grown past LOG_BYTES."""
        if self._log.stat().st_size > LOG_BYTES:
            # Copied, not renamed: the child keeps its descriptor, which appends.
            shutil.copyfile(self._log, self._log.with_suffix(".log.1"))
            os.truncate(self._log, 0)
            self._log_start = 0

    def tail(self, lines: int = 12) -> str:
        """The last lines this process wrote."""
        with self._log.open("rb") as file:
            file.seek(self._log_start)
            text = file.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def failure(self, what: str) -> OperatorError:
        """An error about this process with its last words."""
        said = self.tail()
        return OperatorError(f"{self.name} {what}" + (f"; its log {self._log} ends with:\n{said}" if said else ""))


async def spawn(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path | None = None,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
    niceness: int = 0,
) -> Child:
    """Start `command` so that the kernel sends it `death_signal` should this process die. Where processors are short, one
    of more `niceness` (0 to 19) leaves them to the others.

    Call it on the thread that lives as long as the process: the kernel ties the promise to the thread.
    Raises OperatorError when the identity of `account` cannot be taken on.
    """
    contained, stdin = _contain(command, death_signal, account)
    output, start = _open_log(log)
    with output:
        process = await asyncio.create_subprocess_exec(
            *contained,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            umask=0o077,
            # Ctrl-C goes to the supervisor alone, which ends the rest in order.
            start_new_session=True,
        )
    if niceness:
        _give_way(process.pid, niceness)
    return Child(name, process, log, start)


def _give_way(pid: int, niceness: int) -> None:
    """A process that has ended meanwhile is missed by whoever waits for it."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
        # Kernels that share processors out by session look at this instead; others have no such file.
        Path(f"/proc/{pid}/autogroup").write_text(str(niceness))


def _open_log(log: Path) -> tuple[IO[bytes], int]:
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    output = log.open("ab")
    return output, output.tell()


def _contain(command: Sequence[str], death_signal: signal.Signals, account: Account | None) -> tuple[list[str], int]:
    """The command that starts `command` contained, and what it needs as stdin."""
    setpriv = _setpriv()
    if setpriv is None:
        if account is not None:
            raise OperatorError(
                "Postgres must not run as root, and `setpriv` is missing to start it as somebody else: "
                f"install util-linux 2.33 or newer, {ADVICE}"
            )
        return [sys.executable, str(GUARD), str(int(death_signal)), *command], subprocess.PIPE
    identity: list[str] = []
    if account is not None:
        identity = ["--reuid", str(account.uid), "--regid", str(account.gid), "--clear-groups", "--no-new-privs"]
        if account.capability is not None:
            identity += ["--inh-caps", f"+{account.capability}", "--ambient-caps", f"+{account.capability}"]
            # access(2) ignores the capabilities of anybody but root unless this is set, and initdb asks it whether it
            # may run its own programs: in a clone below a closed directory it would find none.
            identity += ["--securebits", "+no_setuid_fixup"]
    death = ["--pdeathsig", death_signal.name.removeprefix("SIG")]
    shell = ["/bin/sh", "-c", UNLESS_ORPHANED, str(os.getpid())]
    return [setpriv, *identity, *death, "--", *shell, *command], subprocess.DEVNULL


@cache
def _setpriv() -> str | None:
    """util-linux' setpriv, if it is there and knows what we need (BusyBox has a lesser one)."""
    path = shutil.which("setpriv") if sys.platform == "linux" else None
    if path is None:
        return None
    known = subprocess.run([path, "--help"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    return path if "--pdeathsig" in known and "--ambient-caps" in known else None
