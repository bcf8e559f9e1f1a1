"""Where providers deliver. Nobody signs in: the bytes of each delivery prove where they come from."""

import time
from uuid import UUID

from fastapi import APIRouter, Request

from api.gateway import Gateway, InGateway
from api.problems import ProblemError, documented
from api.schemas.webhooks import WebhookMessageIn, WebhookReceipt
from api.webhooks.channels import CHANNELS
from models.contracts.enums import ChannelKind
from models.repositories import channel_accounts

router = APIRouter(prefix="/v1/channels", tags=["channels"], responses=documented(400, 401, 404, 413, 422, 503))

SIGNATURE = [
    {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}
    for name, description in (
        ("webhook-id", "Names the delivery, without a dot. Kind `api`: Standard Webhooks."),
        ("webhook-timestamp", "Unix seconds, at most five minutes off."),
        ("webhook-signature", "`v1,` and base64 of the HMAC-SHA256 of `id.timestamp.body`; several by spaces."),
    )
]


# What it refers to stands in its own `$defs`; api.openapi moves that to where the document has it.
MESSAGE = WebhookMessageIn.model_json_schema(ref_template="#/components/schemas/{model}")


@router.post(
    "/{kind}/{account_id}",
    operation_id="receiveWebhook",
    openapi_extra={
        "parameters": SIGNATURE,
        "requestBody": {"content": {"application/json": {"schema": MESSAGE}}},
    },
)
async def receive(kind: str, account_id: str, request: Request, gateway: InGateway) -> WebhookReceipt:
    """Take a delivery of a provider. 200 means stored: it will be answered, or a person will be asked."""
    channel = CHANNELS.get(ChannelKind(kind)) if kind in list(ChannelKind) else None
    if channel is None:
        raise ProblemError(404, "There is nothing at this path.")
    # Bounded (see api.edge.body_limit), and not looked into before it is proved.
    body = await request.body()
    account = _id(account_id)
    tenant, secrets = await _secrets(gateway, account, ChannelKind(kind))
    if tenant is None or account is None or not channel.verify(request.headers, body, secrets, time.time()):
        await gateway.gate.stranger(request)
        # The same words whatever is wrong with it.
        raise ProblemError(401, "This account is unknown, or the signature is not its own.")
    return await channel.receive(gateway, tenant, account, request.headers, body)


def _id(written: str) -> UUID | None:
    try:
        return UUID(written)
    except ValueError:
        return None


async def _secrets(gateway: Gateway, account: UUID | None, kind: ChannelKind) -> tuple[UUID | None, list[bytes]]:
    """The account's tenant and good secrets; None when no such account takes deliveries."""
    if account is None:
        return None, []
    async with gateway.records.system() as tx:
        tenant = await channel_accounts.find(tx, account, kind)
    if tenant is None:
        return None, []
    async with gateway.records.tenant(tenant) as tenant_tx:
        return tenant, await channel_accounts.secrets(tenant_tx, gateway.vault, account)
