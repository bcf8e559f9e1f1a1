"""Who is calling, and whether they may: an API key or a session, and the permission table."""

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute, iter_route_contexts

from api.identity import visitors
from api.identity.cookies import Cookies
from api.identity.tokens import Access, Tokens
from api.permissions import ROLES, ROUTES, Permission, granted
from api.problems import ProblemError
from api.records import Records
from models.repositories import api_keys, sessions, tenants
from models.repositories.tenants import Caller

# How long a caller is remembered, should the announcement of a change be lost; and how many are.
CACHE_SECONDS = 5.0
CACHE_SIZE = 10_000
Known = TypeVar("Known")


@dataclass(frozen=True, slots=True)
class Key:
    """An API key, by its hash."""

    hashed: bytes


Proof = Key | Access
"""What a request rests on. It holds no secret, so that streams can keep it and look again."""


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    began: float


class Authenticator:
    """Callers by what they prove. Remembered for seconds, and only while changes are heard of."""

    def __init__(self, records: Records, tokens: Tokens, listening: Callable[[], bool]) -> None:
        self._records = records
        self._tokens = tokens
        self._listening = listening
        self._known: dict[Proof, _Known] = {}
        # Tenants and members, and when something changed about them.
        self._changed: dict[UUID, float] = {}
        self._forgot = float("-inf")

    async def proof(self, token: str) -> Proof | None:
        """What a bearer token proves; None when it is neither a key nor a good access token."""
        if token.startswith(api_keys.KEY_PREFIX):
            return Key(api_keys.hash_key(token))
        return await self._tokens.read_access(token)

    async def caller(self, proof: Proof) -> Caller | None:
        """The caller, or None when the key or session is unknown or over. Raises ProblemError (503) without database."""
        known = self._known.get(proof)
        if known is not None and self._holds(known):
            return known.caller
        began = time.monotonic()
        caller = await self._read(proof)
        self._known.pop(proof, None)
        if caller is not None and self._listening():
            if len(self._known) >= CACHE_SIZE:
                del self._known[next(iter(self._known))]
            # What is announced after `began` may not be in what was read.
            self._known[proof] = _Known(caller, began)
        return caller

    def announce(self, payload: str) -> UUID | None:
        """Take note of one announcement of sessions.CHANNEL; the member whom it is about, None: the whole tenant."""
        tenant, member = payload.split(" ")
        if len(self._changed) >= CACHE_SIZE:
            self.forget()
        about = UUID(tenant if member == "-" else member)
        self._changed[about] = time.monotonic()
        return None if member == "-" else about

    def forget(self) -> None:
        """Announcements may have been missed: look everybody up again."""
        self._forgot = time.monotonic()
        self._known.clear()
        self._changed.clear()

    def _holds(self, known: _Known) -> bool:
        caller = known.caller
        changed = max(self._forgot, self._changed.get(caller.tenant_id, 0.0), self._changed.get(caller.member_id, 0.0))
        return self._listening() and changed < known.began and time.monotonic() < known.began + CACHE_SECONDS

    async def _read(self, proof: Proof) -> Caller | None:
        if isinstance(proof, Key):
            async with self._records.system() as tx:
                return await tenants.authenticate(tx, proof.hashed)
        async with self._records.tenant(proof.tenant_id) as tenant:
            return await sessions.caller(tenant, proof.session_id, proof.member_id)


async def authenticated(request: Request) -> Caller:
    """The caller of this request.

    Raises ProblemError: 401 unknown key or session, 403 a cookie sent by a foreign page, 503 no database. Whether the
    tenant is suspended, `authorize` has asked.
    """
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        proof = await proof_of(request)
        caller = await _authenticator(request).caller(proof)
        if caller is None:
            raise _unknown()
        request.state.caller = caller
        if caller.key_id is not None:
            request.app.state.gateway.key_uses.note(caller.key_id)
    return caller


async def proof_of(request: Request) -> Proof:
    """What the request rests on. Raises ProblemError: 401 without anything valid, 403 for a cookie from elsewhere."""
    proof: Proof | None = getattr(request.state, "proof", None)
    if proof is not None:
        return proof
    cookies: Cookies = request.app.state.gateway.cookies
    token = _bearer(request)
    cookie = request.cookies.get(cookies.access) if token is None else None
    if token is None and cookie is None:
        raise _unauthorized("Send an API key or an access token: `Authorization: Bearer …`.", "")
    proof = await _authenticator(request).proof(token or cookie or "")
    if proof is None or (cookie is not None and not isinstance(proof, Access)):
        raise _unknown()
    if cookie is not None and isinstance(proof, Access):
        cookies.check_csrf(request, proof.csrf_hash)
    request.state.proof = proof
    return proof


