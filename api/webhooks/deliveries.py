"""Deliveries of providers: kept as they came, once, and read by the lane of their account. Nothing here looks into them
further than to find out what they are called."""

import hashlib
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from starlette.datastructures import Headers

from api.edge.well_formed import check_json
from api.gateway import Gateway
from api.problems import ProblemError
from api.records import translated
from api.schemas.webhooks import WebhookReceipt
from models.contracts.lanes import Lane
from models.repositories.inbox import Delivery


async def of_telegram(gateway: Gateway, tenant: UUID, account: UUID, _: Headers, body: bytes) -> WebhookReceipt:
    """One update. Updates are numbered one after the other, and several are on the way at a time."""

    def number(given: dict[str, Any]) -> int | None:
        found = given.get("update_id")
        return found if isinstance(found, int) and 0 <= found < 2**63 else None

    return await _kept(gateway, tenant, account, body, lambda given: str(given.get("update_id")), number)


async def of_whatsapp_cloud(gateway: Gateway, tenant: UUID, account: UUID, _: Headers, body: bytes) -> WebhookReceipt:
    """A batch of messages and states without a name: what is repeated is repeated byte by byte. Single messages that
    come in another batch once more are told by their own names when they are stored."""
    return await _kept(gateway, tenant, account, body, lambda _: f"body/{hashlib.sha256(body).hexdigest()}")


async def of_chatflow(gateway: Gateway, tenant: UUID, account: UUID, _: Headers, body: bytes) -> WebhookReceipt:
    """One message. Its screens probe with empty bodies, which are no deliveries."""
    if not body.strip():
        return WebhookReceipt(duplicate=False)

    def name(given: dict[str, Any]) -> str:
        metadata = given.get("metadata")
        found = metadata.get("messageId") if isinstance(metadata, dict) else None
        chat = metadata.get("remoteJid") if isinstance(metadata, dict) else None
        return f"message/{chat}/{found}" if found else f"body/{hashlib.sha256(body).hexdigest()}"

    return await _kept(gateway, tenant, account, body, name)


async def _kept(
    gateway: Gateway,
    tenant: UUID,
    account: UUID,
    body: bytes,
    name: Callable[[dict[str, Any]], str],
    number: Callable[[dict[str, Any]], int | None] = lambda _: None,
) -> WebhookReceipt:
    """Raises ProblemError (400, 503)."""
    payload = _parsed(body)
    with translated():
        new = await gateway.inbox.put(Delivery(tenant, account, name(payload), payload, number(payload)))
    # One that was here before as well: it comes again where nobody has heard that it is here.
    gateway.pokes.poke(tenant, account, Lane.IN)
    return WebhookReceipt(duplicate=not new)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        check_json(body)
        given = json.loads(body)
    except ValueError:
        raise ProblemError(400, "The body is not valid JSON in UTF-8.") from None
    if not isinstance(given, dict):
        raise ProblemError(400, "The body is not a JSON object.")
    return given
