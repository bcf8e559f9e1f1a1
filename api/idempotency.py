"""`Idempotency-Key`: a route class, so that a route is idempotent by the router that it is on."""

import asyncio
import hashlib
import json
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from api import problems
from api.identity.auth import authenticated, authorize
from api.problems import ProblemError, invalid
from api.records import Records
from api.uploads import form_hash, is_form
from models.repositories import idempotency
from models.repositories.idempotency import Claimed, Different, InFlight, Stored
from runtime.ids import new_id

log = structlog.get_logger(__name__)

HEADER = "Idempotency-Key"
KEY = re.compile(r"[\x21-\x7e]{1,255}")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotentRoute(APIRoute):
    """A POST that honours `Idempotency-Key`: the same request gets the first response, whatever happens twice.

    Successes and refusals (409) are kept. What left nothing behind (invalid requests, outages, defects) is not:
    the next attempt is tried anew.
    """

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                if request.method != "POST" or HEADER not in request.headers:
                    return await handle(request)
                return await _once(request, handle)
            finally:
                # Whoever read a form, here or in the route: what is large of it lies on disk.
                await request.close()

        return handler


async def request_hash(request: Request) -> bytes:
    """What makes a request the same as another: key, method, path, query and body."""
    parts = (request.headers.get(HEADER, ""), request.method, request.url.path, request.url.query)
    said = await form_hash(request) if is_form(request) else await request.body()
    return hashlib.sha256("\n".join(parts).encode() + b"\n" + said).digest()


async def update_id(request: Request) -> str:
    """A Temporal update's id: for repetitions of one request the same, so that a command is carried out once."""
    return (await request_hash(request)).hex() if HEADER in request.headers else new_id().hex


async def _once(request: Request, handle: Handler) -> Response:
    key = request.headers[HEADER]
    if not KEY.fullmatch(key):
        raise invalid(HEADER, "must be 1 to 255 visible ASCII characters")
    # Before the stored response too: who lost a permission gets no copy of what it once gave.
    await authorize(request)
    caller = await authenticated(request)
    records: Records = request.app.state.gateway.records
    hashed = await request_hash(request)
    async with records.tenant(caller.tenant_id) as tx:
        claim = await idempotency.claim(tx, key, hashed)
    match claim:
        case Stored():
            media_type = problems.MEDIA_TYPE if claim.status >= 400 else None
            return JSONResponse(claim.body, claim.status, {"Idempotency-Replayed": "true"}, media_type)
        case Different():
            raise invalid(HEADER, "was used for another request before; take a new key")
        case InFlight():
            raise ProblemError(
                409,
                "The first request with this Idempotency-Key is still being worked on.",
                kind="in-flight",
                headers={"Retry-After": "1"},
            )
        case Claimed():
            return await _first(request, handle, _Claim(records, caller.tenant_id, key, hashed))


async def _first(request: Request, handle: Handler, claim: "_Claim") -> Response:
    response: Response | None = None
    try:
        response = await handle(request)
        return response
    except ProblemError as problem:
        response = problems.render(request, problem)
        raise
    finally:
        # Shielded: a client that hangs up must not leave the claim behind.
        await asyncio.shield(claim.settle(response))


@dataclass(frozen=True, slots=True)
class _Claim:
    """A key that this request has claimed."""

    records: Records
    tenant_id: UUID
    key: str
    hashed: bytes

    async def settle(self, response: Response | None) -> None:
        """Keep the response for repetitions, or give the key back. An outage here is the lease's business."""
        try:
            async with self.records.tenant(self.tenant_id) as tx:
                if response is not None and (response.status_code < 300 or response.status_code == 409):
                    body = json.loads(bytes(response.body))
                    await idempotency.finish(tx, self.key, self.hashed, response.status_code, body)
                else:
                    await idempotency.release(tx, self.key, self.hashed)
        except ProblemError:
            log.warning("idempotency_key_not_settled")
