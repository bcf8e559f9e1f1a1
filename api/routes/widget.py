"""What the widget asks for on a page of a site: a visit, the visitor's messages, and what is said to them."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api import intake, site_identity, streams, visits
from api.gateway import Gateway, InGateway
from api.identity.tokens import VISIT_LIFE, Visit
from api.identity.visitors import InSite, Visiting
from api.limits import check_length
from api.problems import ProblemError, documented, not_found
from api.routes import media
from api.schemas.base import AttachmentOut, paged
from api.schemas.conversations import CustomerIn, MessagesQuery
from api.schemas.widget import (
    SiteOut,
    VisitIn,
    VisitorMessageIn,
    VisitorMessageOut,
    VisitorMessages,
    VisitorReceipt,
    VisitOut,
)
from api.site_identity import Identity
from models.contracts.enums import ChannelKind
from models.repositories import channel_accounts, conversations, customers, deliveries, messages, sites
from models.repositories.sites import Site
from runtime.database import TenantTx
from runtime.wakeups import Subscription


async def named(account_id: UUID) -> None:
    """Documents what is in every path here; `visitors.site` reads it, of sockets too."""


router = APIRouter(
    prefix="/v1/widget/{account_id}",
    tags=["widget"],
    responses=documented(403, 404, 422, 503),
    dependencies=[Depends(named)],
)
OF_VISITORS = documented(401)


@router.get("/config", operation_id="getSite")
async def get_site(gateway: InGateway, site: InSite) -> SiteOut:
    """How the widget looks on this site."""
    shown = site.settings
    return SiteOut(
        title=shown.title,
        color=shown.color,
        files=shown.files,
        file_mib=gateway.settings.media_mib,
        language=site.language,
    )


@router.post("/session", operation_id="openVisit", responses=documented(401, 413))
async def open_visit(body: VisitIn, request: Request, gateway: InGateway, site: InSite) -> VisitOut:
    """Begin a visit or go on with one. Without `resume` and identity: a new conversation with somebody unknown."""
    identity = await _identified(gateway, site, body, request)
    resume: str | None = None
    async with gateway.records.tenant(site.tenant_id) as tx:
        if identity is None:
            resume, conversation, created = await _unknown(tx, site, body)
        else:
            conversation, created = await _known(tx, site, identity, body)
    token = await gateway.tokens.visit(Visit(site.tenant_id, site.account_id, conversation))
    return VisitOut(token=token, expires_in=int(VISIT_LIFE.total_seconds()), created=created, resume=resume)


async def _identified(gateway: Gateway, site: Site, body: VisitIn, request: Request) -> Identity | None:
    """Whom the page has proved; None when it says nothing of anybody. Raises ProblemError (401) for a wrong proof."""
    if body.identity is None and body.user is None:
        return None
    async with gateway.records.tenant(site.tenant_id) as tx:
        keys = await channel_accounts.secrets(tx, gateway.vault, site.account_id)
    if body.identity is not None:
        found = site_identity.of_token(body.identity, site.account_id, keys)
    else:
        assert body.user is not None, "one of the two is there"
        found = site_identity.of_hash(body.user.id, body.user.name, body.user.hash, keys)
    if found is None:
        await gateway.gate.stranger(request)
        raise ProblemError(
            401,
            "This proves nobody. A JWT must be signed by HS256 with this site's identity secret, have the account's id as "
            "aud, and end within the next hour; a hash must be the HMAC-SHA256 of the id with that secret.",
            kind="identity",
        )
    return found


async def _unknown(tx: TenantTx, site: Site, body: VisitIn) -> tuple[str, UUID, bool]:
    """What opens the conversation again, the conversation, and whether it is new."""
    if body.resume is not None:
        before = await sites.conversation(tx, site.account_id, _chat(body.resume))
        if before is not None:
            return body.resume, before, False
    resume = secrets.token_urlsafe(32)
    conversation, _ = await intake.open_conversation(
        tx, ChannelKind.WEB, CustomerIn(language=body.language), account=site.account_id, chat=_chat(resume)
    )
    return resume, conversation, True


async def _known(tx: TenantTx, site: Site, identity: Identity, body: VisitIn) -> tuple[UUID, bool]:
    """The conversation on this site of somebody whom it has proved, and whether it is new."""
    customer = CustomerIn(external_id=identity.id, name=identity.name, language=body.language)
    conversation, created = await intake.open_conversation(tx, ChannelKind.WEB, customer, account=site.account_id)
    found = await conversations.get(tx, conversation)
    if identity.email is not None and found is not None:
        known = await customers.get(tx, found.customer_id)
        # A new address makes what the old one has shown worth nothing, so the same is not set again.
        if known is not None and known.email != identity.email:
            await customers.update(tx, found.customer_id, {"email": identity.email})
    return conversation, created


def _chat(resume: str) -> str:
    """What the conversation is found by. Whoever reads the records cannot go on with it."""
    return f"visit/{hashlib.sha256(resume.encode()).hexdigest()}"


@router.post(
    "/messages", operation_id="sendVisitorMessage", status_code=202, responses=OF_VISITORS | documented(400, 413)
)
async def send_message(body: VisitorMessageIn, gateway: InGateway, visit: Visiting) -> VisitorReceipt:
    """Store the visitor's message: it will be answered, or a person will be asked."""
    check_length("text", body.text or "", gateway.settings.message_max_chars)
    async with gateway.records.tenant(visit.tenant_id) as tx:
        accepted = await intake.store(tx, visit.conversation_id, body.text or "", body.client_message_id)
        if accepted.new:
            await intake.attach(tx, visit.conversation_id, accepted.message_id, body.attachment_ids)
    await intake.hand_over(gateway, accepted)
    return VisitorReceipt(message_id=accepted.message_id, duplicate=not accepted.new)


