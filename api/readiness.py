"""Whether this process can do its work: asked often, answered from a look that is at most two seconds old."""

import asyncio
import time
from dataclasses import dataclass

import structlog

from api.processes import Processes
from runtime.notifications import Listener
from runtime.outages import is_outage
from runtime.schema import inspect

FRESH_SECONDS = 2.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """`ready` means that messages can be stored: that needs the database alone."""

    database: bool
    schema_current: bool
    temporal: bool
    listening: bool

    @property
    def ready(self) -> bool:
        return self.database and self.schema_current

    @property
    def degraded(self) -> bool:
        return not (self.temporal and self.listening)


class Readiness:
    def __init__(self, database_url: str, processes: Processes, listener: Listener) -> None:
        self._database_url = database_url
        self._processes = processes
        self._listener = listener
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._state = State(database=False, schema_current=False, temporal=False, listening=False)

    async def state(self) -> State:
        async with self._looking:
            if time.monotonic() - self._looked_at > FRESH_SECONDS:
                (database, current), temporal = await asyncio.gather(self._database(), self._processes.healthy())
                self._state = State(database, current, temporal, self._listener.listening)
                self._looked_at = time.monotonic()
            return self._state

    async def _database(self) -> tuple[bool, bool]:
        """Whether the database answers, and whether its schema is the code's."""
        try:
            return True, (await inspect(self._database_url)).is_current
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("database_unavailable", cause=type(error).__name__)
            return False, False
