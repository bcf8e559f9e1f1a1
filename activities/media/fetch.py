"""The lane `media` of an account: files that customers sent are brought into the media store, several at a time.

What a file is, its content tells. Of one that is refused its customer is told. A short voice message is written down on
the way, and only then handed to its conversation: it is read like a written one.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError

from activities.channels.accounts import Accounts, Opened
from activities.channels.left_out import tell
from activities.channels.port import AccountError, RefusedError, TryLaterError, UnclearError
from activities.provider.errors import ProviderError
from activities.transcribing.port import BYTES_A_SECOND, LONGEST_BYTES, Transcriber, is_short
from models import processes
from models.contracts.conversation import InboundMessage
from models.contracts.lanes import FETCH_MEDIA, Lane, LaneWork, Worked
from models.pokes import Pokes
from models.repositories import attachments, left_out, media_garbage, standings
from models.repositories.attachments import NewFile, Waiting
from runtime.characters import beginning
from runtime.database import Database
from runtime.media.content import EXECUTABLE, type_of
from runtime.media.port import MediaError, MediaStore, TooLargeError
from runtime.outages import is_outage

AT_A_TIME = 4
STRETCH = timedelta(minutes=5)
"""How long one activity begins new files; then its process looks whether it is still wanted."""
FETCH_SECONDS = 120.0
LEASE = timedelta(minutes=5)
"""Longer than one file can take, its words included. A file whose fetcher died is fetched again after it."""
GIVE_UP_AFTER = 12
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=1)
"""Between attempts, each twice as long as the one before: the last is made some four hours after the first."""
OUR_PAUSE = timedelta(minutes=1)
"""When it is the store that is away."""
DEAD_PAUSE = timedelta(minutes=5)
"""When the provider refuses the account."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes that a file, and all files of a tenant, may have; characters of a message."""

    file: int
    tenant: int
    text: int


