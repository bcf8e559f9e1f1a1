"""Where providers deliver. Nobody signs in: the bytes of each delivery prove where they come from."""

import time
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from api.gateway import Gateway, InGateway
from api.problems import ProblemError, documented
from api.schemas.webhooks import WebhookMessageIn, WebhookReceipt
from api.webhooks.challenge import answer
from api.webhooks.channels import CHANNELS, KINDS
from models.contracts.channels import Provider
from models.contracts.enums import ChannelKind
from models.repositories import channel_accounts

router = APIRouter(prefix="/v1/channels", tags=["channels"], responses=documented(400, 401, 404, 413, 422, 503))

SIGNATURE = [
    {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}
    for name, description in (
        ("webhook-id", "Names the delivery, without a dot. Kinds `api` and `email`: Standard Webhooks."),
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
    """Take a delivery of a provider. 200 means stored: it will be answered, or a person will be asked.

    The body is what each provider posts. Kind `email`: a mail as it travelled (`message/rfc822`), or `{"raw": …}` with
    the mail in base64.
    """
    # Bounded (see api.edge.body_limit), and not looked into before it is proved.
    body = await request.body()
    account, tenant, provider, secrets = await _proof(gateway, kind, account_id)
    channel = None if provider is None else CHANNELS.get(provider)
    if channel is None or tenant is None or account is None or not channel.prove(request, body, secrets, time.time()):
        await gateway.gate.stranger(request)
        # The same words whatever is wrong with it.
        raise ProblemError(401, "This account is unknown, or the signature is not its own.")
    return await channel.receive(gateway, tenant, account, request.headers, body)


@router.get(
    "/{kind}/{account_id}",
    operation_id="probeWebhook",
    response_class=PlainTextResponse,
    openapi_extra={
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
            for name in ("hub.mode", "hub.verify_token", "hub.challenge")
        ]
    },
)
async def probe(kind: str, account_id: str, request: Request, gateway: InGateway) -> PlainTextResponse:
    """Answer a provider that asks, when its webhook is set up, whether it has come to the right place."""
    account, tenant, provider, _ = await _proof(gateway, kind, account_id)
    if provider is Provider.WHATSAPP_CLOUD and tenant is not None and account is not None:
        async with gateway.records.tenant(tenant) as tx:
            found = await channel_accounts.connection(tx, gateway.vault, account)
        word = "" if found is None or found.credentials is None else found.credentials["verify_token"]
        if (challenge := answer(request.query_params, word)) is not None:
            return PlainTextResponse(challenge)
    await gateway.gate.stranger(request)
    raise ProblemError(401, "This account is unknown, or the token is not its own.")


def _id(written: str) -> UUID | None:
    try:
        return UUID(written)
    except ValueError:
        return None


async def _proof(
    gateway: Gateway, kind: str, written: str
) -> tuple[UUID | None, UUID | None, Provider | None, list[bytes]]:
    """The account, its tenant, who delivers to it, and its good secrets; nothing when no such account takes deliveries.

    Raises ProblemError (404) for a kind that takes none.
    """
    if kind not in {each.value for each in KINDS}:
        raise ProblemError(404, "There is nothing at this path.")
    account = _id(written)
    if account is None:
        return None, None, None, []
    async with gateway.records.system() as tx:
        tenant = await channel_accounts.find(tx, account, ChannelKind(kind))
    if tenant is None:
        return account, None, None, []
    async with gateway.records.tenant(tenant) as tenant_tx:
        found = await channel_accounts.proof(tenant_tx, gateway.vault, account)
    return (account, tenant, None, []) if found is None else (account, tenant, *found)
