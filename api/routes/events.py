"""Event streams."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field

from api import streams
from api.gateway import InGateway
from api.identity.auth import Signed, SignedBy
from api.problems import documented, not_found
from api.schemas.base import Request as RequestModel
from models.repositories import conversations, deliveries
from runtime.wakeups import Subscription

router = APIRouter(prefix="/v1", tags=["events"], responses=documented(401, 403, 422, 503))


class StreamQuery(RequestModel):
    after: int | None = Field(None, ge=0, lt=2**63, description="Start behind this event; 0 replays everything.")


async def conversation_position(
    conversation_id: UUID,
    query: Annotated[StreamQuery, Query()],
    gateway: InGateway,
    caller: Signed,
    last_event_id: Annotated[str | None, Header()] = None,
) -> int:
    """Where the stream starts. A dependency, because a stream that has begun can report no error."""
    after = streams.start_after(last_event_id, query.after)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if await conversations.get(tx, conversation_id) is None:
            raise not_found("conversation")
        return await deliveries.head(tx) if after is None else after


async def tenant_position(
    query: Annotated[StreamQuery, Query()],
    gateway: InGateway,
    caller: Signed,
    last_event_id: Annotated[str | None, Header()] = None,
) -> int:
    after = streams.start_after(last_event_id, query.after)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        return await deliveries.head(tx) if after is None else after


async def conversation_subscription(
    conversation_id: UUID, gateway: InGateway, caller: Signed
) -> AsyncIterator[Subscription]:
    """A dependency, because those end with the request: the framework may leave a stream's generator to the garbage
    collector when the client goes away."""
    with gateway.wakeups.subscribe(conversation_id, caller.member_id) as subscription:
        yield subscription


async def tenant_subscription(gateway: InGateway, caller: Signed) -> AsyncIterator[Subscription]:
    with gateway.wakeups.subscribe(caller.tenant_id, caller.member_id) as subscription:
        yield subscription


@router.get(
    "/conversations/{conversation_id}/events",
    operation_id="streamConversation",
    response_class=EventSourceResponse,
    responses=documented(404),
)
async def stream_conversation(
    conversation_id: UUID,
    gateway: InGateway,
    caller: Signed,
    proof: SignedBy,
    after: Annotated[int, Depends(conversation_position)],
    subscription: Annotated[Subscription, Depends(conversation_subscription)],
) -> AsyncIterator[ServerSentEvent]:
    """What happens in one conversation, as it happens. Without `Last-Event-ID` or `after`: only what is new.

    `draft` comes here alone, and without an `id`: what there is so far of an answer that is being written, checked as the
    whole will be. Each `text` takes the place of the one before, an empty one takes it away, and so do the bot's next
    `message` and the end of the connection. So does `typing`: an answer is being made, for so many `seconds`.
    """
    async for event in streams.events(gateway, caller, proof, subscription, conversation_id, after):
        yield event


@router.get("/events", operation_id="streamTenant", response_class=EventSourceResponse)
async def stream_tenant(
    gateway: InGateway,
    caller: Signed,
    proof: SignedBy,
    after: Annotated[int, Depends(tenant_position)],
    subscription: Annotated[Subscription, Depends(tenant_subscription)],
) -> AsyncIterator[ServerSentEvent]:
    """What happens in the whole tenant, as it happens. Answers that are being written are events of their conversation
    alone."""
    async for event in streams.events(gateway, caller, proof, subscription, None, after):
        yield event
