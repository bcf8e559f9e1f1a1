"""While an answer is made its customer sees that one is. This stands beside the work, which neither waits for it nor fails
with it, and beside the pace of sends: providers count it by itself, and loosely."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import structlog

from activities.channels.accounts import Accounts
from activities.channels.port import ChannelError
from models.repositories import typing_signs
from runtime.database import Database

AGAIN = 0.8
"""Part of the time that it is shown for after which it is asked for again."""
STILL = AGAIN * typing_signs.SECONDS
"""Seconds after which a step shows it again that goes on where another has shown it."""

log = structlog.get_logger(__name__)


class Typing:
    """Holds what is needed to show it."""

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._database = database
        self._accounts = accounts
        self._showing: set[asyncio.Task[None]] = set()

    @contextmanager
    def shown(self, tenant: UUID, conversation: UUID, *, after: float = 0.0) -> Iterator[None]:
        """Show it during the block, once `after` seconds have passed."""
        over = asyncio.Event()
        task = asyncio.create_task(self._show(tenant, conversation, over, after))
        self._showing.add(task)
        task.add_done_callback(self._showing.discard)
        try:
            yield
        finally:
            # A call that is under way ends by itself: to break it off would cost its connection.
            over.set()

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._showing:
            task.cancel()
        if self._showing:
            await asyncio.wait(self._showing)

    async def _show(self, tenant: UUID, conversation: UUID, over: asyncio.Event, after: float) -> None:
        try:
            await _passed(over, after)
            while not over.is_set():
                await _passed(over, AGAIN * await self._shown_for(tenant, conversation))
        except ChannelError as error:
            # Not again in this turn: a provider that is asked for less is not asked for more.
            log.info("typing not shown", conversation_id=conversation, code=error.code)
        except Exception as error:  # noqa: BLE001  # whatever it is, the turn is worth more
            log.warning("typing not shown", conversation_id=conversation, cause=type(error).__name__)

    async def _shown_for(self, tenant: UUID, conversation: UUID) -> float:
        """Show it once; the seconds that it lasts, infinite where it cannot be shown or is not to be."""
        async with self._database.tenant(tenant, flushed=False) as tx:
            watcher = await typing_signs.tell(tx, conversation)
        if watcher is None:
            return math.inf
        if watcher.account is None:
            return typing_signs.SECONDS
        opened = await self._accounts.open(tenant, watcher.account)
        if opened is None or opened.channel.capabilities.typing_seconds is None:
            return math.inf
        await opened.channel.typing(watcher.chat, watcher.answered)
        return opened.channel.capabilities.typing_seconds


async def _passed(over: asyncio.Event, seconds: float) -> None:
    """Until so many seconds have passed, or it is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(None if math.isinf(seconds) else seconds):
            await over.wait()
