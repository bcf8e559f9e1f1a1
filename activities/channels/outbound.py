"""The lane `out` of an account: what is queued is sent, in order within each chat, at the provider's pace.

Before each call the ledger says `sending`, after it the provider's name of what was sent. A crash in between leaves
something of which nobody knows whether it went: it is sent again once, and counted.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from temporalio import activity

from activities.channels.accounts import Accounts, Opened, no_credentials
from activities.channels.pace import Pace
from activities.channels.port import (
    AccountError,
    ChannelError,
    Inviting,
    MovedError,
    RefusedError,
    TryLaterError,
    UnclearError,
)
from activities.channels.text import parts
from activities.desk.posting import Posting
from activities.phrases import PHRASES
from models.contracts.channels import Capabilities, Health, HealthState, Media, MediaKind, Part
from models.contracts.enums import Author, Language, SendStatus
from models.contracts.lanes import DELIVER, LaneWork, Worked
from models.repositories import arrivals, channel_accounts, desk_posts, sends
from models.repositories.desk_posts import DuePost
from models.repositories.sends import Due
from runtime.database import Database
from runtime.outages import is_outage

STRETCH_SECONDS = 60.0
"""How long one activity works at most; then its process looks whether it is still wanted."""
AT_A_TIME = 32
"""Chats that are written to at a time."""
LOOK_SECONDS = 1.0
"""How often somebody looks for what is new while no call ends."""
LATELY = timedelta(seconds=65)
"""Beyond the longest window of any provider."""
DEAD_REST = timedelta(minutes=5)
"""How often an account that its provider refuses is tried again."""
GIVE_UP_AFTER = 6
"""Attempts at a message that break something here."""
DESK_PATIENCE = 2.0
"""Seconds that a post waits for its turn at its place in the queue's work."""
CHAT_PATIENCE = 5.0
"""Seconds that a chat rests when its provider asks for patience and names no time."""

log = structlog.get_logger(__name__)


class Deliver:
    """Holds what the step needs."""

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._database = database
        self._accounts = accounts

    @activity.defn(name=DELIVER.name)
    async def deliver(self, given: LaneWork) -> Worked:
        """Send what is due. See Worked."""
        tenant, account = given.tenant_id, given.channel_account_id
        try:
            opened = await self._accounts.open(tenant, account)
        except AccountError as error:
            async with self._database.tenant(tenant) as tx:
                await channel_accounts.set_state(tx, account, no_credentials(error))
            return Worked(away=True, again_at=datetime.now(UTC) + DEAD_REST)
        if opened is None:
            return Worked()
        pace = Pace(opened.channel.capabilities.rates)
        async with self._database.tenant(tenant) as tx:
            sender = await sends.begin(tx, account)
            if opened.health is not HealthState.OK:
                await sends.mark_late(tx, account)
            lately = [*await sends.lately(tx, account, LATELY), *await desk_posts.lately(tx, account, LATELY)]
            for chat, at, written in sorted(lately, key=lambda each: each[1]):
                for _ in range(written):
                    pace.note(chat, max(0.0, (datetime.now(UTC) - at).total_seconds()))
        if sender is None:
            return Worked()
        return await _Run(self._database, given, opened, sender, pace).work_off()


