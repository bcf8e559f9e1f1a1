"""Mails that a provider posts: as they travelled (`message/rfc822`), or in base64 as `{"raw": …}`.

The mail is kept in the media store for a day, where its files are fetched from, and beside it as a delivery to be read.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import AsyncIterator
from uuid import UUID

from pydantic import ValidationError
from starlette.datastructures import Headers

from api.edge.well_formed import check_json
from api.gateway import Gateway
from api.problems import ProblemError, unavailable
from api.schemas.webhooks import WebhookMailIn, WebhookReceipt
from api.uploads import LARGEST_MAIL
from models.contracts.lanes import Lane
from models.repositories import inbox, media_garbage
from runtime.media.port import MediaError


async def receive(gateway: Gateway, tenant: UUID, account: UUID, headers: Headers, body: bytes) -> WebhookReceipt:
    """Raises ProblemError (400, 503)."""
    whole = _raw(headers, body)
    # Of a larger one what fits is read, and whoever wrote it is told.
    raw = whole[:LARGEST_MAIL]
    async with gateway.records.tenant(tenant) as tx:
        key = await media_garbage.reserve(tx)
    try:
        await gateway.media.put(key, _whole(raw), limit=LARGEST_MAIL)
    except MediaError:
        raise unavailable("The mail could not be stored. Deliver it again later.") from None
    cut = len(whole) > len(raw)
    payload = {"raw": base64.b64encode(raw).decode(), "origin": f"stored/{key}", "cut": cut}
    async with gateway.records.tenant(tenant) as tx:
        # A mail that comes in two ways is told by its Message-ID when it is stored.
        new = await inbox.put(tx, account, f"body/{hashlib.sha256(whole).hexdigest()}", payload)
        if not new:
            await media_garbage.discard(tx, key)
    if new:
        gateway.pokes.poke(tenant, account, Lane.IN)
    return WebhookReceipt(duplicate=not new)


def _raw(headers: Headers, body: bytes) -> bytes:
    raw = body
    if headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        check_json(body)
        try:
            raw = base64.b64decode(WebhookMailIn.model_validate(json.loads(body)).raw, validate=True)
        except (ValidationError, binascii.Error, ValueError):
            raise ProblemError(400, "The body is not JSON with the mail in base64 as `raw`.") from None
    if not raw.strip():
        raise ProblemError(400, "The body is empty: it must be a mail.")
    return raw


async def _whole(raw: bytes) -> AsyncIterator[bytes]:
    yield raw
