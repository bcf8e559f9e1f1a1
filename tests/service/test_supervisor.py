"""The supervisor with small stand-ins: order, failures, logs, and the guard of systems without setpriv."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.embedded import process
from runtime.embedded.process import GUARD, Child, spawn
from runtime.errors import OperatorError
from runtime.supervisor import Service, Supervisor

# Says that it is up, then notes its name when asked to end.
POLITE = "trap 'echo {name} >> {notes}; exit 0' TERM; echo up; while :; do sleep 0.05; done"


@pytest.fixture
def service(tmp_path: Path) -> Callable[[str, str], Service]:
    def make(name: str, script: str) -> Service:
        async def start() -> Child:
            log = tmp_path / f"{name}.log"
            child = await spawn(name, ["/bin/sh", "-c", script], log=log, env=dict(os.environ))
            while "up" not in child.tail():
                if child.exit_code is not None:
                    raise child.failure("did not start")
                await asyncio.sleep(0.01)
            return child

        return Service(name, start, ((signal.SIGTERM, 5),))

    return make


async def test_ends_in_the_opposite_order(tmp_path: Path, service: Callable[[str, str], Service]) -> None:
    notes = tmp_path / "notes"
    async with Supervisor(print) as supervisor:
        for name in ("database", "worker", "gateway"):
            await supervisor.start(service(name, POLITE.format(name=name, notes=notes)))
    assert notes.read_text().split() == ["gateway", "worker", "database"]


async def test_one_that_does_not_start_fails_all_with_its_last_words(
    tmp_path: Path, service: Callable[[str, str], Service]
) -> None:
    notes = tmp_path / "notes"

    async def both() -> None:
        async with Supervisor(print) as supervisor:
            await supervisor.start(service("good", POLITE.format(name="good", notes=notes)))
            await supervisor.start(service("broken", "echo no such luck; exit 3"))

    with pytest.raises(OperatorError, match=r"(?s)broken did not start.*no such luck"):
        await both()
    assert notes.read_text().split() == ["good"], "what was started before must be ended"


async def test_restarts_until_it_lives_and_tells(tmp_path: Path, service: Callable[[str, str], Service]) -> None:
    lines = asyncio.Queue[str]()
    changes: list[dict[str, int]] = []
    # Dies at the second and third start, lives at the fourth.
    script = f"echo x >> {tmp_path}/starts; case $(wc -l < {tmp_path}/starts) in 2|3) echo sick; exit 1;; esac; "
    async with Supervisor(lines.put_nowait, lambda: changes.append(supervisor.pids)) as supervisor:
        await supervisor.start(service("flaky", script + "echo up; exec sleep 60"))
        os.kill(supervisor.pids["flaky"], signal.SIGKILL)
        said: list[str] = []
        async with asyncio.timeout(20):
            while not said or said[-1] != "flaky is back":
                said.append(await lines.get())
    assert "killed by SIGKILL" in said[0]
    assert ["sick" in line for line in said] == [False, True, True, False]
    assert len(changes) == 2
    assert changes[0] != changes[1]


async def test_hurry_ends_what_will_not_go(service: Callable[[str, str], Service]) -> None:
    stubborn = service("stubborn", "trap '' TERM; echo up; while :; do sleep 0.05; done")
    patient = Service(stubborn.name, stubborn.start, ((signal.SIGTERM, 3600),))
    async with asyncio.timeout(20):
        async with Supervisor(print) as supervisor:
            await supervisor.start(patient)
            asyncio.get_running_loop().call_later(0.1, supervisor.hurry)


async def test_a_cancelled_supervisor_still_ends_its_children(
    tmp_path: Path, service: Callable[[str, str], Service]
) -> None:
    notes = tmp_path / "notes"
    started = asyncio.Event()

    async def hold() -> None:
        async with Supervisor(print) as supervisor:
            await supervisor.start(service("held", POLITE.format(name="held", notes=notes)))
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert notes.read_text().split() == ["held"]


async def test_a_log_that_grew_is_started_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOG_BYTES", 1000)
    log = tmp_path / "chatty.log"
    chatty = await spawn("chatty", ["/usr/bin/seq", "1000"], log=log, env={})
    await chatty.wait()
    assert chatty.tail(2) == "999\n1000"
    chatty.trim_log()
    assert log.read_text() == ""
    assert (tmp_path / "chatty.log.1").read_text().startswith("1\n2\n")
    chatty.trim_log()
    assert (tmp_path / "chatty.log.1").stat().st_size > 0, "a short log is left alone"


def test_guard_ends_its_child_when_the_supervisor_is_gone() -> None:
    with subprocess.Popen(
        [sys.executable, GUARD, str(int(signal.SIGKILL)), "/bin/sh", "-c", "trap '' TERM; echo $$; sleep 60 & wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as guard:
        assert guard.stdin is not None
        assert guard.stdout is not None
        child = os.pidfd_open(int(guard.stdout.readline()))
        guard.stdin.close()
        assert guard.wait(timeout=10) == 128 + signal.SIGKILL
        with pytest.raises(ProcessLookupError):
            signal.pidfd_send_signal(child, 0)
        os.close(child)


def test_guard_passes_signals_on_and_the_exit_code_back() -> None:
    with subprocess.Popen(
        [sys.executable, GUARD, "9", "/bin/sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as guard:
        assert guard.stdout is not None
        assert guard.stdout.readline() == "up\n"
        guard.terminate()
        assert guard.wait(timeout=10) == 7
