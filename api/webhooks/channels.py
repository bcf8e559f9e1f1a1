"""Which channels take deliveries over HTTP: how each proves them and what it makes of them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from starlette.datastructures import Headers

from api.gateway import Gateway
from api.schemas.webhooks import WebhookReceipt
from api.webhooks import messages, signatures
from api.webhooks.signatures import Verify
from models.contracts.enums import ChannelKind


@dataclass(frozen=True, slots=True)
class Channel:
    """`receive(gateway, tenant, account, headers, body)` stores what a proved delivery carries, once."""

    verify: Verify
    receive: Callable[[Gateway, UUID, UUID, Headers, bytes], Awaitable[WebhookReceipt]]


# A kind that is missing here takes no deliveries: its address does not exist.
CHANNELS: Mapping[ChannelKind, Channel] = {
    ChannelKind.API: Channel(signatures.standard, messages.receive),
}
