"""When API keys were last used, to the minute: noted in memory by requests, written down beside them."""

import asyncio
from uuid import UUID

import structlog

from api.problems import ProblemError
from api.records import Records
from models.repositories import api_keys

log = structlog.get_logger(__name__)

WRITE_SECONDS = 5.0
AT_MOST = 10_000


class KeyUses:
    """Keys that were used since they were last written down."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._used: set[UUID] = set()
        self._any = asyncio.Event()

    def note(self, key_id: UUID) -> None:
        """The key was used now. Costs a request nothing."""
        if len(self._used) < AT_MOST:
            self._used.add(key_id)
            self._any.set()

    async def run(self) -> None:
        """Write down what was noted, every few seconds while there is something. Never returns."""
        while True:
            await self._any.wait()
            await asyncio.sleep(WRITE_SECONDS)
            used, self._used = self._used, set()
            self._any.clear()
            try:
                async with self._records.system() as tx:
                    await api_keys.note_uses(tx, used)
            except ProblemError:
                log.warning("key_uses_not_written", count=len(used))
