"""Conversations and their messages."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api import commands, intake
from api.commands import Order
from api.gateway import InGateway
from api.idempotency import HEADER, IdempotentRoute, update_id
from api.identity.auth import Signed
from api.limits import check_length
from api.problems import documented, not_found
from api.schemas.base import MessageOut, Page, paged
from api.schemas.base import Request as RequestModel
from api.schemas.conversations import (
    ConversationIn,
    ConversationOpened,
    ConversationOut,
    ConversationsQuery,
    MessageIn,
    MessageReceipt,
    MessagesQuery,
)
from api.schemas.escalations import CommandIn, CommandOut
from models.contracts.enums import ChannelKind, Command
from models.repositories import conversations, messages

router = APIRouter(
    prefix="/v1/conversations",
    tags=["conversations"],
    route_class=IdempotentRoute,
    responses=documented(401, 403, 422, 503),
)


class WaitQuery(RequestModel):
    wait: float = Field(0, ge=0, le=60, description="Seconds to wait for the reply.")


@router.post(
    "",
    operation_id="openConversation",
    status_code=201,
    responses={200: {"model": ConversationOpened, "description": "It was there already"}, **documented(400, 409, 413)},
)
async def open_conversation(
    body: ConversationIn, response: Response, gateway: InGateway, caller: Signed
) -> ConversationOpened:
    """Open a conversation, or find the one that this customer has on this channel already."""
    if body.text is not None:
        check_length("text", body.text, gateway.settings.message_max_chars)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        conversation, created = await intake.open_conversation(
            tx, ChannelKind(body.channel), body.customer, one_shot=body.one_shot, assistant=body.assistant
        )
        accepted = None if body.text is None else await intake.store(tx, conversation, body.text, None)
    if accepted is not None:
        await intake.hand_over(gateway, accepted)
    response.status_code = 201 if created else 200
    message_id = None if accepted is None else accepted.message_id
    return ConversationOpened(id=conversation, created=created, message_id=message_id)


@router.get("", operation_id="listConversations")
async def list_conversations(
    query: Annotated[ConversationsQuery, Query()], gateway: InGateway, caller: Signed
) -> Page[ConversationOut]:
    """Conversations, the newest first."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await conversations.list_recent(tx, state=query.state, before=query.cursor, limit=query.limit + 1)
    return paged([ConversationOut.of(each) for each in found], query.limit, [each.id for each in found])


@router.get("/{conversation_id}", operation_id="getConversation", responses=documented(404))
async def get_conversation(conversation_id: UUID, gateway: InGateway, caller: Signed) -> ConversationOut:
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await conversations.get(tx, conversation_id)
    if found is None:
        raise not_found("conversation")
    return ConversationOut.of(found)


@router.post(
    "/{conversation_id}/messages",
    operation_id="sendMessage",
    status_code=202,
    responses={200: {"model": MessageReceipt, "description": "Answered"}, **documented(400, 404, 409, 413)},
)
async def send_message(
    conversation_id: UUID,
    body: MessageIn,
    query: Annotated[WaitQuery, Query()],
    request: Request,
    response: Response,
    gateway: InGateway,
    caller: Signed,
) -> MessageReceipt:
    """Store a customer's message: 202 means that it will be answered, or that a person will be asked.

    With `wait` the answer comes in this response (200), if it is there in time.
    """
    text = body.text or ""
    check_length("text", text, gateway.settings.message_max_chars)
    # A request that is repeated after a crash is one message too, whether its client names messages or requests.
    name = body.client_message_id or request.headers.get(HEADER)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        accepted = await intake.store(tx, conversation_id, text, name)
        if accepted.new:
            await intake.attach(tx, conversation_id, accepted.message_id, body.attachment_ids)
    receipt = await intake.deliver(gateway, accepted, query.wait)
    response.status_code = 200 if receipt.reply else 202
    return receipt


@router.get("/{conversation_id}/messages", operation_id="listMessages", responses=documented(404))
async def list_messages(
    conversation_id: UUID, query: Annotated[MessagesQuery, Query()], gateway: InGateway, caller: Signed
) -> Page[MessageOut]:
    """A conversation's messages, the oldest first."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await messages.page(tx, conversation_id, after=query.cursor, limit=query.limit + 1)
        if not found and await conversations.get(tx, conversation_id) is None:
            raise not_found("conversation")
    return paged([MessageOut.of(each, gateway.media.url) for each in found], query.limit, [each.seq for each in found])


COMMANDED = documented(400, 404, 409, 413)


@router.post("/{conversation_id}/escalate", operation_id="escalateConversation", responses=COMMANDED)
async def escalate(
    conversation_id: UUID, request: Request, gateway: InGateway, caller: Signed, body: CommandIn = CommandIn()
) -> CommandOut:
    """Ask for a person on the customer's behalf."""
    order = Order(Command.ESCALATE, await update_id(request), member_id=body.member_id)
    return await commands.on_conversation(gateway, caller, conversation_id, order)


@router.post("/{conversation_id}/close", operation_id="closeConversation", responses=COMMANDED)
async def close(
    conversation_id: UUID, request: Request, gateway: InGateway, caller: Signed, body: CommandIn = CommandIn()
) -> CommandOut:
    """Close the conversation, and with it its open escalation. The customer's next message opens it again."""
    order = Order(Command.CLOSE, await update_id(request), member_id=body.member_id)
    return await commands.on_conversation(gateway, caller, conversation_id, order)
