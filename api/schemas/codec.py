"""Payloads as Temporal's remote codec protocol sends them: protobuf's JSON, bytes in base64."""

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from api.schemas.base import Request, Response


def _base64(value: str) -> str:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError("must be base64") from None
    return value


Bytes = Annotated[str, AfterValidator(_base64)]


class PayloadModel(Request):
    """One payload. Fields that we do not know go back as they came."""

    model_config = ConfigDict(extra="allow")

    metadata: dict[str, Bytes] = Field(default_factory=dict)
    data: Bytes = ""


class PayloadsIn(Request):
    """What the Temporal UI has."""

    payloads: list[PayloadModel] = Field(max_length=1000)


class PayloadsOut(Response):
    """As many, in the same order: decrypted where a key of the caller's tenant had encrypted them."""

    payloads: list[PayloadModel]
