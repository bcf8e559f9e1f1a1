"""Temporal as the gateway needs it: messages handed over quickly or not at all, commands answered or undecided."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter
from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError

from api.problems import unavailable
from models import processes, schedules
from models.contracts.conversation import (
    CommandInput,
    ConversationInput,
    ConversationView,
    InboundMessage,
)
from models.contracts.crawl import CrawlInput
from models.contracts.enums import Command
from models.contracts.ingest import IngestInput
from models.contracts.learning import ReviewInput
from models.contracts.mail import MailInput
from models.contracts.privacy import ErasureInput, SendCodeInput
from models.contracts.reindex import ReindexInput
from models.contracts.routing import QUEUES
from models.contracts.tenant_life import DeletionInput, ExportInput
from models.schedules import ReindexSchedule
from runtime import temporal

log = structlog.get_logger(__name__)

HAND_OVER_SECONDS = 2.0
PAUSE_SECONDS = 1.5
CATCH_UP_SECONDS = 0.5
MISSED_AT_MOST = 1000
"""Messages remembered until Temporal is back; beyond that, or when the gateway dies, reconcile finds them."""
COMMAND_SECONDS = 8.0
HEALTH_SECONDS = 1.0

# A client that connects late raises RuntimeError when it cannot; the SDK has no class of its own for that.
OUTAGES = (RPCError, RPCTimeoutOrCancelledError, RuntimeError, TimeoutError)


class Processes:
    """The workflows, as far as the gateway reaches them."""

    def __init__(self, client: Client, handovers: Counter) -> None:
        self._client = client
        self._handovers = handovers
        self._paused_until: float | None = None
        self._probing = False
        self._missed: dict[UUID, tuple[ConversationInput, InboundMessage]] = {}
        self._any_missed = asyncio.Event()
        self._mailing: set[asyncio.Task[None]] = set()

    @property
    def reachable(self) -> bool:
        """Whether the last attempt to reach Temporal succeeded."""
        return self._paused_until is None

    async def hand_over(self, start: ConversationInput, message: InboundMessage) -> bool:
        """Give a stored message to its conversation; whether that worked. If not, it is done as soon as Temporal is back
        (see `catch_up`), or by reconcile.

        While Temporal is away one request at a time finds out whether it is back; the others do not wait.
        """
        if self._paused_until is not None and (self._probing or time.monotonic() < self._paused_until):
            self._handovers.labels("skipped").inc()
        else:
            self._probing = self._paused_until is not None
            try:
                if await self._handed_over(start, message):
                    return True
            finally:
                self._probing = False
        if len(self._missed) < MISSED_AT_MOST:
            self._missed[message.message_id] = (start, message)
            self._any_missed.set()
        return False

    async def catch_up(self) -> None:
        """Hand over, in their order, messages that could not be handed over when they came. Never returns."""
        while True:
            await self._any_missed.wait()
            missed = next(iter(self._missed))
            if not await self._handed_over(*self._missed[missed]):
                await asyncio.sleep(CATCH_UP_SECONDS)
                continue
            del self._missed[missed]
            if not self._missed:
                self._any_missed.clear()

    async def _handed_over(self, start: ConversationInput, message: InboundMessage) -> bool:
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await processes.hand_over(self._client, start, message)
        except OUTAGES as error:
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            self._handovers.labels("failed").inc()
            log.warning("hand_over_failed", message_id=message.message_id, cause=type(error).__name__)
            return False
        self._paused_until = None
        self._handovers.labels("accepted").inc()
        return True

    async def command(
        self, command: Command, given: CommandInput, start: ConversationInput, update_id: str
    ) -> ConversationView:
        """Have the conversation carry out a manager's command, waking its process if it sleeps.

        Raises CommandRefusedError, and ProblemError (503) when the outcome is unknown: repeating the command with the same
        `update_id` is safe then.
        """
        patience = timedelta(seconds=COMMAND_SECONDS)
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                return await processes.command(self._client, command, given, start, update_id, patience)
        except OUTAGES as error:
            log.warning("command_undecided", command=command, cause=type(error).__name__)
            raise unavailable(
                "The conversation did not answer in time; it is not known whether the command was carried out. "
                "Repeat it: with the same Idempotency-Key it is carried out once."
            ) from error

    async def ingest(self, start: IngestInput) -> bool:
        """Start ingesting staged documents; whether that worked."""
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await processes.ingest(self._client, start)
        except OUTAGES as error:
            log.warning("ingest_not_started", job_id=start.job_id, cause=type(error).__name__)
            return False
        return True

    async def crawl(self, start: CrawlInput) -> bool:
        """Start a crawl; whether that worked."""
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await processes.crawl(self._client, start)
        except OUTAGES as error:
            log.warning("crawl_not_started", crawl_id=start.crawl_id, cause=type(error).__name__)
            return False
        return True

    async def schedule_crawl(self, tenant: UUID, crawl: UUID, every: timedelta | None) -> bool:
        """Run a crawl `every` so often, None: only when asked; whether that could be said. A schedule that should be gone
        and is not ends with its next run."""
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                if every is None:
                    await schedules.delete_crawl(self._client, tenant, crawl)
                else:
                    await schedules.put_crawl(self._client, tenant, crawl, every)
        except OUTAGES as error:
            log.warning("crawl_not_scheduled", crawl_id=crawl, cause=type(error).__name__)
            return False
        return True

    async def reindex(self, start: ReindexInput) -> bool:
        """Start a re-index; whether that worked."""
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await processes.reindex(self._client, start)
        except OUTAGES as error:
            log.warning("reindex_not_started", reindex_id=start.reindex_id, cause=type(error).__name__)
            return False
        return True

    async def review(self, start: ReviewInput) -> bool:
        """Have a tenant's knowledge looked through; whether that could be started."""
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await processes.review(self._client, start)
        except OUTAGES as error:
            log.warning("review_not_started", tenant_id=start.tenant_id, cause=type(error).__name__)
            return False
        return True

    async def put_reindex_schedule(self, tenant: UUID, chosen: ReindexSchedule) -> None:
        """Raises InvalidCronError, and ProblemError (503) when Temporal cannot be reached."""
        with _reached():
            await schedules.put_reindex(self._client, tenant, chosen)

    async def reindex_schedule(self, tenant: UUID) -> ReindexSchedule | None:
        """Raises ProblemError (503) when Temporal cannot be reached."""
        with _reached():
            return await schedules.get_reindex(self._client, tenant)

    async def delete_reindex_schedule(self, tenant: UUID) -> bool:
        """Whether there was one. Raises ProblemError (503) when Temporal cannot be reached."""
        with _reached():
            return await schedules.delete_reindex(self._client, tenant)

    async def export(self, start: ExportInput) -> None:
        """Have a tenant exported. What cannot be started now is started by reconcile."""
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await processes.export(self._client, start)
        except OUTAGES as error:
            log.warning("export_not_started", export_id=start.export_id, cause=type(error).__name__)

    async def deletion(self, start: DeletionInput) -> None:
        """Start a tenant's deletion, or have it look again. What fails now is done by reconcile, or when it is due."""
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await processes.deletion(self._client, start)
        except OUTAGES as error:
            log.warning("deletion_not_told", deletion_id=start.deletion_id, cause=type(error).__name__)

    def mail(self, start: MailInput | None) -> None:
        """Have a mail sent, soon: nobody waits, so that nobody learns by waiting whether there was one to send.

        What does not start now is started by reconcile. None: there is none.
        """
        if start is not None:
            task = asyncio.create_task(self._mail(start))
            self._mailing.add(task)
            task.add_done_callback(self._mailing.discard)

    async def _mail(self, start: MailInput) -> None:
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await processes.mail(self._client, start)
        except OUTAGES as error:
            log.warning("mail_not_started", mail_id=start.mail_id, cause=type(error).__name__)

    async def erase(self, start: ErasureInput) -> None:
        """Have a customer erased. What does not start now is started by reconcile."""
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await processes.erase(self._client, start)
        except OUTAGES as error:
            log.warning("erasure_not_started", erasure_id=start.erasure_id, cause=type(error).__name__)

    async def send_code(self, start: SendCodeInput) -> None:
        """Have a customer sent a code. Raises ProblemError (503) when that cannot be: it would come too late."""
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await processes.send_code(self._client, start)
        except OUTAGES as error:
            log.warning("code_not_sent", code_id=start.code_id, cause=type(error).__name__)
            raise unavailable("The code cannot be sent now.") from error

    async def healthy(self) -> bool:
        """Whether Temporal answers now."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                return await self._client.service_client.check_health(timeout=timedelta(seconds=HEALTH_SECONDS))
        except OUTAGES:
            return False

    async def pollers(self) -> dict[str, int]:
        """How many workers have polled each queue lately. Raises one of OUTAGES."""
        async with asyncio.timeout(HEALTH_SECONDS):
            found = await asyncio.gather(*(temporal.pollers(self._client, queue) for queue in QUEUES))
        return dict(zip(QUEUES, found, strict=True))


@contextmanager
def _reached() -> Iterator[None]:
    """What happens inside is Temporal's: an outage becomes ProblemError (503)."""
    try:
        yield
    except OUTAGES as error:
        log.warning("schedule_unreachable", cause=type(error).__name__)
        raise unavailable("Schedules cannot be reached now.") from error