class _Run:
    """One stretch of work. `_rest` is set by whatever ends it early."""

    def __init__(self, database: Database, given: LaneWork, opened: Opened, sender: int, pace: Pace) -> None:
        self._database = database
        self._tenant, self._account = given.tenant_id, given.channel_account_id
        self._opened, self._channel = opened, opened.channel
        self._sender = sender
        self._pace = pace
        self._posting = Posting(database, self._tenant, opened)
        self._rest: Worked | None = None
        self._well = opened.health is HealthState.OK
        self._busy: dict[UUID, asyncio.Task[None]] = {}

    async def work_off(self) -> Worked:
        until = time.monotonic() + STRETCH_SECONDS
        ready: list[Due | DuePost] = []
        try:
            while self._rest is None and time.monotonic() < until:
                if not ready:
                    ready = await self._next()
                if not ready and not self._busy:
                    async with self._database.tenant(self._tenant) as tx:
                        return Worked(again_at=await sends.next_due(tx, self._account))
                while ready and len(self._busy) < AT_A_TIME:
                    due = ready.pop(0)
                    work = self._post(due) if isinstance(due, DuePost) else self._send(due)
                    self._busy[due.line] = asyncio.create_task(work)
                await self._any_done()
        finally:
            # What was begun is ended: a call that is given up is one whose outcome nobody knows.
            # The first that goes wrong is told; of an outage they all tell the same.
            await asyncio.gather(*map(asyncio.shield, self._busy.values()), return_exceptions=True)
        return self._rest or Worked(again_at=datetime.now(UTC))

    async def _next(self) -> list[Due | DuePost]:
        busy, threads = tuple(self._busy), self._channel.capabilities.threads
        async with self._database.tenant(self._tenant) as tx:
            due = await sends.heads(tx, self._account, busy, 2 * AT_A_TIME, threads=threads)
            return [*due, *await desk_posts.heads(tx, self._account, busy, AT_A_TIME)]

    async def _any_done(self) -> None:
        """Or what has come for other chats meanwhile is looked at: a provider may take half a minute for one call."""
        if not self._busy:
            return
        done, _ = await asyncio.wait(self._busy.values(), timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        self._busy = {chat: task for chat, task in self._busy.items() if task not in done}
        # What goes wrong with a message is noted; what comes through here is the database's, or a defect.
        if errors := [error for task in done if (error := task.exception()) is not None]:
            raise errors[0]

    async def _send(self, due: Due) -> None:
        """Send the parts that have not gone yet; to whoever has waited for the provider, a word on that first."""
        pieces = compose(due, self._channel.capabilities)
        if not pieces:
            async with self._database.tenant(self._tenant) as tx:
                await sends.finish(tx, due.id, SendStatus.FAILED, "empty")
        elif len(due.sent) >= len(pieces):
            # It was cut into more of them before.
            async with self._database.tenant(self._tenant) as tx:
                await sends.all_went(tx, due.id)
        elif due.late and not self._channel.capabilities.threads:
            # A letter may take its time.
            if await self._called(due, apology(due, self._channel.capabilities)) is None:
                return
            async with self._database.tenant(self._tenant) as tx:
                await sends.apologised(tx, due.id)
        for place in range(len(due.sent), len(pieces)):
            name = await self._called(due, pieces[place])
            if name is None:
                return
            async with self._database.tenant(self._tenant) as tx:
                await sends.went(tx, due.id, name, place, last=place == len(pieces) - 1)
            await self._answered()

    async def _called(self, due: Due, part: Part) -> str | None:
        """Send the part and return the provider's name of it. None: it did not go, and why is noted."""
        if self._closed(due):
            await self._hold(due)
            return None
        try:
            async with self._pace.call(due.chat):
                if self._rest is not None or not await self._marked(due):
                    return None
                name = await self._channel.send(due.chat, part)
        except ChannelError as error:
            self._count(type(error).__name__.removesuffix("Error").lower())
            if error.code == sends.WINDOW_CLOSED:
                await self._hold(due)
            else:
                await self._not_sent(due, error)
            return None
        except Exception as error:
            if is_outage(error):
                raise
            log.exception("send broke", send_id=due.id, provider=self._opened.provider, cause=type(error).__name__)
            await self._broken(due)
            return None
        self._count("sent")
        return name

    async def _answered(self) -> None:
        """The provider has taken something, which is news where it did not before."""
        if self._well:
            return
        self._well = True
        health = await self._opened.answered()
        if health is not None:
            async with self._database.tenant(self._tenant) as tx:
                await channel_accounts.set_state(tx, self._account, health)

    async def _post(self, due: DuePost) -> None:
        """Post to a desk, call by call. One that has to wait for long, as groups must, holds no place meanwhile."""
        sent: int | None = len(due.sent)
        while sent is not None:
            wait = self._pace.wait(due.chat)
            if DESK_PATIENCE < wait < math.inf:
                async with self._database.tenant(self._tenant) as tx:
                    await sends.later(tx, due.id, "pace", datetime.now(UTC) + timedelta(seconds=wait))
                return
            try:
                async with self._pace.call(due.chat):
                    if self._rest is not None or not await self._marked(due):
                        return
                    sent = await self._posting.step(due, sent)
            except RefusedError as error:
                self._count("refused")
                log.warning("not posted", send_id=due.id, provider=self._opened.provider, code=error.code)
                await self._posting.refused(due, error)
                return
            except ChannelError as error:
                self._count(type(error).__name__.removesuffix("Error").lower())
                await self._not_sent(due, error)
                return
            except Exception as error:
                if is_outage(error):
                    raise
                log.exception("post broke", send_id=due.id, provider=self._opened.provider, cause=type(error).__name__)
                await self._broken(due)
                return
            self._count("posted")
            await self._answered()

    def _count(self, outcome: str) -> None:
        counter = activity.metric_meter().create_counter("mainstay_channel_sends", "Parts given to providers.")
        counter.add(1, {"provider": self._opened.provider.value, "outcome": outcome})

    def _closed(self, due: Due) -> bool:
        """Whether the customer has been silent for so long that the provider lets nobody write to them freely."""
        window = self._channel.capabilities.window
        if window is None:
            return False
        return due.closed or due.heard_at is None or datetime.now(UTC) - due.heard_at >= window

    async def _hold(self, due: Due) -> None:
        """Until the customer writes, which they are asked for where the provider has approved words for that. What
        waits in this chat behind the message that is held asks nobody again."""
        code, invitation = sends.WINDOW_CLOSED, None
        if isinstance(self._channel, Inviting):
            try:
                async with self._pace.call(due.chat):
                    invitation = await self._channel.invite(due.chat)
            except (TryLaterError, AccountError) as error:
                await self._not_sent(due, error)
                return
            except ChannelError as error:
                log.warning("not invited", send_id=due.id, provider=self._opened.provider, code=error.code)
                code = error.code if isinstance(error, RefusedError) else code
        async with self._database.tenant(self._tenant) as tx:
            await sends.hold(tx, due.id, code, invitation)

    async def _marked(self, due: Due | DuePost) -> bool:
        async with self._database.tenant(self._tenant) as tx:
            if await sends.mark(tx, due.id, self._account, self._sender):
                return True
        # Another sender has replaced this one, the account was disabled, or the message's turn is over.
        self._rest = self._rest or Worked(again_at=datetime.now(UTC))
        return False

    async def _not_sent(self, due: Due | DuePost, error: ChannelError) -> None:
        log.warning("not sent", send_id=due.id, provider=self._opened.provider, code=error.code)
        if isinstance(error, AccountError):
            await self._dead(due, error)
            return
        async with self._database.tenant(self._tenant) as tx:
            match error:
                case TryLaterError(chat=True):
                    wait = timedelta(seconds=CHAT_PATIENCE if error.after is None else error.after)
                    await sends.later(tx, due.id, error.code, datetime.now(UTC) + wait)
                case TryLaterError():
                    await sends.later(tx, due.id, error.code, None)
                    await channel_accounts.set_state(tx, self._account, Health(state=HealthState.AWAY, code=error.code))
                    again = None if error.after is None else datetime.now(UTC) + timedelta(seconds=error.after)
                    self._rest = Worked(away=True, again_at=again)
                case MovedError():
                    await arrivals.moved(tx, self._opened.owner, due.chat.id, error.to)
                    await sends.later(tx, due.id, error.code, None)
                case UnclearError():
                    await sends.unclear(tx, due.id)
                case RefusedError():
                    await sends.finish(tx, due.id, SendStatus.FAILED, error.code)
                    if error.unreachable and isinstance(due, Due):
                        await arrivals.set_reachable(tx, due.conversation_id, code=error.code)
                case _:
                    raise error

    async def _dead(self, due: Due | DuePost, error: AccountError) -> None:
        """The provider refuses the account. Of the calls that are under way the first to hear of it looks why."""
        first, self._rest = self._rest is None, Worked(away=True, again_at=datetime.now(UTC) + DEAD_REST)
        health = await self._opened.refused(error) if first else None
        async with self._database.tenant(self._tenant) as tx:
            await sends.later(tx, due.id, error.code, None)
            if health is not None:
                await channel_accounts.set_state(tx, self._account, health)

    async def _broken(self, due: Due | DuePost) -> None:
        """A defect of ours in the middle of a call: it may have gone."""
        async with self._database.tenant(self._tenant) as tx:
            if due.attempts + 1 >= GIVE_UP_AFTER:
                await sends.finish(tx, due.id, SendStatus.FAILED, "internal")
            else:
                await sends.unclear(tx, due.id)


def compose(due: Due, capabilities: Capabilities) -> Sequence[Part]:
    """What a message is sent as. Files first, the first with the words where they fit below it as one caption. What a
    person wrote is shown as they wrote it; what we write ourselves is Markdown."""
    literal = due.author is Author.MANAGER
    texts = parts(due.text, capabilities, literal=literal)
    files = [each for media in due.media if (each := _carried(media, capabilities)) is not None]
    captions = [""] * len(files)
    if files and files[0].kind in capabilities.captions and due.text.strip():
        short = capabilities.model_copy(update={"text_limit": capabilities.caption_limit})
        if len(caption := parts(due.text, short, literal=literal)) == 1:
            captions[0], texts = caption[0], []
    found = [Part(text=caption, media=media) for media, caption in zip(files, captions, strict=True)]
    found += [Part(text=text) for text in texts]
    return [_threaded(due, place, part) for place, part in enumerate(found)] if capabilities.threads else found


def apology(due: Due, capabilities: Capabilities) -> Part:
    """What goes before a message whose customer has waited while their provider was away."""
    sentence = PHRASES[due.language or Language.EN].late
    return Part(text=parts(sentence, capabilities, literal=True)[0])


def _carried(media: Media, capabilities: Capabilities) -> Media | None:
    """As a document where the channel has nothing nearer; None where it takes no files."""
    if media.kind in capabilities.media:
        return media
    return media.model_copy(update={"kind": MediaKind.DOCUMENT}) if MediaKind.DOCUMENT in capabilities.media else None


def _threaded(due: Due, place: int, part: Part) -> Part:
    return part.model_copy(
        update={
            "id": f"{due.id}.{place}",
            "thread": due.thread,
            "subject": due.subject,
            "automatic": due.author is not Author.MANAGER,
            "literal": due.author is Author.MANAGER,
        }
    )
