"""The other side of a channel account: it signs what it delivers."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

from runtime.ids import new_id
from tests.service.api.house import HELLO, Company


@dataclass
class Sender:
    """Somebody else's system, which holds the secret of one account. No API key goes with what it sends."""

    http: httpx.AsyncClient
    account: str
    secret: str
    kind: str = "api"

    @property
    def path(self) -> str:
        return f"/v1/channels/{self.kind}/{self.account}"

    async def deliver(
        self,
        body: Any,
        *,
        name: str | None = None,
        at: float | None = None,
        secret: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        signed = sign(content, secret or self.secret, name or new_id().hex, int(at or time.time()))
        request = self.http.build_request("POST", self.path, content=content, headers=signed | (headers or {}))
        del request.headers["authorization"]
        return await self.http.send(request)


def sign(content: bytes, secret: str, name: str, at: int) -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"{name}.{at}.".encode() + content, hashlib.sha256)).decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{signature}",
    }


def message(text: str = HELLO, *, customer: str = "c-42", name: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "customer": {"external_id": customer, "name": "Aigerim"},
        "text": text,
        "message_id": name or new_id().hex,
        **more,
    }


async def sender(tenant: Company, name: str = "shop") -> Sender:
    """The other side of a new account."""
    made = await tenant.post("/v1/channel-accounts", {"provider": "api", "name": name})
    assert made.status_code == 201, made.text
    return Sender(tenant.http, made.json()["id"], made.json()["webhook_secret"])
