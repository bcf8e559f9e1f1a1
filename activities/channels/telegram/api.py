"""Calls of the Bot API. The token is in every address: no address is ever shown."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from activities.channels.exchange import exchange, timeouts
from activities.channels.form import form
from activities.channels.port import TryLaterError, UnclearError
from activities.channels.telegram.errors import failure
from models.contracts.channels import Media

ANSWER_SECONDS = 30.0
FILE_SECONDS = 300.0

Fields = Mapping[str, Any]


class Api:
    """One bot's."""

    def __init__(self, client: httpx.AsyncClient, base_url: str, token: SecretStr) -> None:
        self._client = client
        self._base = base_url.rstrip("/")
        self._token = token

    async def ask(self, method: str, fields: Fields | None = None, *, seconds: float = ANSWER_SECONDS) -> Any:
        """The result of a method that may be called again. Raises ChannelError."""
        return await self._call(method, fields or {}, seconds, acts=False)

    async def act(self, method: str, fields: Fields) -> Any:
        """The result of a method that must not be called twice. Raises ChannelError."""
        return await self._call(method, fields, ANSWER_SECONDS, acts=True)

    async def upload(self, method: str, fields: Fields, name: str, media: Media, chunks: AsyncIterator[bytes]) -> Any:
        """Like `act`, with a file as the field `name`."""
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}
        filled = form(texts, name, media, chunks)
        async with exchange(FILE_SECONDS, acts=True):
            response = await self._client.post(
                self._address(method),
                content=filled.content,
                headers=filled.headers,
                timeout=timeouts(FILE_SECONDS),
                follow_redirects=False,
            )
        return _result(response, fields, acts=True)

    @asynccontextmanager
    async def file(self, path: str) -> AsyncIterator[httpx.Response]:
        """A file at the path that getFile tells, while it is read, whatever its status."""
        address = f"{self._base}/file/bot{self._token.get_secret_value()}/{quote(path)}"
        request = self._client.build_request("GET", address, timeout=timeouts(ANSWER_SECONDS))
        async with exchange(ANSWER_SECONDS, acts=False):
            response = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            yield response
        finally:
            await response.aclose()

    async def _call(self, method: str, fields: Fields, seconds: float, *, acts: bool) -> Any:
        async with exchange(seconds, acts=acts):
            response = await self._client.post(
                self._address(method), json=fields, timeout=timeouts(seconds), follow_redirects=False
            )
        return _result(response, fields, acts=acts)

    def _address(self, method: str) -> str:
        return f"{self._base}/bot{self._token.get_secret_value()}/{method}"


def _result(response: httpx.Response, fields: Fields, *, acts: bool) -> Any:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    match answer:
        case {"ok": True, "result": result} if response.is_success:
            return result
        case _ if response.is_success:
            raise (UnclearError if acts else TryLaterError)("unreadable_answer")
        case {"ok": False}:
            own = answer
        case _:
            own = None
    raise failure(response.status_code, own, group=str(fields.get("chat_id", "")).startswith("-"), acts=acts)
