"""Which providers deliver over HTTP: how each proves a delivery and what becomes of it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from fastapi import Request
from starlette.datastructures import Headers

from api.gateway import Gateway
from api.schemas.webhooks import WebhookReceipt
from api.webhooks import deliveries, mails, messages, signatures
from models.contracts.channels import Provider

Prove = Callable[[Request, bytes, Sequence[bytes], float], bool]
"""`prove(request, body, secrets, now)`: whether the delivery shows that it knows one of the secrets."""


@dataclass(frozen=True, slots=True)
class Channel:
    """`receive(gateway, tenant, account, headers, body)` stores what a proved delivery carries, once."""

    prove: Prove
    receive: Callable[[Gateway, UUID, UUID, Headers, bytes], Awaitable[WebhookReceipt]]


def _by(verify: signatures.Verify) -> Prove:
    return lambda request, body, secrets, now: verify(request.headers, body, secrets, now)


def _by_address(request: Request, _body: bytes, secrets: Sequence[bytes], _now: float) -> bool:
    """ChatFlow signs nothing: it delivers to an address that nobody else knows."""
    given = request.query_params.getlist("key")
    return len(given) == 1 and signatures.known_word(given[0], secrets)


# A provider that is missing here delivers nothing: its address does not exist.
CHANNELS: Mapping[Provider, Channel] = {
    Provider.API: Channel(_by(signatures.standard), messages.receive),
    Provider.TELEGRAM: Channel(_by(signatures.telegram), deliveries.of_telegram),
    Provider.WHATSAPP_CLOUD: Channel(_by(signatures.whatsapp), deliveries.of_whatsapp_cloud),
    Provider.CHATFLOW: Channel(_by_address, deliveries.of_chatflow),
    Provider.EMAIL: Channel(_by(signatures.standard), mails.receive),
}
KINDS = frozenset(provider.kind for provider in CHANNELS)
