"""The lane `in` of an account: deliveries become messages, in the order in which they came.

Each is read in a transaction of its own, in which its row goes: it has its effect once. One that cannot be read is tried
a few times and then put aside; what comes after it does not wait for it.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError

from activities.channels.accounts import Accounts, Opened
from activities.channels.left_out import tell_what_was_not_read
from activities.channels.port import AccountError, InGroups
from activities.desk.handle import AtDesks, Desks
from activities.transcribing.port import is_short
from models import processes
from models.contracts.channels import (
    Arrived,
    ButtonPressed,
    ChatMoved,
    DeliveryChanged,
    HealthState,
    MessageArrived,
    MessageDeleted,
    MessageEdited,
    ReachChanged,
)
from models.contracts.conversation import InboundMessage
from models.contracts.lanes import RECEIVE, Lane, LaneWork, Worked
from models.pokes import Pokes
from models.repositories import arrivals, channel_accounts, inbox, receipts, sends
from models.repositories.inbox import Waiting
from models.repositories.intake import Accepted
from models.repositories.receipts import Noted
from runtime.characters import beginning
from runtime.database import Database, TenantTx
from runtime.outages import is_outage

TOGETHER = 50
STRETCH = 20
"""Batches that one activity reads; then its process looks whether it is still wanted."""
GIVE_UP_AFTER = 3
LOOKS = [timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 15, 30, 60, 60, 60, 60)]
"""When a state of a message that nobody knows is looked at again: a call may take half a minute, and whoever makes it may be
replaced by another worker meanwhile. What nobody knows after that is none of ours."""
HANDED_OVER_AT_A_TIME = 16

log = structlog.get_logger(__name__)


class Receive:
    """Holds what the step needs. `longest`: characters of a message; what is beyond is cut off. `listens`: whether voice
    messages are written down."""

    def __init__(
        self,
        database: Database,
        client: Client,
        accounts: Accounts,
        desks: Desks,
        pokes: Pokes,
        *,
        longest: int,
        listens: bool,
    ) -> None:
        self._database = database
        self._client = client
        self._accounts = accounts
        self._desks = desks
        self._pokes = pokes
        self._longest = longest
        self._listens = listens

    @activity.defn(name=RECEIVE.name)
    async def receive(self, given: LaneWork) -> Worked:
        """Read what is waiting. See Worked."""
        tenant, account = given.tenant_id, given.channel_account_id
        try:
            opened = await self._accounts.open(tenant, account)
        except AccountError:
            return Worked(away=True)
        if opened is None:
            return Worked()
        for _ in range(STRETCH):
            async with self._database.tenant(tenant) as tx:
                batch = await inbox.waiting(tx, account, TOGETHER)
            at_desks = await self._desks.of(tenant, opened) if batch.deliveries or batch.held else None
            if at_desks is not None:
                for delivery in batch.held:
                    await self._answer_presses(tenant, opened, at_desks, delivery)
            if not batch.deliveries:
                return Worked(again_at=batch.again_at)
            accepted: list[Accepted] = []
            for delivery in batch.deliveries:
                accepted += await self._read(tenant, opened, at_desks, delivery)
            await self._hand_over(accepted)
        return Worked(again_at=datetime.now(UTC))

    async def _answer_presses(self, tenant: UUID, opened: Opened, at_desks: AtDesks, delivery: Waiting) -> None:
        """Whoever presses a button at a desk waits for an answer: not for what may be missing before it. What goes wrong
        goes wrong again in its turn, and is noted then."""
        try:
            arrived = _said(opened, delivery)
            if not arrived or not all(
                isinstance(event, ButtonPressed) and at_desks.concerns(event) for event in arrived
            ):
                return
            for event in arrived:
                await at_desks.handle(event, delivery.id)
            async with self._database.tenant(tenant) as tx:
                await inbox.spend(tx, delivery.id)
        except Exception as error:
            if is_outage(error):
                raise
            log.warning("press not read before its turn", delivery_id=delivery.id, cause=type(error).__name__)

    async def _read(
        self, tenant: UUID, opened: Opened, at_desks: AtDesks | None, delivery: Waiting
    ) -> Sequence[Accepted]:
        """What the delivery says, written down. The messages that are to be handed over."""
        provider = opened.provider
        try:
            arrived = _said(opened, delivery)
            managers = [] if at_desks is None else [event for event in arrived if at_desks.concerns(event)]
            for event in managers:
                assert at_desks is not None, "it has managers"
                await at_desks.handle(event, delivery.id)
            arrived = _for_us(opened, delivery, [event for event in arrived if event not in managers])
            async with self._database.tenant(tenant) as tx:
                taken = [await self._take(tx, opened, event) for event in arrived]
                early = any(isinstance(each, Noted) and each.early for each in taken)
                if early and delivery.attempts < len(LOOKS):
                    await inbox.look_again(tx, delivery.id, LOOKS[delivery.attempts])
                else:
                    await inbox.done(tx, delivery.id)
        except Exception as error:
            if is_outage(error):
                raise
            given_up = delivery.attempts + 1 >= GIVE_UP_AFTER or isinstance(error, ValueError)
            log.warning(
                "delivery not read",
                delivery_id=delivery.id,
                provider=provider,
                cause=type(error).__name__,
                again=not given_up,
            )
            _count(opened, "failed" if given_up else "again")
            async with self._database.tenant(tenant) as tx:
                await inbox.failed(tx, delivery.id, type(error).__name__ if given_up else None)
            return ()
        _count(opened, "read")
        if any(isinstance(event, MessageArrived) and event.attachments for event in arrived):
            self._pokes.poke(tenant, opened.owner.account, Lane.MEDIA)
        if any(isinstance(event, MessageArrived) and event.unsupported for event in arrived):
            self._pokes.poke(tenant, opened.owner.account, Lane.OUT)
        holds = opened.channel.capabilities.window is not None
        if holds and any(_opens_or_closes(event) for event in arrived):
            # What was held until the customer writes may go now; what was refused for that is to be held.
            self._pokes.poke(tenant, opened.owner.account, Lane.OUT)
        return [each for each in taken if isinstance(each, Accepted)]

    async def _take(self, tx: TenantTx, opened: Opened, event: Arrived) -> Accepted | Noted | None:
        owner = opened.owner
        match event:
            case MessageArrived():
                accepted = await arrivals.store(tx, owner, event, text=beginning(event.text, self._longest))
                if accepted.new:
                    await tell_what_was_not_read(tx, accepted.message_id, event)
                # Whoever writes down what is said in it hands it over: see activities.media.fetch.
                return None if self._listens and _is_spoken(event) else accepted
            case MessageEdited():
                text = beginning(event.text, self._longest)
                await arrivals.edited(tx, owner, event.model_copy(update={"text": text}))
            case MessageDeleted():
                await arrivals.deleted(tx, owner, event)
            case DeliveryChanged():
                return await self._note(tx, opened, event)
            case ChatMoved():
                await arrivals.moved(tx, owner, event.chat, event.to)
            case ReachChanged():
                await arrivals.reach_changed(tx, owner, event.chat, code=None if event.reachable else "left")
            case ButtonPressed():
                # Buttons are the desk's; a customer's chat has none.
                log.info("button of nobody", provider=opened.provider)
        return None

    async def _note(self, tx: TenantTx, opened: Opened, change: DeliveryChanged) -> Noted:
        noted = await receipts.note(tx, opened.owner.account, change)
        if noted.conversation is None:
            return noted
        if change.unreachable:
            await arrivals.set_reachable(tx, noted.conversation, code=change.code)
        if change.account:
            await channel_accounts.set_state(tx, opened.owner.account, opened.dead(change.code or "unknown"))
        elif change.status in receipts.RANK and opened.health is HealthState.DEAD and noted.sent_at is not None:
            await channel_accounts.went_through(tx, opened.owner.account, noted.sent_at)
        return noted

    async def _hand_over(self, accepted: Sequence[Accepted]) -> None:
        """Give stored messages to their conversations, those of one in order. What fails is done by reconcile."""
        by_conversation: dict[UUID, list[Accepted]] = {}
        for each in accepted:
            if not each.handled:
                by_conversation.setdefault(each.start.conversation_id, []).append(each)
        room = asyncio.Semaphore(HANDED_OVER_AT_A_TIME)

        async def one(messages: Sequence[Accepted]) -> None:
            async with room:
                for message in messages:
                    inbound = InboundMessage(message_id=message.message_id, quiet_seconds=message.quiet_seconds)
                    try:
                        await processes.hand_over(self._client, message.start, inbound)
                    except RPCError as error:
                        log.warning("not handed over", message_id=message.message_id, cause=error.status.name)
                        return

        await asyncio.gather(*(one(messages) for messages in by_conversation.values()))


def _said(opened: Opened, delivery: Waiting) -> Sequence[Arrived]:
    """What is still to be read of a delivery."""
    arrived = () if delivery.spent else opened.channel.read(delivery.payload)
    return [event for event in arrived if isinstance(event, DeliveryChanged)] if delivery.again else arrived


def _for_us(opened: Opened, delivery: Waiting, arrived: Sequence[Arrived]) -> Sequence[Arrived]:
    """What a delivery says, without what people in a group say to each other."""
    channel = opened.channel
    if not isinstance(channel, InGroups) or channel.addressed(delivery.payload):
        return arrived
    return [event for event in arrived if not isinstance(event, MessageArrived | MessageEdited)]


def _opens_or_closes(event: Arrived) -> bool:
    """Whether it tells of the window in which a customer may be written to freely."""
    return isinstance(event, MessageArrived) or (
        isinstance(event, DeliveryChanged) and event.code == sends.WINDOW_CLOSED
    )


def _count(opened: Opened, outcome: str) -> None:
    counter = activity.metric_meter().create_counter("mainstay_channel_deliveries", "Deliveries of providers.")
    counter.add(1, {"provider": opened.provider.value, "outcome": outcome})


def _is_spoken(message: MessageArrived) -> bool:
    return not message.text and any(is_short(each.kind, each.seconds) for each in message.attachments)
