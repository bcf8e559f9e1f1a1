"""Event streams: durable events in order, from where the client was, until it leaves or the process stops. Between them
what is only of this moment: an answer while it is written."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from fastapi.sse import ServerSentEvent
from pydantic import TypeAdapter

from api.gateway import Gateway
from api.identity.auth import Proof
from api.problems import ProblemError, invalid
from api.schemas.base import AttachmentOut, FileUrl
from models.contracts.enums import Author, EventType
from models.repositories import deliveries, previews, typing_signs
from models.repositories.deliveries import Delivery
from models.repositories.tenants import Caller
from runtime.wakeups import Subscription

# The next batch is read when the one before has been written to the socket: that bounds what a slow client costs.
BATCH = 100
# Longest time without a look at the events and at the caller, in case an announcement was lost or a session ran out.
LOOK_SECONDS = 15.0
OUTAGE_SECONDS = 1.0

DATA = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Draft:
    """What is there of the answer that is being written, all of it; empty: what was shown is withdrawn. The bot's message
    takes its place. It has no number: who comes later gets what there is then."""

    conversation_id: UUID
    text: str


@dataclass(frozen=True, slots=True)
class Typing:
    """An answer is being written: for so many seconds, unless the bot's message or more of these come. It has no number."""

    conversation_id: UUID
    seconds: float = typing_signs.SECONDS


def start_after(last_event_id: str | None, after: int | None) -> int | None:
    """The event number to go on from: what the client saw last wins over the address. None: only what is new.

    Raises ProblemError (422) when the header is no number that this server has given out.
    """
    if last_event_id is None or last_event_id == "":
        return after
    if not last_event_id.isdecimal() or not last_event_id.isascii() or int(last_event_id) >= 2**63:
        raise invalid("Last-Event-ID", "must be the id of an event of this stream, a number")
    return int(last_event_id)


async def events(
    gateway: Gateway, caller: Caller, proof: Proof, subscription: Subscription, conversation: UUID | None, after: int
) -> AsyncIterator[ServerSentEvent]:
    """Everything after number `after`, as it happens, of one conversation or of the tenant that is subscribed to.

    Ends with the key or the session, and when its caller's rights change. An access token may run out meanwhile: the
    session is what counts.
    """

    async def may_hear() -> bool:
        current = await gateway.authenticator.caller(proof)
        if current is None or current.suspended:
            return False
        return (current.role, current.scopes) == (caller.role, caller.scopes)

    async for happened in follow(gateway, caller.tenant_id, conversation, after, subscription, may_hear):
        yield _event(happened, gateway.media.url) if isinstance(happened, Delivery) else _of_this_moment(happened)


async def follow(
    gateway: Gateway,
    tenant: UUID,
    conversation: UUID | None,
    after: int,
    subscription: Subscription,
    may_hear: Callable[[], Awaitable[bool]],
) -> AsyncIterator[Delivery | Draft | Typing]:
    """What happens after number `after`, for as long as somebody may hear it. Drafts and typing of one conversation alone.

    Survives an outage of the database: the client sees a pause, not an error.
    """
    shown = ""
    while not subscription.ended:
        try:
            if not await may_hear():
                return
            async with gateway.records.tenant(tenant) as tx:
                # First: whatever ended it is then among the events.
                draft = await previews.shown(tx, conversation) if conversation else ""
                batch = await deliveries.after(tx, after, conversation=conversation, limit=BATCH)
        except ProblemError:
            await subscription.wait(OUTAGE_SECONDS)
            continue
        for delivery in batch:
            yield delivery
            after = delivery.seq
        gateway.metrics.events.inc(len(batch))
        answered = any(map(_answers, batch))
        typing, subscription.typing = subscription.typing, False
        if conversation and typing and not answered:
            yield Typing(conversation)
        if answered:
            shown = ""
        elif conversation and draft != shown:
            yield Draft(conversation, draft)
            shown = draft
        # Whether a draft was of the answer that has come, or is of the next one, shows at the next look.
        if len(batch) < BATCH and not (answered and draft):
            await subscription.wait(LOOK_SECONDS)


def _answers(delivery: Delivery) -> bool:
    return delivery.type is EventType.MESSAGE and delivery.data.get("author") == Author.BOT


def _of_this_moment(happened: Draft | Typing) -> ServerSentEvent:
    """Without a number: nothing is resumed from it."""
    event = "draft" if isinstance(happened, Draft) else EventType.TYPING.value
    return ServerSentEvent(raw_data=DATA.dump_json(asdict(happened)).decode(), event=event)


def _event(delivery: Delivery, url: FileUrl) -> ServerSentEvent:
    data: dict[str, Any] = {
        "conversation_id": delivery.conversation_id,
        "created_at": delivery.created_at,
        **delivery.data,
    }
    if (message := delivery.message) is not None:
        data |= {
            "message_id": message.id,
            "author": message.author,
            "kind": message.kind,
            "member": None if message.member_id is None else {"id": message.member_id, "name": message.member_name},
            "text": message.text,
            "language": message.language,
            "citations": message.citations,
            "confidence": message.confidence,
            "turn": message.turn,
            "attachments": [AttachmentOut.of(file, url).model_dump(mode="json") for file in message.files],
        }
    # Encoded here: the framework would walk the whole value in Python first.
    return ServerSentEvent(raw_data=DATA.dump_json(data).decode(), event=delivery.type.value, id=str(delivery.seq))