def _bearer(request: Request) -> str | None:
    """The bearer token; None without an Authorization header. Raises ProblemError (401) for any other header."""
    headers = request.headers.getlist("authorization")
    if not headers:
        return None
    scheme, _, token = headers[0].partition(" ")
    if len(headers) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise _unauthorized("Send one header `Authorization: Bearer …` with an API key or an access token.", "")
    return token.strip()


def _authenticator(request: Request) -> Authenticator:
    authenticator: Authenticator = request.app.state.gateway.authenticator
    return authenticator


def _unknown() -> ProblemError:
    """The same words whatever is wrong with it."""
    return _unauthorized("This key or token is unknown, expired or revoked.", ', error="invalid_token"')


def _unauthorized(detail: str, error: str) -> ProblemError:
    return ProblemError(401, detail, headers={"WWW-Authenticate": f'Bearer realm="mainstay"{error}'})


def permissions_of(caller: Caller) -> frozenset[Permission]:
    if caller.lacks_second_factor:
        return frozenset({Permission.SELF})
    return granted(caller.role, caller.scopes, signed_in=caller.session_id is not None)


def may(caller: Caller, permission: Permission) -> bool:
    return permission in permissions_of(caller)


async def authorize(request: Request) -> None:
    """Every request passes here.

    Raises ProblemError: like `authenticated`, 429, and 403 without the route's permission or for a suspended tenant.
    """
    rule = ROUTES[request.scope["route"].operation_id]
    gate = request.app.state.gateway.gate
    if rule.visitors:
        await gate.admit_visitor(request, rule.traffic, await _known(request, visitors.visiting))
        return
    if rule.permission is None:
        await gate.admit(request, rule.traffic, None)
        return
    caller = await _known(request, authenticated)
    await gate.admit(request, rule.traffic, caller)
    if caller.suspended and not rule.when_suspended:
        raise await _suspended(request, caller)
    if not may(caller, rule.permission):
        if caller.lacks_second_factor:
            raise ProblemError(
                403,
                "This tenant asks for a second factor: add yours, at /v1/auth/totp, before anything else.",
                kind="second-factor-missing",
            )
        raise ProblemError(403, _missing(caller, rule.permission), permission=rule.permission.value)


async def _known(request: Request, who: Callable[[Request], Awaitable[Known]]) -> Known:
    """Who calls; whoever comes with nothing good is charged to their address."""
    try:
        return await who(request)
    except ProblemError as problem:
        if problem.status == 401:
            await request.app.state.gateway.gate.stranger(request)
        raise


async def _suspended(request: Request, caller: Caller) -> ProblemError:
    """Why, if the operator has said so."""
    async with request.app.state.gateway.records.tenant(caller.tenant_id) as tx:
        reason = (await tenants.profile(tx)).suspension_reason
    return ProblemError(403, f"This tenant is suspended. {reason or 'Its operator can say why.'}", kind="suspended")


def _missing(caller: Caller, permission: Permission) -> str:
    if permission is Permission.SELF:
        return "This is for people who are signed in; an API key cannot do it."
    if permission in ROLES[caller.role]:
        return f"This API key is confined to other scopes: it lacks {permission}."
    return f"The role {caller.role} does not have the permission {permission}."


def check_routes(app: FastAPI) -> None:
    """Raises RuntimeError when a route has no rule in the permission table, or a rule no route."""
    served = {route.operation_id for route in routes(app)}
    if unknown := served - ROUTES.keys():
        raise RuntimeError(f"routes without a rule in api.permissions.ROUTES: {unknown}")
    if dead := ROUTES.keys() - served:
        raise RuntimeError(f"rules in api.permissions.ROUTES without a route: {dead}")


def routes(app: FastAPI) -> Iterator[APIRoute]:
    """Every route. `app.routes` does not have them: what is in it is routers."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            yield context.original_route


Signed = Annotated[Caller, Depends(authenticated)]
"""Who calls. What they may do was checked before (see `authorize`)."""
SignedBy = Annotated[Proof, Depends(proof_of)]
"""What they proved it by."""
