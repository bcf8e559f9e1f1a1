"""A request has so long to arrive, to be answered, and to be read. What takes longer is ended."""

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qs

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.problems import ProblemError, unavailable

log = structlog.get_logger(__name__)

# The longest `?wait=` (see api.routes.conversations); it comes on top.
LONGEST_WAIT = 60.0


class TimeLimit:
    """Pure ASGI. Seconds for the body, from there to the response's first byte, and for each part of it to be taken.

    `body` tells it of a path. A stream may last: it is bounded by what its client takes.
    """

    def __init__(self, app: ASGIApp, *, body: Callable[[str], float], answer: float, taken: float = 60.0) -> None:
        self._app = app
        self._body = body
        self._answer = answer
        self._taken = taken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        now = asyncio.get_running_loop().time
        answer = self._answer + _wait(scope["query_string"])
        body = self._body(scope["path"])
        arrived = not _has_body(scope)
        started = False

        try:
            async with asyncio.timeout(answer if arrived else body) as limit:

                async def receiving() -> Message:
                    nonlocal arrived
                    message = await receive()
                    if not arrived and not message.get("more_body", False):
                        arrived = True
                        limit.reschedule(now() + answer)
                    return message

                async def sending(message: Message) -> None:
                    nonlocal started
                    started = True
                    limit.reschedule(now() + self._taken)
                    await send(message)
                    limit.reschedule(None)

                await self._app(scope, receiving, sending)
        except TimeoutError:
            if not limit.expired():
                raise
            if started:
                log.warning("response_not_taken", seconds=self._taken)
                return
            await problems.render(Request(scope), _late(arrived))(scope, receive, send)


def _late(arrived: bool) -> ProblemError:
    if not arrived:
        return ProblemError(408, "The body did not arrive in time.", headers={"Connection": "close"})
    return unavailable("This took too long here. Repeat the request: it may have been carried out, so with its key.")


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _wait(query: bytes) -> float:
    """Seconds that the client asks to wait for. Whether that is a number is for the route to say."""
    if b"wait" not in query:
        return 0.0
    try:
        wait = float(parse_qs(query.decode("latin-1"), max_num_fields=100).get("wait", ["0"])[-1])
    except ValueError:
        return 0.0
    return min(wait, LONGEST_WAIT) if wait > 0 else 0.0
