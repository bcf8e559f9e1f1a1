"""Updates of Telegram's on their way to the gateway: each until it is taken, several at once, near ones in any order."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import httpx

from tests.chaos.system import System
from tests.fakes.faults import Json
from tests.fakes.telegram import Bot

AT_ONCE = 8
NEAR = 6
"""Updates among which the order of delivery is lost."""
DELIVERED_WITHIN = 120.0


@dataclass(frozen=True, slots=True)
class Hooks:
    """`accounts`: of each bot, by its token."""

    under_test: System
    accounts: dict[str, UUID]
    client: httpx.AsyncClient

    async def deliver(self, bot: Bot, updates: Sequence[Json], chance: random.Random, most: int) -> int:
        """Deliver each one to `most` times, in any order. How many deliveries that were."""
        near = [update for update in updates for _ in range(chance.randint(1, most))]
        chance.shuffle(near)
        room = asyncio.Semaphore(AT_ONCE)

        async def until_taken(update: Json) -> None:
            async with room, asyncio.timeout(DELIVERED_WITHIN):
                # As Telegram does: again, until it is taken.
                while not await self._taken(bot, update):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)

        await asyncio.gather(*(until_taken(update) for update in near))
        return len(near)

    async def _taken(self, bot: Bot, update: Json) -> bool:
        """Whether the gateway has said that it keeps the update; what it is told instead is repeated, as Telegram does."""
        address = bot.mailbox.address
        assert address is not None, "the account has set its webhook"
        with suppress(httpx.HTTPError, RuntimeError):
            url = f"{self.under_test.run.api_url}/v1/channels/telegram/{self.accounts[bot.token]}"
            answer = await self.client.post(url, json=update, headers=dict(address.headers(b"")))
            if answer.status_code not in (200, 503):
                raise AssertionError(f"a webhook was answered with {answer.status_code}")
            return answer.status_code == httpx.codes.OK
        return False
