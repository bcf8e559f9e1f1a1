"""Calls of Meta's Graph API. The token travels in a header, and only to the address that the operator set."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from activities.channels.exchange import exchange, timeouts
from activities.channels.port import TryLaterError, UnclearError
from activities.channels.whatsapp_cloud.errors import failure
from activities.provider.http import retry_after

VERSION = "v23.0"
ANSWER_SECONDS = 30.0
FILE_SECONDS = 300.0


class Graph:
    def __init__(self, client: httpx.AsyncClient, base_url: str, token: SecretStr) -> None:
        self._client = client
        self.origin = httpx.URL(base_url)
        self._base = f"{base_url.rstrip('/')}/{VERSION}"
        self._token = token

    async def get(self, name: str, **parameters: str) -> dict[str, Any]:
        """The object `name`, a single segment of a path. Raises ChannelError."""
        url = f"{self._base}/{quote(name, safe='')}"
        async with exchange(ANSWER_SECONDS, acts=False):
            response = await self._client.get(
                url,
                params=parameters,
                headers=self._headers(),
                timeout=timeouts(ANSWER_SECONDS),
                follow_redirects=False,
            )
        return _answer(response, acts=False)

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Do something that must not be done twice. Raises ChannelError."""
        async with exchange(ANSWER_SECONDS, acts=True):
            response = await self._client.post(
                f"{self._base}/{path}",
                json=body,
                headers=self._headers(),
                timeout=timeouts(ANSWER_SECONDS),
                follow_redirects=False,
            )
        return _answer(response, acts=True)

    async def upload(self, path: str, headers: Mapping[str, str], content: AsyncIterator[bytes]) -> dict[str, Any]:
        """Hand over a file; once more does no harm. Raises ChannelError."""
        async with exchange(FILE_SECONDS, acts=False):
            response = await self._client.post(
                f"{self._base}/{path}",
                content=content,
                headers={**headers, **self._headers()},
                timeout=timeouts(FILE_SECONDS),
                follow_redirects=False,
            )
        return _answer(response, acts=False)

    @asynccontextmanager
    async def open(self, url: httpx.URL) -> AsyncIterator[httpx.Response]:
        """What `url` holds, while it is read, whatever its status. The caller knows that it is Meta's."""
        request = self._client.build_request("GET", url, headers=self._headers(), timeout=timeouts(ANSWER_SECONDS))
        async with exchange(ANSWER_SECONDS, acts=False):
            response = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            yield response
        finally:
            await response.aclose()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token.get_secret_value()}", "User-Agent": "Mainstay"}


def _answer(response: httpx.Response, *, acts: bool) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not response.is_success:
        error = body.get("error") if isinstance(body, dict) else None
        found = error if isinstance(error, dict) else {}
        raise failure(response.status_code, found, retry_after(response.headers), acts=acts)
    if not isinstance(body, dict):
        raise (UnclearError if acts else TryLaterError)("unreadable_answer")
    return body
