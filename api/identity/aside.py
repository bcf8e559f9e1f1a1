"""Work that nobody's answer waits for, finished before the process ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from api.problems import ProblemError

log = structlog.get_logger(__name__)


class Aside:
    """Runs what is given to it beside the requests. An outage is logged; nothing is repeated."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, what: str, work: Coroutine[Any, Any, None]) -> None:
        """`what` names the work in the log, should it fail."""
        task = asyncio.create_task(self._guarded(what, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _guarded(self, what: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except ProblemError as problem:
            log.warning("not_done", what=what, status=problem.status)
