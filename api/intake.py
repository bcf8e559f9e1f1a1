"""A customer's message: stored, handed over, and, where somebody waits for it, answered."""

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

from api.gateway import Gateway
from api.problems import ProblemError, invalid, not_found
from api.schemas.base import MessageOut
from api.schemas.conversations import CustomerIn, MessageReceipt
from models.contracts.assistants import DEFAULT_ASSISTANT
from models.contracts.conversation import InboundMessage
from models.contracts.enums import ChannelKind, ConversationState
from models.repositories import assistants, attachments, conversations, intake, messages
from models.repositories.intake import Accepted
from models.repositories.messages import Message
from runtime.database import TenantTx
from runtime.wakeups import Subscription

# Waiters are woken by announcements; this is how long they trust them.
FALLBACK_SECONDS = 2.0


async def open_conversation(
    tx: TenantTx,
    channel: ChannelKind,
    customer: CustomerIn,
    *,
    one_shot: bool = False,
    account: UUID | None = None,
    assistant: str | None = None,
    chat: str | None = None,
) -> tuple[UUID, bool]:
    """A customer's conversation, and whether it is new. `chat` names the one of somebody without an external id.

    Raises ProblemError (422) when the channel is not set up, or no assistant has the slug.
    """
    chosen = None if assistant is None else await assistants.called(tx, assistant)
    if chosen is None and assistant not in (None, DEFAULT_ASSISTANT):
        raise invalid("assistant", "there is no assistant with this slug")
    try:
        return await conversations.open_(
            tx,
            channel=channel,
            external_id=customer.external_id,
            name=customer.name,
            language=customer.language,
            one_shot=one_shot,
            account=account,
            assistant=chosen,
            chat=chat,
        )
    except LookupError:
        raise invalid("channel", f"no account of channel {channel} is set up") from None


async def store(tx: TenantTx, conversation: UUID, text: str, client_message_id: str | None) -> Accepted:
    """Store a message once. Raises ProblemError (404) when there is no such conversation."""
    accepted = await intake.accept(tx, conversation, text, client_message_id)
    if accepted is None:
        raise not_found("conversation")
    return accepted


async def attach(tx: TenantTx, conversation: UUID, message: UUID, files: Sequence[UUID]) -> None:
    """Send uploaded files with a message. Raises ProblemError (422) for one that is not there, or was sent already."""
    try:
        await attachments.attach(tx, conversation, message, files)
    except LookupError as error:
        raise invalid("attachment_ids", f"{error} is no file of this conversation, or was sent already") from None


async def hand_over(gateway: Gateway, accepted: Accepted) -> None:
    """Give a stored message to its conversation's process. If that fails, it is done later: it is stored."""
    gateway.metrics.messages.labels(str(not accepted.new).lower()).inc()
    if not accepted.handled:
        message = InboundMessage(message_id=accepted.message_id, quiet_seconds=accepted.quiet_seconds)
        await gateway.processes.hand_over(accepted.start, message)


async def deliver(gateway: Gateway, accepted: Accepted, wait: float) -> MessageReceipt:
    """Hand over a stored message, and wait up to `wait` seconds for what the bot says to it."""
    reply, state = None, None
    with gateway.wakeups.subscribe(accepted.start.conversation_id) as subscription:
        await hand_over(gateway, accepted)
        if wait:
            reply, state = await _await_reply(gateway, subscription, accepted, wait)
    return MessageReceipt(
        message_id=accepted.message_id,
        conversation_id=accepted.start.conversation_id,
        duplicate=not accepted.new,
        state=state,
        reply=None if reply is None else MessageOut.of(reply, gateway.media.url),
    )


async def _await_reply(
    gateway: Gateway, subscription: Subscription, accepted: Accepted, seconds: float
) -> tuple[Message | None, ConversationState | None]:
    """The bot's reply to a message; if it stayed silent, the conversation's state; neither when time runs out.

    A database that goes away meanwhile ends the wait: the message is stored, and the client can come back.
    """
    start, message = accepted.start, accepted.message_id
    until = time.monotonic() + seconds
    if accepted.new:
        await subscription.wait(min(seconds, FALLBACK_SECONDS))
    try:
        while True:
            async with gateway.records.tenant(start.tenant_id) as tx:
                handled, reply = await messages.reply_of_turn(tx, message)
                if handled and reply is None:
                    standing = await conversations.get(tx, start.conversation_id)
                    return None, None if standing is None else standing.state
            left = until - time.monotonic()
            if handled or left <= 0 or subscription.ended:
                return reply, None
            await subscription.wait(min(left, FALLBACK_SECONDS))
    except ProblemError:
        return None, None


async def until_recorded(
    gateway: Gateway, subscription: Subscription, tenant: UUID, conversation: UUID, version: int, seconds: float
) -> bool:
    """Whether the conversation's record has reached `version` within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while not subscription.ended:
                async with gateway.records.tenant(tenant) as tx:
                    found = await conversations.get(tx, conversation)
                if found is not None and found.version >= version:
                    return True
                await subscription.wait(FALLBACK_SECONDS / 4)
    except (TimeoutError, ProblemError):
        pass
    return False
