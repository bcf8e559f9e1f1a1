"""How updates reach a bot: they wait for getUpdates, or are posted to its webhook, again and again until it takes them."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

from tests.fakes.faults import Json, Watch

UNASKED = ("chat_member", "message_reaction", "message_reaction_count")
"""Kinds that are delivered only to whoever names them."""

CONFLICT = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"


class ConflictError(Exception):
    """The poll ends because another one, or a webhook, took its place."""


@dataclass
class Webhook:
    url: str
    secret: str | None
    max_connections: int
    last_error: tuple[int, str] | None = None


@dataclass
class Mailbox:
    """A bot's updates on their way. `made` has all there ever were, `pending` those that were not taken yet.

    While `held`, nothing is delivered by itself and the test does it (`deliver`).
    """

    client: httpx.AsyncClient
    made: list[Json] = field(default_factory=list)
    pending: dict[int, Json] = field(default_factory=dict)
    allowed: list[str] = field(default_factory=list)
    webhook: Webhook | None = None
    held: bool = False
    retry_after: float = 0.1
    """Seconds between attempts to deliver. Telegram waits longer."""
    watch: Watch = field(default_factory=Watch)
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(100_001))
    _poll: object = None
    _posting: asyncio.Task[None] | None = None

    def put(self, kind: str, content: Json) -> Json | None:
        """Make an update of a kind that the bot wants; None when it does not want this kind."""
        wanted = kind in self.allowed if self.allowed else kind not in UNASKED
        if not wanted:
            return None
        # As it is now: a message that is edited later was this one when it was told of.
        update: Json = {"update_id": next(self._ids), kind: deepcopy(content)}
        self.made.append(update)
        self.pending[update["update_id"]] = update
        self.watch.changed()
        return update

    async def poll(self, offset: int, limit: int, seconds: float) -> list[Json]:
        """Updates from `offset` on, waited for so long; those before it are forgotten. A poll ends one that waits."""
        if offset < 0:
            offset = sorted(self.pending)[offset] if len(self.pending) >= -offset else 0
        for update_id in [known for known in self.pending if known < offset]:
            del self.pending[update_id]
        self._poll = mine = object()
        self.watch.changed()
        try:
            async with asyncio.timeout(seconds):
                while self._poll is mine and self.webhook is None and (self.held or not self.pending):
                    await self.watch.next()
        except TimeoutError:
            pass
        if self.webhook is not None:
            raise ConflictError("Conflict: terminated by setWebhook request")
        if self._poll is not mine:
            raise ConflictError(CONFLICT)
        return [] if self.held else [self.pending[update_id] for update_id in sorted(self.pending)][:limit]

    def set_webhook(self, webhook: Webhook | None) -> None:
        self.webhook = webhook
        self.watch.changed()
        if webhook is not None and self._posting is None:
            self._posting = asyncio.create_task(self._post_all())

    async def stop(self) -> None:
        if self._posting is not None:
            self._posting.cancel()
            await asyncio.gather(self._posting, return_exceptions=True)

    async def _post_all(self) -> None:
        """One update after the other, each until it is taken."""
        while True:
            while self.held or self.webhook is None or not self.pending:
                await self.watch.next()
            await self._post(self.pending[min(self.pending)])

    async def deliver(self, updates: Sequence[Json], *, times: int = 1, at_once: int = 1) -> None:
        """Post these updates in this order, each so often, and so many at the same time, until all are taken."""
        gate = asyncio.Semaphore(at_once)

        async def deliver_one(update: Json) -> None:
            async with gate:
                while not await self._post(update):
                    pass

        await asyncio.gather(*(deliver_one(update) for update in updates for _ in range(times)))

    async def _post(self, update: Json) -> bool:
        """Post once and say whether it was taken; if not, wait as Telegram waits before the next attempt."""
        webhook = self.webhook
        assert webhook is not None, "the bot has no webhook"
        headers = {"X-Telegram-Bot-Api-Secret-Token": webhook.secret} if webhook.secret else {}
        try:
            answer = await self.client.post(webhook.url, json=update, headers=headers)
        except httpx.HTTPError as error:
            timed_out = isinstance(error, httpx.TimeoutException)
            webhook.last_error = (int(time.time()), "Read timeout expired" if timed_out else "Connection refused")
        else:
            if answer.is_success:
                self.pending.pop(update["update_id"], None)
                self.watch.changed()
                return True
            reason = f"{answer.status_code} {HTTPStatus(answer.status_code).phrase}"
            webhook.last_error = (int(time.time()), f"Wrong response from the webhook: {reason}")
        self.watch.changed()
        await asyncio.sleep(self.retry_after)
        return False
