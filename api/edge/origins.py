"""Web pages of other origins: which may call, and what they are told. Never a wildcard, never credentials."""

import time
from typing import Protocol
from uuid import UUID

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.edge.paths import is_api, site_named
from api.identity import visitors
from api.problems import ProblemError
from api.records import translated
from models.contracts.origins import origin_of
from models.repositories import origins
from runtime.database import Database
from runtime.settings import Settings

# How long a tenant's change may take to be seen, and how many answers are remembered.
CACHE_SECONDS = 10.0
CACHE_SIZE = 1000
CODEC = "/v1/codec"
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Namespace, "
    "X-Request-ID",
    "Access-Control-Max-Age": "600",
}
EXPOSED = "Content-Disposition, Idempotency-Replayed, Retry-After, Server-Timing, X-Request-ID"


class Listed(Protocol):
    """Whether a tenant, or with None any tenant, lists an origin."""

    async def __call__(self, origin: str, tenant: UUID | None = None) -> bool: ...


class Origins:
    """What tenants list, asked of the database once every few seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[tuple[str, UUID | None], tuple[bool, float]] = {}

    async def __call__(self, origin: str, tenant: UUID | None = None) -> bool:
        """Raises ProblemError (503) when the database is away."""
        known = self._known.get((origin, tenant))
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        with translated():
            listed = await origins.is_listed(self._database, origin, tenant)
        self._known.pop((origin, tenant), None)
        if len(self._known) >= CACHE_SIZE:
            del self._known[next(iter(self._known))]
        self._known[origin, tenant] = listed, time.monotonic() + CACHE_SECONDS
        return listed


class CrossOrigin:
    """Pure ASGI: answers preflights, and lets a page of another origin in only if somebody lists it.

    Whether the caller's own tenant does is asked once the caller is known (see `confine`). A path of visitors names its
    site, and only that site's origins count there.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._own = settings.origin
        self._temporal_ui = origin_of(settings.temporal_ui_url or "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_api(scope):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        state = scope.setdefault("state", {})
        state["origin"] = None

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = MutableHeaders(scope=message)
                told.add_vary_header("Origin")
                if state["origin"] is not None:
                    told["Access-Control-Allow-Origin"] = state["origin"]
                    told["Access-Control-Expose-Headers"] = EXPOSED
            await send(message)

        if origin is None or is_own(origin, scope, self._own):
            await self._app(scope, receive, sending)
            return
        try:
            if not await self._may(origin, scope):
                raise _foreign()
        except ProblemError as problem:
            await problems.render(Request(scope), problem)(scope, receive, sending)
            return
        state["origin"] = origin
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await Response(status_code=204, headers=PREFLIGHT)(scope, receive, sending)
            return
        await self._app(scope, receive, sending)

    async def _may(self, origin: str, scope: Scope) -> bool:
        if self._is_temporal_ui(origin, scope):
            scope["state"]["origin_of_operators"] = True
            return True
        if (named := site_named(scope)) is not None:
            account = visitors.site_id(named)
            site = None if account is None else await visitors.site_of(scope["app"].state.gateway.records, account)
            scope["state"]["site"] = site
            return site is not None and origin in site.settings.origins
        listed: Listed = scope["app"].state.gateway.origins
        return origin_of(origin) == origin and await listed(origin)

    def _is_temporal_ui(self, origin: str, scope: Scope) -> bool:
        return origin == self._temporal_ui and (scope["path"] == CODEC or scope["path"].startswith(f"{CODEC}/"))


def is_own(origin: str, scope: Scope, configured: str) -> bool:
    """Whether a page of this server asks; `configured` is what people call it."""
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    return origin in {configured, f"{scheme}://{Headers(scope=scope).get('host', '')}"}


async def confine(request: Request, tenant: UUID) -> None:
    """A page may call for `tenant` only if that tenant lists its origin. Raises ProblemError: 403."""
    origin = getattr(request.state, "origin", None)
    if origin is None or getattr(request.state, "origin_of_operators", False):
        return
    listed: Listed = request.app.state.gateway.origins
    if not await listed(origin, tenant):
        request.state.origin = None
        raise _foreign()


def _foreign() -> ProblemError:
    return ProblemError(
        403, "This tenant does not let web pages of that origin call; see allowed_origins.", kind="origin"
    )