class FetchMedia:
    """Holds what the step needs. `transcriber` None: voice messages stay without words."""

    def __init__(
        self,
        database: Database,
        client: Client,
        accounts: Accounts,
        store: MediaStore,
        transcriber: Transcriber | None,
        pokes: Pokes,
        limits: Limits,
    ) -> None:
        self._database = database
        self._client = client
        self._accounts = accounts
        self._store = store
        self._transcriber = transcriber
        self._pokes = pokes
        self._limits = limits

    @activity.defn(name=FETCH_MEDIA.name)
    async def fetch_media(self, given: LaneWork) -> Worked:
        """Fetch what is due. See Worked."""
        tenant, account = given.tenant_id, given.channel_account_id
        try:
            opened = await self._accounts.open(tenant, account)
        except AccountError:
            return Worked(away=True, again_at=datetime.now(UTC) + DEAD_PAUSE)
        if opened is None:
            return Worked()
        end = datetime.now(UTC) + STRETCH
        lives = await asyncio.gather(*(self._work(tenant, opened, end) for _ in range(AT_A_TIME)))
        if not all(lives):
            return Worked(away=True, again_at=datetime.now(UTC) + DEAD_PAUSE)
        async with self._database.tenant(tenant) as tx:
            return Worked(again_at=await attachments.next_due(tx, account))

    async def _work(self, tenant: UUID, opened: Opened, end: datetime) -> bool:
        """One file after the other, while there are any. False when the provider refuses the account."""
        while datetime.now(UTC) < end:
            async with self._database.tenant(tenant) as tx:
                file = await attachments.claim(tx, opened.owner.account, lease=LEASE)
            if file is None:
                break
            try:
                outcome = await self._fetch(tenant, opened, file)
            except AccountError:
                await self._postpone(tenant, file, DEAD_PAUSE, counted=False)
                return False
            except Exception as error:
                if is_outage(error):
                    raise
                log.warning("file not fetched", attachment_id=file.id, cause=type(error).__name__)
                outcome = await self._postpone(tenant, file, pause(file.attempts), counted=True)
            _count(opened, outcome)
            if self._listens_to(file) and outcome != "again":
                await self._hand_over(tenant, file)
        return True

    async def _fetch(self, tenant: UUID, opened: Opened, file: Waiting) -> str:
        """What became of it, in a word: `stored`, `again`, or why it is refused. Raises AccountError."""
        if file.attempts > GIVE_UP_AFTER:
            return await self._refuse(tenant, opened, file, "unavailable")
        if (file.size or 0) > self._limits.file:
            return await self._refuse(tenant, opened, file, "too_large")
        async with self._database.tenant(tenant) as tx:
            full = await attachments.held(tx) + (file.size or 0) > self._limits.tenant
            key = await media_garbage.reserve(tx)
        if full:
            return await self._refuse(tenant, opened, file, "no_room")
        try:
            return await self._store_from(tenant, opened, file, key)
        except TooLargeError:
            return await self._refuse(tenant, opened, file, "too_large")
        except RefusedError as error:
            return await self._refuse(tenant, opened, file, error.code)
        except MediaError as error:
            log.warning("file not stored", attachment_id=file.id, cause=str(error))
            return await self._postpone(tenant, file, OUR_PAUSE, counted=False)
        except TryLaterError as error:
            after = None if error.after is None else timedelta(seconds=error.after)
            return await self._postpone(tenant, file, after or pause(file.attempts), counted=True)
        except (UnclearError, TimeoutError):
            # Asking again does no harm.
            return await self._postpone(tenant, file, pause(file.attempts), counted=True)

    async def _store_from(self, tenant: UUID, opened: Opened, file: Waiting, key: str) -> str:
        async with asyncio.timeout(FETCH_SECONDS), opened.channel.fetch(file.ref) as fetched:
            stored = await self._store.put(key, fetched.chunks, limit=self._limits.file)
        mime = type_of(stored.beginning)
        if mime == EXECUTABLE:
            return await self._refuse(tenant, opened, file, "executable", key=key)
        if not stored.size:
            return await self._refuse(tenant, opened, file, "empty", key=key)
        words = await self._words(file, key, mime, stored.size)
        new = NewFile(key=key, mime=mime, size=stored.size, sha256=stored.sha256)
        async with self._database.tenant(tenant) as tx:
            if words:
                await attachments.hear(tx, file.message_id, words)
            await attachments.keep(tx, file.id, new)
        return "stored"

    def _listens_to(self, file: Waiting) -> bool:
        """Whether what is said in it is written down: what a manager says goes out as it is."""
        return self._transcriber is not None and file.from_customer and is_short(file.kind, file.seconds)

    async def _words(self, file: Waiting, key: str, mime: str, size: int) -> str:
        """What is said in a short voice message; nothing when nobody can tell."""
        if self._transcriber is None or not self._listens_to(file) or size > LONGEST_BYTES:
            return ""
        try:
            seconds = file.seconds or size / BYTES_A_SECOND
            words = await self._transcriber.transcribe(self._store.read(key), mime, seconds, file.language)
        except ProviderError as error:
            log.warning("voice message not written down", attachment_id=file.id, cause=str(error))
            return ""
        return beginning(words, self._limits.text)

    async def _refuse(self, tenant: UUID, opened: Opened, file: Waiting, reason: str, *, key: str | None = None) -> str:
        """Refuse it, and tell the customer whose it is."""
        limit = min(self._limits.file, opened.channel.capabilities.received_bytes or self._limits.file)
        queued_at = None
        async with self._database.tenant(tenant) as tx:
            if key is not None:
                await media_garbage.discard(tx, key)
            untold = await left_out.untold(tx, file.message_id)
            if await attachments.refuse(tx, file.id, reason) and untold is not None:
                queued_at = await tell(tx, untold, reason, limit)
        if queued_at is not None:
            self._pokes.poke(tenant, queued_at, Lane.OUT)
        return reason

    async def _postpone(self, tenant: UUID, file: Waiting, after: timedelta, *, counted: bool) -> str:
        async with self._database.tenant(tenant) as tx:
            await attachments.postpone(tx, file.id, datetime.now(UTC) + after, counted=counted)
        return "again"

    async def _hand_over(self, tenant: UUID, file: Waiting) -> None:
        """Give the message that waited for its words to its conversation. What fails is done by reconcile."""
        async with self._database.tenant(tenant) as tx:
            found = await standings.start_input(tx, file.conversation_id)
            waits = await attachments.awaits_turn(tx, file.message_id)
        if found is None or not waits:
            return
        start, quiet = found
        try:
            await processes.hand_over(
                self._client, start, InboundMessage(message_id=file.message_id, quiet_seconds=quiet)
            )
        except RPCError as error:
            log.warning("not handed over", message_id=file.message_id, cause=error.status.name)


def pause(attempts: int) -> timedelta:
    """How long to wait after the `attempts`-th (from 1)."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(attempts - 1, 20)))


def _count(opened: Opened, outcome: str) -> None:
    counter = activity.metric_meter().create_counter("mainstay_channel_files", "Files that customers sent.")
    counter.add(1, {"provider": opened.provider.value, "outcome": outcome})
