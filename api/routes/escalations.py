"""Escalations: who waits for a person, and what managers do about it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from api import commands
from api.commands import Order
from api.gateway import InGateway
from api.idempotency import IdempotentRoute, update_id
from api.identity.auth import Signed
from api.problems import documented, not_found
from api.schemas.base import MessageOut, Page, paged
from api.schemas.conversations import ConversationOut
from api.schemas.escalations import (
    CommandIn,
    CommandOut,
    EscalationDetail,
    EscalationOut,
    EscalationsQuery,
    ReassignIn,
    ReplyIn,
)
from models.contracts.enums import Command
from models.repositories import conversations, escalations, messages

router = APIRouter(
    prefix="/v1/escalations",
    tags=["escalations"],
    route_class=IdempotentRoute,
    responses=documented(401, 403, 422, 503),
)

LAST_MESSAGES = 20
COMMANDED = documented(400, 404, 409, 413)


@router.get("", operation_id="listEscalations")
async def list_escalations(
    query: Annotated[EscalationsQuery, Query()], gateway: InGateway, caller: Signed
) -> Page[EscalationOut]:
    """Escalations, the longest waiting first."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await escalations.list_(tx, status=query.status, after=query.cursor, limit=query.limit + 1)
    return paged([EscalationOut.of(each) for each in found], query.limit, [each.id for each in found])


@router.get("/{escalation_id}", operation_id="getEscalation", responses=documented(404))
async def get_escalation(escalation_id: UUID, gateway: InGateway, caller: Signed) -> EscalationDetail:
    """An escalation with its conversation, what led to it, and the last messages."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await escalations.get(tx, escalation_id)
        conversation = None if found is None else await conversations.get(tx, found.conversation_id)
        if found is None or conversation is None:
            raise not_found("escalation")
        trigger = {} if found.message_id is None else await messages.get_many(tx, [found.message_id])
        last = await escalations.last_messages(tx, found.conversation_id, LAST_MESSAGES)
    return EscalationDetail(
        **dict(EscalationOut.of(found)),
        conversation=ConversationOut.of(conversation),
        trigger=next((MessageOut.of(message, gateway.media.url) for message in trigger.values()), None),
        messages=[MessageOut.of(message, gateway.media.url) for message in last],
    )


@router.post("/{escalation_id}/take", operation_id="takeEscalation", responses=COMMANDED)
async def take(
    escalation_id: UUID, request: Request, gateway: InGateway, caller: Signed, body: CommandIn = CommandIn()
) -> CommandOut:
    """Take it: the bot falls silent, the customer has a person. Of two who take, one gets 409 with the other's name."""
    order = Order(Command.TAKE, await update_id(request), member_id=body.member_id)
    return await commands.on_escalation(gateway, caller, escalation_id, order)


@router.post("/{escalation_id}/reply", operation_id="replyToEscalation", responses=COMMANDED)
async def reply(escalation_id: UUID, body: ReplyIn, request: Request, gateway: InGateway, caller: Signed) -> CommandOut:
    """Write to the customer. A pending escalation is taken by it."""
    order = Order(
        Command.REPLY,
        await update_id(request),
        member_id=body.member_id,
        text=body.text or "",
        files=tuple(body.attachment_ids),
    )
    return await commands.on_escalation(gateway, caller, escalation_id, order)


@router.post("/{escalation_id}/resolve", operation_id="resolveEscalation", responses=COMMANDED)
async def resolve(
    escalation_id: UUID, request: Request, gateway: InGateway, caller: Signed, body: CommandIn = CommandIn()
) -> CommandOut:
    """End it as solved: back to the bot, counters and mutes reset."""
    order = Order(Command.RESOLVE, await update_id(request), member_id=body.member_id)
    return await commands.on_escalation(gateway, caller, escalation_id, order)


@router.post("/{escalation_id}/skip", operation_id="skipEscalation", responses=COMMANDED)
async def skip(
    escalation_id: UUID, request: Request, gateway: InGateway, caller: Signed, body: CommandIn = CommandIn()
) -> CommandOut:
    """Pass: it waits for somebody else."""
    order = Order(Command.SKIP, await update_id(request), member_id=body.member_id)
    return await commands.on_escalation(gateway, caller, escalation_id, order)


@router.post("/{escalation_id}/return", operation_id="returnEscalation", responses=COMMANDED)
async def return_to_bot(
    escalation_id: UUID, request: Request, gateway: InGateway, caller: Signed, body: CommandIn = CommandIn()
) -> CommandOut:
    """End it unsolved: back to the bot."""
    order = Order(Command.RETURN, await update_id(request), member_id=body.member_id)
    return await commands.on_escalation(gateway, caller, escalation_id, order)


@router.post("/{escalation_id}/reassign", operation_id="reassignEscalation", responses=COMMANDED)
async def reassign(
    escalation_id: UUID, body: ReassignIn, request: Request, gateway: InGateway, caller: Signed
) -> CommandOut:
    """Offer it to another member, or hand it over to them."""
    order = Order(Command.REASSIGN, await update_id(request), member_id=body.member_id, to=body.to)
    return await commands.on_escalation(gateway, caller, escalation_id, order)
