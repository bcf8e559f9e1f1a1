"""The lane `desk` of a bot: what happens in its desks' branches becomes posts, each event once."""

import math
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from temporalio import activity

from activities.desk.feed import opens, posts_of
from models.contracts.desk import FilePost
from models.contracts.enums import Author, EventType
from models.contracts.lanes import FOLLOW, Lane, LaneWork, Worked
from models.pokes import Pokes
from models.repositories import channel_accounts, desk_feed, desk_posts, desks, tenants
from models.repositories.desk_feed import Happened
from models.repositories.desk_posts import NewPost
from runtime.database import Database, TenantTx
from runtime.wakeups import Wakeups

STRETCH_SECONDS = 600.0
"""How long one activity follows; then its process looks whether it is still wanted."""
LOOK_SECONDS = 2.0
"""Announcements wake it; this is how long it trusts them."""
NOTED_EVERY_SECONDS = 60.0
TOGETHER = 200
FILES = 3
"""Of the files that a customer had sent before a person was asked for: as many are shown."""

log = structlog.get_logger(__name__)


class Follow:
    """Holds what the step needs."""

    def __init__(self, database: Database, wakeups: Wakeups, pokes: Pokes) -> None:
        self._database = database
        self._wakeups = wakeups
        self._pokes = pokes

    @activity.defn(name=FOLLOW.name)
    async def follow_desk(self, given: LaneWork) -> Worked:
        """Read events as they come, until the account has no desk (any more). See Worked."""
        tenant, account = given.tenant_id, given.channel_account_id
        until, noted = time.monotonic() + STRETCH_SECONDS, -math.inf
        with self._wakeups.subscribe(tenant) as news:
            while time.monotonic() < until and not activity.is_worker_shutdown():
                async with self._database.tenant(tenant) as tx:
                    found = await channel_accounts.get(tx, account)
                    linked = [each for each in await desks.of_account(tx, account) if each.chat_id is not None]
                    if found is None or found.disabled or not linked:
                        return Worked()
                    if (await tenants.profile(tx)).suspended:
                        # Begun again, it waits for the tenant to be resumed, as all that is begun does.
                        return Worked(again_at=datetime.now(UTC) + timedelta(seconds=LOOK_SECONDS))
                    if time.monotonic() - noted > NOTED_EVERY_SECONDS:
                        await desk_feed.note(tx, account)
                        noted = time.monotonic()
                more = [await self._read(tenant, account, desk.id) for desk in linked]
                if not any(more):
                    await news.wait(LOOK_SECONDS)
        return Worked(again_at=datetime.now(UTC))

    async def _read(self, tenant: UUID, account: UUID, desk: UUID) -> bool:
        """Make the next events posts, in the transaction that notes that they were read. Whether there may be more."""
        async with self._database.tenant(tenant) as tx:
            after = await desk_feed.begin(tx, desk)
            happened = [] if after is None else await desk_feed.after(tx, desk, after, TOGETHER)
            if not happened:
                return False
            posts = [post for each in happened for post in await self._posts(tx, desk, each)]
            await desk_posts.enter(tx, account, desk, posts)
            await desk_feed.done(tx, desk, happened[-1].seq)
        if posts:
            self._pokes.poke(tenant, account, Lane.OUT)
        for each in happened:
            if each.type is EventType.ATTACHMENT and each.author is Author.MANAGER and each.account is not None:
                # A reply may have waited for its file.
                self._pokes.poke(tenant, each.account, Lane.OUT)
        return len(happened) == TOGETHER

    async def _posts(self, tx: TenantTx, desk: UUID, happened: Happened) -> list[NewPost]:
        where = happened.conversation_id
        found = [
            NewPost(
                _file(desk, post) if isinstance(post, FilePost) else f"desk/{desk}/{happened.seq}/{place}", post, where
            )
            for place, post in enumerate(posts_of(happened))
        ]
        if opens(happened) and where is not None:
            files = [FilePost(attachment_id=each) for each in await desk_feed.last_files(tx, where, FILES)]
            found += [NewPost(_file(desk, file), file, where) for file in files]
        return found


def _file(desk: UUID, file: FilePost) -> str:
    """A file is shown once, whichever event brings it."""
    return f"desk/{desk}/file/{file.attachment_id}"
