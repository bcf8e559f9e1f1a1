"""Signing in and out, and oneself."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response

from api.audit import actor
from api.gateway import Gateway, InGateway
from api.identity.auth import Signed
from api.identity.refresh_tokens import RefreshToken, hash_csrf
from api.identity.sign_in import Attempt, Grant, ended, leave, refresh, sign_in
from api.identity.tokens import DEVICE_LIFE
from api.problems import documented, not_found
from api.schemas.auth import (
    LoginForm,
    LoginIn,
    MeChanges,
    MeOut,
    RefreshIn,
    SessionOut,
    SessionsEnded,
    SessionsOut,
    TokensOut,
)
from models.contracts.audit import AuditAction
from models.repositories import audit, sessions
from models.repositories.tenants import Caller

# No IdempotentRoute: what carries a token is not kept for whoever repeats the request.
router = APIRouter(prefix="/v1/auth", tags=["auth"], responses=documented(401, 422, 503))

TRIED = documented(400, 403, 413, 429)


@router.post("/login", operation_id="login", responses=TRIED)
async def login(form: Annotated[LoginForm, Form()], request: Request, gateway: InGateway) -> TokensOut:
    """Sign in with the password form of OAuth 2; `username` is the e-mail address."""
    attempt = Attempt(form.username, form.password, form.tenant, form.code, form.device_token)
    grant = await sign_in(gateway, request, attempt, by_cookie=False)
    return await _in_body(gateway, grant, device_of=attempt.email)


@router.post("/login/json", operation_id="loginJson", responses=TRIED)
async def login_json(body: LoginIn, request: Request, response: Response, gateway: InGateway) -> TokensOut:
    """Sign in. Too many failures only slow down: nobody can lock another person out."""
    device = body.device_token
    if body.cookies:
        gateway.cookies.check_origin(request)
        device = device or request.cookies.get(gateway.cookies.device)
    attempt = Attempt(body.email, body.password, body.tenant, body.code, device)
    grant = await sign_in(gateway, request, attempt, by_cookie=body.cookies)
    if not body.cookies:
        return await _in_body(gateway, grant, device_of=attempt.email)
    before = RefreshToken.read(request.cookies.get(gateway.cookies.refresh, ""))
    if before is not None:
        await leave(gateway, request, before)
    gateway.cookies.set_device(response, await gateway.tokens.device(attempt.email), DEVICE_LIFE)
    return _in_cookies(gateway, response, grant)


@router.post("/refresh", operation_id="refresh", responses=documented(400, 403, 413))
async def refresh_tokens(
    request: Request, response: Response, gateway: InGateway, body: RefreshIn = RefreshIn()
) -> TokensOut:
    """Exchange a refresh token for new tokens, once: a second use of it ends the session."""
    given = body.refresh_token
    by_cookie = given is None
    if by_cookie:
        given = request.cookies.get(gateway.cookies.refresh)
    token = None if given is None else RefreshToken.read(given)
    if token is None:
        raise ended()
    if by_cookie:
        gateway.cookies.check_csrf(request, hash_csrf(token.csrf_token))
    grant = await refresh(gateway, request, token, by_cookie=by_cookie)
    return _in_cookies(gateway, response, grant) if by_cookie else await _in_body(gateway, grant)


@router.post("/logout", operation_id="logout", status_code=204, responses=documented(403))
async def logout(request: Request, response: Response, gateway: InGateway, caller: Signed) -> None:
    """End this session: its tokens are void at once, everywhere."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if caller.session_id is not None and await sessions.end(tx, caller.member_id, caller.session_id):
            await audit.record(tx, actor(request, caller), AuditAction.SIGNED_OUT, caller.session_id)
    gateway.cookies.clear(response)


@router.post("/logout-everywhere", operation_id="logoutEverywhere", responses=documented(403))
async def logout_everywhere(request: Request, response: Response, gateway: InGateway, caller: Signed) -> SessionsEnded:
    """End all of one's sessions, this one too."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        count = await sessions.end_all(tx, caller.member_id)
        await audit.record(tx, actor(request, caller), AuditAction.SIGNED_OUT, caller.member_id, sessions=count)
    gateway.cookies.clear(response)
    return SessionsEnded(ended=count)


@router.get("/me", operation_id="getMe", responses=documented(403))
async def get_me(gateway: InGateway, caller: Signed) -> MeOut:
    """Who is signed in, and what they may do."""
    return await _me(gateway, caller)


@router.patch("/me", operation_id="updateMe", responses=documented(400, 403, 413))
async def update_me(body: MeChanges, request: Request, gateway: InGateway, caller: Signed) -> MeOut:
    """Change one's name."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await sessions.rename(tx, caller.member_id, body.name)
        await audit.record(tx, actor(request, caller), AuditAction.MEMBER_CHANGED, caller.member_id, field="name")
    return await _me(gateway, caller)


@router.get("/sessions", operation_id="listSessions", responses=documented(403))
async def list_sessions(gateway: InGateway, caller: Signed) -> SessionsOut:
    """Where one is signed in, the latest used first."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await sessions.list_alive(tx, caller.member_id)
    return SessionsOut(items=[SessionOut.of(each, caller) for each in found])


@router.delete("/sessions/{session_id}", operation_id="endSession", status_code=204, responses=documented(403, 404))
async def end_session(session_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> None:
    """End one of one's own sessions."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if not await sessions.end(tx, caller.member_id, session_id):
            raise not_found("session")
        await audit.record(tx, actor(request, caller), AuditAction.SIGNED_OUT, session_id)


async def _in_body(gateway: Gateway, grant: Grant, *, device_of: str | None = None) -> TokensOut:
    return TokensOut(
        access_token=grant.access,
        refresh_token=str(grant.refresh),
        expires_in=int(gateway.tokens.access_life.total_seconds()),
        device_token=None if device_of is None else await gateway.tokens.device(device_of),
    )


def _in_cookies(gateway: Gateway, response: Response, grant: Grant) -> TokensOut:
    gateway.cookies.set_tokens(
        response,
        access=grant.access,
        refresh=str(grant.refresh),
        csrf=grant.refresh.csrf_token,
        access_life=gateway.tokens.access_life,
        life=timedelta(days=gateway.settings.session_days),
    )
    return TokensOut(
        access_token=None,
        refresh_token=None,
        expires_in=int(gateway.tokens.access_life.total_seconds()),
        csrf_token=grant.refresh.csrf_token,
    )


async def _me(gateway: Gateway, caller: Caller) -> MeOut:
    async with gateway.records.tenant(caller.tenant_id) as tx:
        me = await sessions.me(tx, caller.member_id)
    return MeOut.of(caller, me)
