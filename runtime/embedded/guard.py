"""Runs a command that must not outlive the process at the other end of stdin.

For systems where the kernel cannot be asked for that (macOS, or Linux without util-linux). A script, not a
module: `python guard.py DEATH_SIGNAL COMMAND...`. Signals are passed on, the exit code is handed back.
"""

import os
import signal
import subprocess
import sys
import threading

STDIN = 0


def main(death_signal: int, command: list[str]) -> int:
    early: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _frame: object) -> None:
        if child is None:
            early.append(number)
        else:
            child.send_signal(number)

    # Before the child is there: a signal in between would end the guard and leave the child behind.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, pass_on)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603  # our own servers, from our own package
    for received in early:
        child.send_signal(received)

    def watch() -> None:
        while os.read(STDIN, 1):
            pass  # nobody writes; the end comes when the supervisor is gone, however it went
        child.send_signal(death_signal)

    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
