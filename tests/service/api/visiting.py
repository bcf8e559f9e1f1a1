"""A site with the widget, and who visits it: browsers, which tell where a page comes from and hold no API key."""

import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import jwt

from runtime.ids import new_id
from tests.service.api.house import HELLO, Company, Stream


@dataclass
class Site:
    """A channel account of the kind `web`, and one of its origins."""

    http: httpx.AsyncClient
    account: str
    secret: str
    origin: str

    @property
    def path(self) -> str:
        return f"/v1/widget/{self.account}"

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Without the key that the client has; `Origin` is the site's unless another is given."""
        given = {"Origin": self.origin} | headers
        request = self.http.build_request(method, f"{self.path}/{path}", json=body, headers=given)
        if "Authorization" not in headers:
            del request.headers["authorization"]
        return await self.http.send(request)

    async def visited(self, **body: Any) -> "Visitor":
        opened = await self.ask("POST", "session", body)
        assert opened.status_code == 200, opened.text
        return Visitor(self, opened.json())

    def identity(self, secret: str | None = None, **claims: Any) -> str:
        given = {"sub": "c-42", "aud": self.account, "exp": int(time.time()) + 300} | claims
        return jwt.encode({k: v for k, v in given.items() if v is not None}, secret or self.secret, "HS256")

    def hash(self, user_id: str) -> str:
        return hmac.digest(self.secret.encode(), user_id.encode(), hashlib.sha256).hex()


@dataclass
class Visitor:
    site: Site
    opened: dict[str, Any]

    @property
    def token(self) -> str:
        return str(self.opened["token"])

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def say(self, text: str = HELLO, name: str | None = None) -> httpx.Response:
        body = {"text": text, "client_message_id": name or new_id().hex}
        return await self.site.ask("POST", "messages", body, **self.bearer)

    async def read(self) -> dict[str, Any]:
        answer = await self.site.ask("GET", "messages", **self.bearer)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def texts(self) -> list[str]:
        return [each["text"] for each in (await self.read())["items"]]

    @asynccontextmanager
    async def events(self, **headers: str) -> AsyncIterator[Stream]:
        given = self.bearer | {"Origin": self.site.origin} | headers
        async with self.site.http.stream("GET", f"{self.site.path}/events", headers=given, timeout=30) as response:
            assert response.status_code == 200, (await response.aread()).decode()
            yield Stream(response)


async def site_of(tenant: Company, name: str = "site", **settings: Any) -> Site:
    """A new site of the tenant, on an origin that no other test uses."""
    origin = f"https://{name}.{tenant.slug}.example.com"
    given = {"origins": [origin], **settings}
    made = await tenant.post("/v1/channel-accounts", {"provider": "web", "name": name, "settings": given})
    assert made.status_code == 201, made.text
    return Site(tenant.http, made.json()["id"], made.json()["webhook_secret"], origin)
