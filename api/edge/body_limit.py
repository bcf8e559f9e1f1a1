"""No body larger than the setting is ever held, whether it says how long it is or not."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Pure ASGI: ends the request with 413 when its body is, or grows, too large.

    `limit` tells it of a path. The framework's own limit answers in plain text; ours raises where the error handlers see
    it.
    """

    def __init__(self, app: ASGIApp, limit: Callable[[str], int]) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        announced = Headers(scope=scope).get("content-length", "0")
        too_large = announced.isdecimal() and int(announced) > limit
        received = 0

        async def limited() -> Message:
            nonlocal received
            if too_large:
                raise _too_large(limit)
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _too_large(limit)
            return message

        await self._app(scope, limited, send)


def _too_large(limit: int) -> HTTPException:
    detail = f"The body is larger than {limit} bytes, the limit of this server."
    return HTTPException(413, detail, headers={"Connection": "close"})
