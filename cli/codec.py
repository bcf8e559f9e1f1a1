"""`mainstay codec`: what Temporal stores, readable for the operator."""

import asyncio
import base64
import json
import sys
from typing import TYPE_CHECKING, Any

import typer

from cli.context import DataDir, errors, print_json, running_settings
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from runtime.crypto.codec import EncryptionCodec

app = typer.Typer(no_args_is_help=True, help="Decrypt Temporal's payloads.")


@app.command()
def decode(data_dir: DataDir = None) -> None:
    """Read JSON from standard input, write it with every encrypted payload in it decrypted.

    For example: temporal workflow show --workflow-id ID --output json | mainstay codec decode
    """
    from models.payload_keys import KeysUnavailableError, encrypting

    settings = running_settings(data_dir)
    try:
        document = json.load(sys.stdin)
    except ValueError:
        raise OperatorError("standard input is not JSON: use --output json") from None

    async def work() -> tuple[Any, int]:
        async with encrypting(settings) as codec:
            reader = _Reader(codec)
            return await reader.read(document), reader.unreadable

    try:
        decoded, unreadable = asyncio.run(work())
    except KeysUnavailableError:
        raise OperatorError("Postgres cannot be reached: is it running?") from None
    print_json(decoded)
    if unreadable:
        errors.print(f"{unreadable} payloads do not open: their keys are gone, or are another installation's.")


class _Reader:
    """Walks a JSON document and decrypts what looks like a payload."""

    def __init__(self, codec: "EncryptionCodec") -> None:
        self._codec = codec
        self.unreadable = 0

    async def read(self, value: Any) -> Any:
        if isinstance(value, list):
            return [await self.read(item) for item in value]
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("metadata"), dict) and isinstance(value.get("data"), str):
            return await self._payload(value)
        return {name: await self.read(item) for name, item in value.items()}

    async def _payload(self, value: dict[str, Any]) -> Any:
        from temporalio.api.common.v1 import Payload

        from runtime.crypto.aead import SealedError

        try:
            metadata = {name: base64.b64decode(text, validate=True) for name, text in value["metadata"].items()}
            payload = Payload(metadata=metadata, data=base64.b64decode(value["data"], validate=True))
        except (TypeError, ValueError):
            return value  # something else that has fields of these names
        try:
            (opened,) = await self._codec.decode([payload])
        except SealedError:
            self.unreadable += 1
            return value
        try:
            return json.loads(opened.data)
        except ValueError:
            return value  # no JSON inside
