"""Temporal's remote codec: its UI shows payloads decrypted to whoever may see them, and stores none."""

import base64

from fastapi import APIRouter
from temporalio.api.common.v1 import Payload

from api.gateway import InGateway
from api.identity.auth import Signed
from api.problems import documented, unavailable
from api.schemas.codec import PayloadModel, PayloadsIn, PayloadsOut
from models.payload_keys import KeysUnavailableError

router = APIRouter(prefix="/v1/codec", tags=["codec"], responses=documented(400, 401, 403, 413, 422, 503))


@router.post("/decode", operation_id="decodePayloads")
async def decode(body: PayloadsIn, gateway: InGateway, caller: Signed) -> PayloadsOut:
    """Decrypt payloads of workflows of the caller's tenant. All others come back as they are."""
    sent = [
        Payload(
            metadata={name: base64.b64decode(value) for name, value in each.metadata.items()},
            data=base64.b64decode(each.data),
        )
        for each in body.payloads
    ]
    try:
        opened = await gateway.codec.open_for(caller.tenant_id, sent)
    except KeysUnavailableError as error:
        raise unavailable("The keys cannot be reached now. Repeat the request.") from error
    return PayloadsOut(
        payloads=[
            given if after is before else _as_json(after)
            for given, before, after in zip(body.payloads, sent, opened, strict=True)
        ]
    )


def _as_json(payload: Payload) -> PayloadModel:
    return PayloadModel(
        metadata={name: base64.b64encode(value).decode() for name, value in payload.metadata.items()},
        data=base64.b64encode(payload.data).decode(),
    )
