"""One's own second factor: added, renewed, removed. And removed by others, when the app and the codes are lost."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import SecretStr

from api.audit import actor
from api.gateway import Gateway, InGateway
from api.identity.auth import Signed
from api.identity.authority import check_role, locked
from api.identity.tries import count_try, forget_tries
from api.permissions import Permission
from api.problems import ProblemError, documented, invalid, not_found
from api.schemas.second_factor import BeginTotpIn, ConfirmTotpIn, ProofIn, RecoveryCodes, TotpBegun
from models.contracts.audit import AuditAction
from models.repositories import audit, credentials, second_factors, sessions
from models.repositories.second_factors import Factor, PresentError
from models.repositories.tenants import Caller
from runtime.database import TenantTx

# No IdempotentRoute: what carries a secret is not kept for whoever repeats the request.
router = APIRouter(prefix="/v1", tags=["second factor"], responses=documented(401, 403, 422, 429, 503))


@router.post("/auth/totp", operation_id="beginTotp", responses=documented(400, 409, 413))
async def begin_totp(body: BeginTotpIn, gateway: InGateway, caller: Signed) -> TotpBegun:
    """Get a key for an authenticator app. Nothing changes until a code of it is confirmed."""
    known = await _verified(gateway, caller, body.password)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await _unchanged(tx, caller, known)
        try:
            begun = await second_factors.begin(tx, gateway.vault, caller.member_id)
        except PresentError:
            raise _present() from None
    return TotpBegun(secret=begun.secret, uri=begun.uri)


@router.post("/auth/totp/confirm", operation_id="confirmTotp", responses=documented(400, 409, 413))
async def confirm_totp(body: ConfirmTotpIn, request: Request, gateway: InGateway, caller: Signed) -> RecoveryCodes:
    """Show that the app has the key. From now on signing in asks for a code; the other sessions end."""
    await count_try(gateway, caller.member_id)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        try:
            codes = await second_factors.confirm(tx, gateway.vault, caller.member_id, body.code.get_secret_value())
        except PresentError:
            raise _present() from None
        if codes is not None:
            await sessions.end_all(tx, caller.member_id, but=caller.session_id)
            await audit.record(tx, actor(request, caller), AuditAction.TOTP_ADDED, caller.member_id)
    if codes is None:
        raise invalid("code", "is not what the app shows now for the key from POST /v1/auth/totp; check its clock")
    await forget_tries(gateway, caller.member_id)
    return RecoveryCodes(recovery_codes=codes)


@router.delete("/auth/totp", operation_id="removeTotp", status_code=204, responses=documented(400, 404, 409, 413))
async def remove_totp(body: ProofIn, request: Request, gateway: InGateway, caller: Signed) -> Response:
    """Sign in with the password alone again. The other sessions end."""
    known = await _verified(gateway, caller, body.password)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await _unchanged(tx, caller, known)
        factor = await _checked(tx, gateway, caller, body.code)
        if factor is not None:
            await second_factors.remove(tx, caller.member_id)
            await sessions.end_all(tx, caller.member_id, but=caller.session_id)
            by = actor(request, caller)
            await audit.record(tx, by, AuditAction.TOTP_REMOVED, caller.member_id, second_factor=factor.value)
    if factor is None:
        raise _wrong_code()
    await forget_tries(gateway, caller.member_id)
    return Response(status_code=204)


@router.post("/auth/recovery-codes", operation_id="renewRecoveryCodes", responses=documented(400, 404, 409, 413))
async def renew_recovery_codes(body: ProofIn, request: Request, gateway: InGateway, caller: Signed) -> RecoveryCodes:
    """Get new recovery codes. The ones until now are void."""
    known = await _verified(gateway, caller, body.password)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await _unchanged(tx, caller, known)
        codes = None
        factor = await _checked(tx, gateway, caller, body.code)
        if factor is not None:
            codes = await second_factors.renew_recovery_codes(tx, caller.member_id)
            by = actor(request, caller)
            await audit.record(tx, by, AuditAction.RECOVERY_CODES_RENEWED, caller.member_id, second_factor=factor.value)
    if codes is None:
        raise _wrong_code()
    await forget_tries(gateway, caller.member_id)
    return RecoveryCodes(recovery_codes=codes)


@router.delete(
    "/members/{member_id}/totp", operation_id="resetMemberTotp", status_code=204, responses=documented(404, 409)
)
async def reset_member_totp(member_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> Response:
    """Take away the second factor of somebody who has lost it. Their sessions end; their password stays."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        caller, found = await locked(tx, caller, member_id, Permission.MEMBERS_MANAGE)
        assert found is not None, "a member was asked for"
        if member_id == caller.member_id:
            raise ProblemError(409, "Remove your own with your password and a code: DELETE /v1/auth/totp.", kind="own")
        check_role(caller, found.role)
        if not await second_factors.remove(tx, member_id):
            raise not_found("second factor")
        await sessions.end_all(tx, member_id)
        await audit.record(tx, actor(request, caller), AuditAction.TOTP_REMOVED, member_id)
    return Response(status_code=204)


async def _verified(gateway: Gateway, caller: Caller, password: SecretStr) -> str:
    """The stored hash of the password that the caller gave. Raises ProblemError: 403 a wrong one, 429, 503."""
    await count_try(gateway, caller.member_id)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        known = await credentials.get(tx, caller.member_id)
    stored = None if known is None else known.password_hash
    verified = await gateway.passwords.verify(stored, password.get_secret_value())
    if stored is None or not verified.ok:
        raise ProblemError(403, "This is not your password.", kind="wrong-password")
    return stored


async def _unchanged(tx: TenantTx, caller: Caller, password_hash: str) -> None:
    """Raises ProblemError (409) when the password was changed since it was checked; from here on it cannot be."""
    known = await credentials.lock(tx, caller.member_id)
    if known is None or known.password_hash != password_hash:
        raise ProblemError(409, "The password was just changed elsewhere.", kind="password-changed")


async def _checked(tx: TenantTx, gateway: Gateway, caller: Caller, code: SecretStr) -> Factor | None:
    """What the code is of, None when it is not good; it is used up. Raises ProblemError (404) where there is no second factor."""
    if not await second_factors.required(tx, caller.member_id):
        raise not_found("second factor")
    return await second_factors.check(tx, gateway.vault, caller.member_id, code.get_secret_value())


def _present() -> ProblemError:
    return ProblemError(409, "You have a second factor already: remove it first.", kind="second-factor-present")


def _wrong_code() -> ProblemError:
    return ProblemError(403, "This code is wrong or used up. The app shows the next one soon.", kind="wrong-code")
