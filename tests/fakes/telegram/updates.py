"""How updates reach a bot: they wait for getUpdates, or are posted to its webhook."""

import asyncio
import itertools
from copy import deepcopy

import httpx

from tests.fakes.faults import Json
from tests.fakes.outbox import Outbox

UNASKED = ("chat_member", "message_reaction", "message_reaction_count")
"""Kinds that are delivered only to whoever names them."""

CONFLICT = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"


class ConflictError(Exception):
    """The poll ends because another one, or a webhook, took its place."""


class Mailbox(Outbox):
    """A bot's updates. `allowed` names the kinds that it wants; empty: all that need not be asked for."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        super().__init__(client)
        self.allowed: list[str] = []
        self.max_connections = 40
        self._ids = itertools.count(100_001)
        self._poll: object = None

    def tell(self, kind: str, content: Json) -> None:
        """Make an update, if the bot wants this kind."""
        if kind in self.allowed or not (self.allowed or kind in UNASKED):
            # As it is now: a message that is edited later was this one when it was told of.
            self.put({"update_id": next(self._ids), kind: deepcopy(content)})

    async def poll(self, offset: int, limit: int, seconds: float) -> list[Json]:
        """Updates from `offset` on, waited for so long; those before it are forgotten. A poll ends one that waits."""
        if offset < 0:
            offset = [update["update_id"] for update in self.pending.values()][offset:][0] if self.pending else 0
        for update in [update for update in self.pending.values() if update["update_id"] < offset]:
            del self.pending[id(update)]
        self._poll = mine = object()
        self.watch.changed()
        try:
            async with asyncio.timeout(seconds):
                while self._poll is mine and self.address is None and (self.held or not self.pending):
                    await self.watch.next()
        except TimeoutError:
            pass
        if self.address is not None:
            raise ConflictError("Conflict: terminated by setWebhook request")
        if self._poll is not mine:
            raise ConflictError(CONFLICT)
        return [] if self.held else list(self.pending.values())[:limit]