@router.post(
    "/files",
    operation_id="uploadVisitorFile",
    status_code=201,
    responses=OF_VISITORS | documented(400, 409, 413),
    openapi_extra=media.REQUEST,
)
async def upload_file(request: Request, gateway: InGateway, site: InSite, visit: Visiting) -> AttachmentOut:
    """Store a file that is then sent with a message. One that is not sent within a day is forgotten."""
    if not site.settings.files:
        raise ProblemError(403, "This site takes no files.", kind="no-files")
    await gateway.gate.admit_file(request)
    try:
        return await media.keep(gateway, visit.tenant_id, visit.conversation_id, request)
    finally:
        await request.close()


@router.get("/messages", operation_id="listVisitorMessages", responses=OF_VISITORS)
async def list_messages(
    query: Annotated[MessagesQuery, Query()], gateway: InGateway, visit: Visiting
) -> VisitorMessages:
    """What was said, the oldest first."""
    async with gateway.records.tenant(visit.tenant_id) as tx:
        # Read first: what happens meanwhile is then told twice rather than never.
        last_event_id = await deliveries.head(tx)
        standing = await conversations.get(tx, visit.conversation_id)
        if standing is None:
            raise not_found("conversation")
        found = await messages.page(tx, visit.conversation_id, after=query.cursor, limit=query.limit + 1)
    page = paged(
        [VisitorMessageOut.of(each, each.created_at, gateway.media.url) for each in found],
        query.limit,
        [each.seq for each in found],
    )
    return VisitorMessages(items=page.items, next=page.next, state=standing.state, last_event_id=last_event_id)


async def position(gateway: InGateway, visit: Visiting, last_event_id: Annotated[str | None, Header()] = None) -> int:
    """Where the stream starts. A dependency, because a stream that has begun can report no error."""
    after = streams.start_after(last_event_id, None)
    return await visits.head(gateway, visit) if after is None else after


async def subscription(gateway: InGateway, visit: Visiting) -> AsyncIterator[Subscription]:
    with gateway.wakeups.subscribe(visit.conversation_id) as subscription:
        yield subscription


@router.get("/events", operation_id="streamVisit", response_class=EventSourceResponse, responses=OF_VISITORS)
async def stream_visit(
    gateway: InGateway,
    visit: Visiting,
    after: Annotated[int, Depends(position)],
    subscription: Annotated[Subscription, Depends(subscription)],
) -> AsyncIterator[ServerSentEvent]:
    """What is said to the visitor, as it happens, until the token ends. Without `Last-Event-ID`: only what is new.

    `message` is something that was said, `state` where the conversation stands. `draft` is what there is so far of an answer
    that is being written, checked as the whole will be: each `text` takes the place of the one before, an empty one takes it
    away, and so do the bot's next `message` and the end of the connection. `typing` says that an answer is being written, for
    so many `seconds`. These two have no `id`.

    The same comes over a WebSocket at `…/ws`, each event a JSON object with `id` (of a draft: none), `type` and `data`.
    """
    async for event in visits.events(gateway, visit, subscription, after):
        number = None if event.id is None else str(event.id)
        yield ServerSentEvent(raw_data=event.json, event=event.type, id=number)


# A plain route: what the framework does for every other one begins with a request.
router.add_websocket_route(f"{router.prefix}/ws", visits.socket, name="visitSocket")
