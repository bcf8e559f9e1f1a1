"""Deletes files that nobody wants: those of rows that are gone, and those that no row ever came to name."""

from temporalio import activity

from models.repositories import media_garbage
from runtime.database import Database
from runtime.media.port import MediaStore

TOGETHER = 100


class Sweep:
    """Part of each step that deletes rows, so that what is erased is erased when it says so."""

    def __init__(self, database: Database, store: MediaStore) -> None:
        self._database = database
        self._store = store

    async def all(self) -> int:
        """Delete every file that is due, whichever tenant's; how many. Raises MediaError while the store is away. Safe to
        end anywhere, and to be done by several at once: a file that is gone is deleted once more."""
        swept = 0
        while True:
            async with self._database.system() as tx:
                due = await media_garbage.due(tx, TOGETHER)
            for key in due.values():
                await self._store.delete(key)
                activity.heartbeat()
            async with self._database.system() as tx:
                await media_garbage.forget(tx, list(due))
            swept += len(due)
            if len(due) < TOGETHER:
                return swept
