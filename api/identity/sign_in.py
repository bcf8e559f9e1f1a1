"""Signing in: one way through it for everybody, so that a stranger learns nothing about who exists."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from fastapi import Request
from limits import parse

from api.audit import actor
from api.edge.client_address import client_network
from api.gateway import Gateway
from api.identity.refresh_tokens import RefreshToken, hash_csrf
from api.identity.throttle import SignInThrottle, Tries, neighbourhood
from api.identity.tokens import Access
from api.problems import ProblemError
from models.contracts.audit import ActorKind, AuditAction
from models.repositories import audit, credentials, second_factors, sessions
from models.repositories.audit import Actor
from models.repositories.credentials import SignIn
from models.repositories.second_factors import Factor
from models.repositories.sessions import Replayed
from runtime.database import TenantTx

log = structlog.get_logger(__name__)

# Where there is no such member, the same statements ask for this one.
NOBODY = (UUID(int=0), UUID(int=0))


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody tries to sign in with. `email` is lower-case; `device_token` from an earlier sign-in here."""

    email: str
    password: str
    tenant: str | None = None
    code: str | None = None
    device_token: str | None = None

    def __repr__(self) -> str:
        return "Attempt(…)"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a session gives for now."""

    access: str
    refresh: RefreshToken


async def sign_in(gateway: Gateway, request: Request, attempt: Attempt, *, by_cookie: bool) -> Grant:
    """Begin a session.

    Raises ProblemError: 401 (`second-factor-required` when only the code is missing or wrong), 403 for a suspended
    tenant, 429 after too many tries, 503.
    """
    by = actor(request)
    device = None
    if attempt.device_token is not None:
        device = await gateway.tokens.read_device(attempt.device_token, attempt.email)
    throttle = SignInThrottle(gateway.limiter, parse(gateway.settings.rate_limit_sign_in))
    tries = Tries(attempt.email, neighbourhood(client_network(request)), device)
    await throttle.admit(tries)

    async with gateway.records.system() as system:
        found = await credentials.find(system, attempt.email, attempt.tenant)
    tenant_id, member_id = found or NOBODY
    async with gateway.records.tenant(tenant_id) as tx:
        known = await credentials.get(tx, member_id)
    verified = await gateway.passwords.verify(None if known is None else known.password_hash, attempt.password)
    if known is None or not verified.ok:
        gateway.aside.start("note_failed_sign_in", _failed(gateway, throttle, attempt.email, found, by))
        raise _refused()
    if known.suspended:
        raise ProblemError(403, "This tenant is suspended. Its operator can say why.", kind="suspended")

    token = RefreshToken.first()
    async with gateway.records.tenant(tenant_id) as tx:
        entered = await _enter(gateway, tx, known, attempt.code, token, by)
        if isinstance(entered, UUID):
            if verified.rehash is not None:
                await credentials.replace_hash(tx, member_id, known.password_hash, verified.rehash)
            member = Actor(ActorKind.MEMBER, member_id, by.ip, by.user_agent)
            await audit.record(tx, member, AuditAction.SIGNED_IN, entered, known_device=device is not None)
    if isinstance(entered, ProblemError):
        if attempt.code is not None:
            gateway.aside.start("note_failed_sign_in", _failed(gateway, throttle, attempt.email, found, by))
        raise entered
    await throttle.succeeded(tries)
    return await _grant(gateway, Access(tenant_id, member_id, entered), token, by_cookie=by_cookie)


async def refresh(gateway: Gateway, request: Request, token: RefreshToken, *, by_cookie: bool) -> Grant:
    """Exchange a refresh token for the next one. One that was used before ends its session.

    Raises ProblemError: 401 for whatever is wrong with it, 503.
    """
    async with gateway.records.system() as system:
        found = await sessions.find(system, token.hashes.family)
    if found is None:
        raise ended()
    tenant_id, session_id = found
    following = token.next()
    idle = timedelta(days=gateway.settings.session_idle_days)
    async with gateway.records.tenant(tenant_id) as tx:
        outcome = await sessions.refresh(tx, session_id, token.hashes.secret, following.hashes.secret, idle=idle)
        if isinstance(outcome, Replayed):
            await audit.record(tx, actor(request), AuditAction.REFRESH_REUSED, session_id)
    if not isinstance(outcome, sessions.Refreshed):
        raise ended()
    granted = Access(tenant_id, outcome.member_id, session_id)
    return await _grant(gateway, granted, following, by_cookie=by_cookie)


async def leave(gateway: Gateway, request: Request, token: RefreshToken) -> None:
    """End the session that a browser had before it signed in anew."""
    async with gateway.records.system() as system:
        found = await sessions.find(system, token.hashes.family)
    if found is None:
        return
    tenant_id, session_id = found
    async with gateway.records.tenant(tenant_id) as tx:
        member_id = await sessions.leave(tx, session_id, token.hashes.secret)
        if member_id is not None:
            by = actor(request)
            member = Actor(ActorKind.MEMBER, member_id, by.ip, by.user_agent)
            await audit.record(tx, member, AuditAction.SIGNED_OUT, session_id)


async def _enter(
    gateway: Gateway, tx: TenantTx, known: SignIn, code: str | None, token: RefreshToken, by: Actor
) -> UUID | ProblemError:
    """The second factor, if the member has one, then the session. What is wrong is returned: a code stays used up."""
    # Neither the password nor the member's standing may have changed since the password was checked.
    locked = await credentials.lock(tx, known.member_id)
    if locked is None or locked.password_hash != known.password_hash:
        return _refused()
    factor = None
    if await second_factors.required(tx, known.member_id):
        factor = None if code is None else await second_factors.check(tx, gateway.vault, known.member_id, code)
        if factor is None:
            return ProblemError(
                401,
                "Send the code of your authenticator app, or a recovery code, as `code`.",
                kind="second-factor-required",
                headers=_CHALLENGE,
            )
    settings = gateway.settings
    session_id = await sessions.begin(
        tx,
        known.member_id,
        token.hashes,
        idle=timedelta(days=settings.session_idle_days),
        life=timedelta(days=settings.session_days),
        ip=by.ip,
        user_agent=by.user_agent,
    )
    if factor is Factor.RECOVERY_CODE:
        member = Actor(ActorKind.MEMBER, known.member_id, by.ip, by.user_agent)
        await audit.record(tx, member, AuditAction.RECOVERY_CODE_USED, known.member_id)
    return session_id


async def _grant(gateway: Gateway, granted: Access, token: RefreshToken, *, by_cookie: bool) -> Grant:
    csrf = hash_csrf(token.csrf_token) if by_cookie else None
    access = Access(granted.tenant_id, granted.member_id, granted.session_id, csrf)
    return Grant(await gateway.tokens.access(access), token)


async def _failed(
    gateway: Gateway, throttle: SignInThrottle, email: str, found: tuple[UUID, UUID] | None, by: Actor
) -> None:
    """Written down after the answer: the time it takes would tell that the address exists."""
    unusual = await throttle.failed(email)
    if found is None:
        return
    tenant_id, member_id = found
    if unusual:
        log.warning("many_failed_sign_ins", tenant_id=str(tenant_id), member_id=str(member_id))
    async with gateway.records.tenant(tenant_id) as tx:
        await audit.record(tx, by, AuditAction.SIGN_IN_FAILED, member_id, unusual=unusual)


_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="mainstay"'}


def _refused() -> ProblemError:
    """The same words for an unknown address, a wrong password, a disabled member, an address in several tenants."""
    return ProblemError(
        401,
        "E-mail address and password do not fit together. If you belong to several tenants, send `tenant` too.",
        kind="sign-in-refused",
        headers=_CHALLENGE,
    )


def ended() -> ProblemError:
    return ProblemError(401, "This session is over. Sign in again.", kind="session-over", headers=_CHALLENGE)
