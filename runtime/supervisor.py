"""Keeps processes alive: starts them, restarts what dies, ends them in order."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from runtime.embedded.process import Child, StopSteps
from runtime.errors import OperatorError

BACKOFF_FIRST_SECONDS = 0.1
BACKOFF_LONGEST_SECONDS = 10.0
# Who lived this long is taken for healthy: its next restart is quick again.
STEADY_SECONDS = 30.0
LOG_CHECK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Service:
    """How to start a process and how to end it. `start` returns when it is ready, or raises OperatorError."""

    name: str
    start: Callable[[], Awaitable[Child]]
    stop_steps: StopSteps
    # Ends it without grace.
    kill_signal: signal.Signals = signal.SIGKILL


class Supervisor:
    """Use as a context: on leaving, everything is ended, the last started first."""

    def __init__(self, report: Callable[[str], None], on_change: Callable[[], None] = lambda: None) -> None:
        """`report` gets a line for people; `on_change` is called when process ids have changed."""
        self._report = report
        self._on_change = on_change
        self._groups: list[tuple[Service, ...]] = []
        self._children: dict[str, Child] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._log_keeper: asyncio.Task[None] | None = None

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by the name of the service."""
        return {name: child.pid for name, child in self._children.items()}

    async def __aenter__(self) -> Self:
        self._log_keeper = asyncio.create_task(self._keep_logs())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Even if cancelled once more: nothing may stay behind.
        stopping = asyncio.create_task(self._stop())
        while not stopping.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(stopping)
        stopping.result()

    async def start(self, *group: Service) -> None:
        """Start services side by side and watch them from then on. Raises OperatorError if one does not come up."""
        self._groups.append(group)
        await together(*(self._start_first(service) for service in group))

    def hurry(self) -> None:
        """End everything at once, without grace. Postgres recovers from its log, workflows from their history."""
        for task in self._tasks.values():
            task.cancel()
        for group in self._groups:
            for service in group:
                if child := self._children.get(service.name):
                    child.signal(service.kill_signal)

    async def _start_first(self, service: Service) -> None:
        child = await service.start()
        self._adopt(service, child)
        self._tasks[service.name] = asyncio.create_task(self._keep(service, child))

    def _adopt(self, service: Service, child: Child) -> None:
        self._children[service.name] = child
        self._on_change()

    async def _keep(self, service: Service, child: Child) -> None:
        """Restart `service` whenever it ends."""
        delay = BACKOFF_FIRST_SECONDS
        started = time.monotonic()
        while True:
            code = await child.wait()
            if time.monotonic() - started > STEADY_SECONDS:
                delay = BACKOFF_FIRST_SECONDS
            self._report(str(child.failure(f"ended ({_describe(code)}), restarting")))
            while True:
                await asyncio.sleep(delay)
                delay = min(delay * 2, BACKOFF_LONGEST_SECONDS)
                started = time.monotonic()
                try:
                    child = await service.start()
                except (OperatorError, OSError) as error:
                    self._report(str(error))
                else:
                    break
            self._adopt(service, child)
            self._report(f"{service.name} is back")

    async def _keep_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_CHECK_SECONDS)
            for child in self._children.values():
                child.trim_log()

    async def _stop(self) -> None:
        if self._log_keeper is not None:
            self._log_keeper.cancel()
        for group in reversed(self._groups):
            await asyncio.gather(*(self._stop_service(service) for service in group))

    async def _stop_service(self, service: Service) -> None:
        task = self._tasks.pop(service.name, None)
        if task is not None:
            task.cancel()
            # A start that was under way ends what it had started.
            await asyncio.wait([task])
        if child := self._children.get(service.name):
            await child.stop(service.stop_steps)


async def together(*work: Coroutine[None, None, object]) -> None:
    """Run side by side. The first failure cancels the rest and is raised as itself, not as a group."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in work:
                group.create_task(coroutine)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _describe(exit_code: int) -> str:
    return f"exit code {exit_code}" if exit_code >= 0 else f"killed by {signal.Signals(-exit_code).name}"
