"""Waking the lanes of channel accounts, aside: whoever adds work waits for no process to hear of it.

What is not heard of (Temporal is away, the process dies) stands in its rows, and reconcile finds it.
"""

import asyncio
from uuid import UUID

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from models import processes
from models.contracts.lanes import Lane, LaneInput

log = structlog.get_logger(__name__)

REST_SECONDS = 0.05
"""How long a lane is left alone after a call: in a burst, many share one."""

AT_ONCE = 2
"""How many calls are under way at a time. What Temporal cannot take yet waits here, where more of it comes to share a
call; what accepts messages is not slowed down by what answers them."""

CLOSING_SECONDS = 5.0

OUTAGES = (RPCError, RuntimeError, TimeoutError)
"""A client that connects late raises RuntimeError when it cannot; the SDK has no class of its own for that."""


class Pokes:
    """Of one lane at most one call is under way; whatever is added until the next, or soon after it, shares that one."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._more: dict[LaneInput, list[bool]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(AT_ONCE)

    def poke(self, tenant: UUID, account: UUID, lane: Lane, *, anew: bool = False) -> None:
        """Have the lane worked off. Call it when what was added, or (`anew`) changed of the account, is committed."""
        start = LaneInput(tenant_id=tenant, channel_account_id=account, lane=lane)
        if start in self._more:
            self._more[start].append(anew)
            return
        self._more[start] = [anew]
        task = asyncio.create_task(self._call(start))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Make the calls that wait, as far as there is time for it."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSING_SECONDS)
            for each in late:
                each.cancel()

    async def _call(self, start: LaneInput) -> None:
        try:
            while self._more[start]:
                async with self._room:
                    asked, self._more[start] = self._more[start], []
                    await processes.lane(self._client, start, anew=any(asked))
                await asyncio.sleep(REST_SECONDS)
        except OUTAGES as error:
            log.warning(
                "lane not woken",
                lane=start.lane,
                channel_account_id=start.channel_account_id,
                cause=type(error).__name__,
            )
        finally:
            del self._more[start]
