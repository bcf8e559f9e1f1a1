"""Where providers deliver. Nobody signs in: the bytes of each delivery prove where they come from."""

import time
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from api.gateway import Gateway, InGateway
from api.problems import ProblemError, documented
from api.records import translated
from api.schemas.webhooks import WebhookMessageIn, WebhookReceipt
from api.webhooks.challenge import answer
from api.webhooks.channels import CHANNELS, KINDS
from models.contracts.channels import Provider
from models.contracts.enums import ChannelKind
from models.repositories import channel_accounts
from models.repositories.account_proofs import AccountProof

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
    proof = await _proof(gateway, kind, account_id)
    channel = None if proof is None else CHANNELS.get(proof.provider)
    if proof is None or channel is None or not channel.prove(request, body, proof.secrets, time.time()):
        await gateway.gate.stranger(request)
        # The same words whatever is wrong with it.
        raise ProblemError(401, "This account is unknown, or the signature is not its own.")
    return await channel.receive(gateway, proof.tenant_id, proof.account_id, request.headers, body)


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
    proof = await _proof(gateway, kind, account_id)
    if proof is not None and proof.provider is Provider.WHATSAPP_CLOUD:
        async with gateway.records.tenant(proof.tenant_id) as tx:
            found = await channel_accounts.connection(tx, gateway.vault, proof.account_id)
        word = "" if found is None or found.credentials is None else found.credentials["verify_token"]
        if (challenge := answer(request.query_params, word)) is not None:
            return PlainTextResponse(challenge)
    await gateway.gate.stranger(request)
    raise ProblemError(401, "This account is unknown, or the token is not its own.")


async def _proof(gateway: Gateway, kind: str, written: str) -> AccountProof | None:
    """What deliveries to the account that the address names are proved by; None when it takes none.

    Raises ProblemError (404) for a kind that takes none.
    """
    if kind not in {each.value for each in KINDS}:
        raise ProblemError(404, "There is nothing at this path.")
    try:
        account = UUID(written)
    except ValueError:
        return None
    with translated():
        return await gateway.account_proofs.find(account, ChannelKind(kind))
