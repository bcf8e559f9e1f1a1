"""Deliveries of the `api` channel: one customer's message each."""

import json
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import Headers

from api import intake
from api.edge.well_formed import check_json
from api.gateway import Gateway
from api.limits import check_length
from api.problems import ProblemError
from api.schemas.conversations import CustomerIn
from api.schemas.webhooks import WebhookMessageIn, WebhookReceipt
from models.contracts.enums import ChannelKind
from models.repositories import channel_deliveries


async def receive(gateway: Gateway, tenant: UUID, account: UUID, headers: Headers, body: bytes) -> WebhookReceipt:
    """Store a message and hand it over. A delivery, or a message, that was here before has no effect.

    Raises ProblemError (400, 422, 503), RequestValidationError.
    """
    given = _parsed(body)
    check_length("text", given.text, gateway.settings.message_max_chars)
    customer = CustomerIn(external_id=given.customer.external_id, name=given.customer.name)
    async with gateway.records.tenant(tenant) as tx:
        names = f"delivery/{headers['webhook-id']}", f"message/{given.message_id}"
        if not await channel_deliveries.take(tx, account, *names):
            return WebhookReceipt(duplicate=True)
        conversation, _ = await intake.open_conversation(tx, ChannelKind.API, customer, account=account)
        accepted = await intake.store(tx, conversation, given.text, given.message_id)
    await intake.hand_over(gateway, accepted)
    return WebhookReceipt(
        duplicate=not accepted.new, conversation_id=accepted.start.conversation_id, message_id=accepted.message_id
    )


def _parsed(body: bytes) -> WebhookMessageIn:
    try:
        check_json(body)
        return WebhookMessageIn.model_validate(json.loads(body))
    except ValidationError as error:
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
        ) from None
    except ValueError:
        raise ProblemError(400, "The body is not valid JSON in UTF-8.") from None
