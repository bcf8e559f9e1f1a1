"""What a visitor of a site hears, as server-sent events or over a WebSocket: messages to them, answers while they
are written, and where things stand."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from starlette.websockets import WebSocket, WebSocketDisconnect

from api import streams
from api.edge.origins import is_own
from api.gateway import Gateway
from api.identity import visitors
from api.identity.tokens import Visit
from api.permissions import Traffic
from api.problems import ProblemError, not_found
from api.schemas.base import FileUrl
from api.schemas.widget import VisitorMessageOut
from api.streams import Draft, Typing
from models.contracts.enums import EventType
from models.repositories import conversations, deliveries
from models.repositories.deliveries import Delivery
from runtime.wakeups import Subscription

# Browsers let a page give a WebSocket no header but this one: `mainstay` and `token.<the visitor's token>`.
PROTOCOL = "mainstay"
TOKEN = "token."  # noqa: S105  # what stands before one
# Close codes beyond what the standard has a name for mean what the same status means in HTTP.
ENDED = 1000
RESTARTING = 1012
DATA = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Heard:
    """`id` None: it is only of this moment, and nothing is resumed from it."""

    id: int | None
    type: str
    data: dict[str, Any]

    @property
    def json(self) -> str:
        return DATA.dump_json(self.data).decode()


async def head(gateway: Gateway, visit: Visit) -> int:
    """The number after which everything is new. Raises ProblemError (404) when the conversation was erased."""
    async with gateway.records.tenant(visit.tenant_id) as tx:
        if await conversations.get(tx, visit.conversation_id) is None:
            raise not_found("conversation")
        return await deliveries.head(tx)


async def events(gateway: Gateway, visit: Visit, subscription: Subscription, after: int) -> AsyncIterator[Heard]:
    """What happens after number `after`, until the token ends or the site takes nothing in any more."""

    async def may_hear() -> bool:
        if time.time() >= visit.ends:
            return False
        return await visitors.site_visited(gateway.records, visit) is not None

    async for happened in streams.follow(
        gateway, visit.tenant_id, visit.conversation_id, after, subscription, may_hear
    ):
        if isinstance(happened, Draft):
            yield Heard(None, "draft", {"text": happened.text})
        elif isinstance(happened, Typing):
            yield Heard(None, "typing", {"seconds": happened.seconds})
        elif (heard := _heard(happened, gateway.media.url)) is not None:
            yield heard


def _heard(delivery: Delivery, url: FileUrl) -> Heard | None:
    """What of an event is a visitor's to know. Who works on it and how is not: what is not named here stays inside."""
    match delivery.type:
        case EventType.MESSAGE if delivery.message is not None:
            said = VisitorMessageOut.of(delivery.message, delivery.created_at, url)
            return Heard(delivery.seq, "message", said.model_dump(mode="json"))
        case EventType.STATE:
            told = {name: delivery.data.get(name) for name in ("state", "handled")}
            return Heard(delivery.seq, "state", told)
        case _:
            return None


async def socket(websocket: WebSocket) -> None:
    """The same events over a WebSocket. Nothing is read from it: messages are posted."""
    gateway: Gateway = websocket.app.state.gateway
    try:
        visit = await _admitted(websocket)
        after = streams.start_after(websocket.query_params.get("last_event_id"), None)
        after = await head(gateway, visit) if after is None else after
    except ProblemError as problem:
        # Before it is accepted: the client sees a refused handshake.
        await websocket.close(4000 + problem.status)
        return
    await websocket.accept(PROTOCOL)
    with gateway.wakeups.subscribe(visit.conversation_id) as subscription:
        sending = asyncio.create_task(_send(websocket, gateway, visit, subscription, after))
        leaving = asyncio.create_task(_left(websocket))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)


async def _admitted(websocket: WebSocket) -> Visit:
    """Raises ProblemError: 401 token, 403 origin, 404 site, 422 position, 429."""
    gateway: Gateway = websocket.app.state.gateway
    site = await visitors.site(websocket)
    # Browsers always say where a page comes from that opens one.
    origin = websocket.headers.get("origin", "")
    if origin not in site.settings.origins and not is_own(origin, websocket.scope, gateway.settings.origin):
        raise ProblemError(403, "This site does not let web pages of that origin call.", kind="origin")
    tokens = [each.removeprefix(TOKEN) for each in websocket.scope["subprotocols"] if each.startswith(TOKEN)]
    try:
        visit = await visitors.visit_of(websocket, tokens[0] if len(tokens) == 1 else "")
    except ProblemError as problem:
        if problem.status == 401:
            await gateway.gate.stranger(websocket)
        raise
    await gateway.gate.admit_visitor(websocket, Traffic.STREAM, visit)
    return visit


async def _send(websocket: WebSocket, gateway: Gateway, visit: Visit, subscription: Subscription, after: int) -> None:
    with suppress(WebSocketDisconnect):
        async for event in events(gateway, visit, subscription, after):
            number = "" if event.id is None else f'"id":{event.id},'
            await websocket.send_text(f'{{{number}"type":"{event.type}","data":{event.json}}}')
        await websocket.close(RESTARTING if subscription.ended else ENDED)


async def _left(websocket: WebSocket) -> None:
    """Returns when the client has gone, or says something: nothing is expected of it."""
    message = await websocket.receive()
    if message["type"] != "websocket.disconnect":
        await websocket.close(1003)
