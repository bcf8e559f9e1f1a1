"""The lane `poll` of an account: its provider is asked for news, by one poller in the whole installation."""

import asyncio
import math
import time
from datetime import UTC, datetime, timedelta

import structlog
from temporalio import activity

from activities.channels.accounts import Accounts, Opened, no_credentials
from activities.channels.port import AccountError, ChannelError, News, Polled, TryLaterError
from models.contracts.channels import Health, HealthState
from models.contracts.lanes import POLL, Lane, LaneWork, Worked
from models.pokes import Pokes
from models.repositories import channel_accounts, inbox
from runtime.database import Database

STRETCH_SECONDS = 600.0
"""How long one activity asks; then its process looks whether it is still wanted."""
NOTED_EVERY_SECONDS = 60.0
DEAD_REST = timedelta(minutes=5)

log = structlog.get_logger(__name__)


class Poll:
    """Holds what the step needs."""

    def __init__(self, database: Database, accounts: Accounts, pokes: Pokes) -> None:
        self._database = database
        self._accounts = accounts
        self._pokes = pokes

    @activity.defn(name=POLL.name)
    async def poll(self, given: LaneWork) -> Worked:
        """Ask for news, keep it, and ask again. Ends when the account is not to be asked any more. See Worked."""
        async with self._database.tenant(given.tenant_id) as tx:
            cursor = await channel_accounts.cursor(tx, given.channel_account_id)
        until = time.monotonic() + STRETCH_SECONDS
        well, noted = False, -math.inf
        opened: Opened | None = None
        try:
            while time.monotonic() < until and not activity.is_worker_shutdown():
                # Looked at each time, so that an account that was disabled or has other credentials is noticed.
                opened = await self._accounts.open(given.tenant_id, given.channel_account_id)
                if opened is None or getattr(opened.settings, "receive", None) != "poll":
                    return Worked()
                if time.monotonic() - noted > NOTED_EVERY_SECONDS:
                    async with self._database.tenant(given.tenant_id) as tx:
                        await channel_accounts.polled(tx, given.channel_account_id)
                    noted = time.monotonic()
                news = await _asked(opened, cursor)
                if news is None:
                    break
                await self._keep(given, news, new=news.forgetful and news.cursor != cursor)
                cursor = news.cursor
                if not well:
                    health = await opened.answered()
                    if health is not None:
                        await self._note(given, health)
                    well = True
        except AccountError as error:
            await self._note(given, no_credentials(error) if opened is None else await opened.refused(error))
            return Worked(away=True, again_at=datetime.now(UTC) + DEAD_REST)
        except ChannelError as error:
            log.warning("no news", channel_account_id=given.channel_account_id, code=error.code)
            await self._note(given, Health(state=HealthState.AWAY, code=error.code))
            after = error.after if isinstance(error, TryLaterError) else None
            return Worked(away=True, again_at=None if after is None else datetime.now(UTC) + timedelta(seconds=after))
        return Worked(again_at=datetime.now(UTC))

    async def _keep(self, given: LaneWork, news: News, *, new: bool) -> None:
        """`new`: its cursor has to be kept, too."""
        if not news.deliveries and not new:
            return
        async with self._database.tenant(given.tenant_id) as tx:
            for name, payload in news.deliveries:
                await inbox.put(tx, given.channel_account_id, name, payload)
            if new:
                await channel_accounts.keep_cursor(tx, given.channel_account_id, news.cursor)
        if news.deliveries:
            self._pokes.poke(given.tenant_id, given.channel_account_id, Lane.IN)

    async def _note(self, given: LaneWork, health: Health) -> None:
        async with self._database.tenant(given.tenant_id) as tx:
            await channel_accounts.set_state(tx, given.channel_account_id, health)


async def _asked(opened: Opened, cursor: str | None) -> News | None:
    """None: the worker is to stop. What a question that is given up would have brought comes with the next one."""
    channel = opened.channel
    if not isinstance(channel, Polled):
        return None
    question = asyncio.ensure_future(channel.news(cursor, opened.channel.capabilities.news_seconds))
    stopping = asyncio.ensure_future(activity.wait_for_worker_shutdown())
    try:
        await asyncio.wait({question, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return await question if question.done() else None
    finally:
        for each in (question, stopping):
            each.cancel()
