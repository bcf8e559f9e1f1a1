"""Becoming a member, and choosing a password: with a token from a mail, or with the password until now.

Not idempotent by key: what these requests carry must not be kept, and each has its own answer to a repetition.
"""

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import SecretStr

from api.audit import actor
from api.gateway import Gateway, InGateway
from api.identity.auth import Signed
from api.identity.evenly import evenly
from api.identity.password_rules import judge
from api.identity.tries import count_try, forget_tries
from api.problems import ProblemError, documented, invalid
from api.schemas.people import AcceptIn, ChangePasswordIn, ConfirmIn, ForgotIn, RegisterIn, ResetIn, Told
from models.contracts.audit import AuditAction
from models.contracts.people import MailPurpose, TokenPurpose
from models.repositories import audit, credentials, mails, members, one_time_tokens, tenants
from models.repositories.members import Subject

router = APIRouter(prefix="/v1/auth", tags=["people"], responses=documented(400, 413, 422, 503))

# Longer than the work takes in a quiet hour, so that the clock tells nothing about what was found.
REGISTER_SECONDS = 0.5
FORGOT_SECONDS = 0.25

# However often a stranger asks, a mailbox gets one mail in this time.
MAIL_PAUSE = timedelta(minutes=1)

REGISTERED = Told(message="If the address is yours, a mail is on its way to it.")
ASKED = Told(message="If there is an account with this address, a mail is on its way to it.")


@router.post("/register", operation_id="register", status_code=202, responses=documented(403))
async def register(body: RegisterIn, request: Request, gateway: InGateway) -> Told:
    """Register in a tenant that lets people register. The answer does not tell whether the address is known."""
    async with gateway.records.system() as tx:
        tenant_id = await members.find_open_tenant(tx, body.tenant)
    if tenant_id is None:
        raise ProblemError(403, "Nobody can register there. Ask for an invitation.", kind="registration-closed")
    async with gateway.records.tenant(tenant_id) as tx:
        rules = (await tenants.get_settings(tx)).passwords
    password = body.password.get_secret_value()
    await judge(gateway.breached, password, rules, (body.email, body.name, body.tenant))
    async with evenly(REGISTER_SECONDS):
        hashed = await gateway.passwords.hash(password)
        async with gateway.records.tenant(tenant_id) as tx:
            member_id, is_new, is_pending = await members.register(
                tx, email=body.email, name=body.name, password_hash=hashed
            )
            # Registered twice and never confirmed: whoever reads the mail chooses the password.
            again = MailPurpose.RESET if is_pending else MailPurpose.ALREADY_MEMBER
            purpose = MailPurpose.CONFIRM if is_new else again
            mail = await mails.request(tx, member_id, purpose, at_most_every=MAIL_PAUSE)
            if is_new:
                await audit.record(tx, actor(request), AuditAction.MEMBER_REGISTERED, member_id)
        gateway.processes.mail(mail)
    return REGISTERED


@router.post("/confirm", operation_id="confirmEmail", status_code=204)
async def confirm(body: ConfirmIn, request: Request, gateway: InGateway) -> None:
    """Confirm the address that one registered with; then one can sign in."""
    tenant_id = await _tenant_of(gateway, body.token, TokenPurpose.CONFIRM)
    async with gateway.records.tenant(tenant_id) as tx:
        member_id = await one_time_tokens.use(tx, body.token.get_secret_value(), TokenPurpose.CONFIRM)
        if member_id is None:
            raise _not_good()
        await members.join(tx, member_id)
        await audit.record(tx, actor(request), AuditAction.EMAIL_CONFIRMED, member_id)


@router.post("/forgot-password", operation_id="forgotPassword", status_code=202)
async def forgot_password(body: ForgotIn, request: Request, gateway: InGateway) -> Told:
    """Have a mail sent with which a new password can be chosen. The answer does not tell whether there is an account."""
    async with evenly(FORGOT_SECONDS):
        async with gateway.records.system() as tx:
            accounts = await members.find_everywhere(tx, body.email, body.tenant)
        for tenant_id, member_id in accounts:
            async with gateway.records.tenant(tenant_id) as tx:
                mail = await mails.request(tx, member_id, MailPurpose.RESET, at_most_every=MAIL_PAUSE)
                if mail is not None:
                    await audit.record(tx, actor(request), AuditAction.PASSWORD_RESET_ASKED, member_id)
            gateway.processes.mail(mail)
    return ASKED


@router.post("/reset-password", operation_id="resetPassword", status_code=204)
async def reset_password(body: ResetIn, request: Request, gateway: InGateway) -> None:
    """Choose a new password with the token from the mail. Ends all sessions."""
    tenant_id, _, hashed = await _chosen(gateway, body.token, TokenPurpose.RESET, body.password)
    async with gateway.records.tenant(tenant_id) as tx:
        member_id = await one_time_tokens.use(tx, body.token.get_secret_value(), TokenPurpose.RESET)
        if member_id is None:
            raise _not_good()
        await members.join(tx, member_id)
        await members.set_password(tx, member_id, hashed)
        mail = await mails.request(tx, member_id, MailPurpose.PASSWORD_CHANGED)
        await audit.record(tx, actor(request), AuditAction.PASSWORD_RESET, member_id)
    gateway.processes.mail(mail)


@router.post("/accept-invite", operation_id="acceptInvite", status_code=204)
async def accept_invite(body: AcceptIn, request: Request, gateway: InGateway) -> None:
    """Become a member with the token from the invitation."""
    tenant_id, _, hashed = await _chosen(gateway, body.token, TokenPurpose.INVITE, body.password, body.name)
    async with gateway.records.tenant(tenant_id) as tx:
        member_id = await one_time_tokens.use(tx, body.token.get_secret_value(), TokenPurpose.INVITE)
        if member_id is None:
            raise _not_good()
        await members.join(tx, member_id, name=body.name)
        await members.set_password(tx, member_id, hashed)
        await audit.record(tx, actor(request), AuditAction.MEMBER_JOINED, member_id)


@router.post(
    "/change-password", operation_id="changePassword", status_code=204, responses=documented(401, 403, 409, 429)
)
async def change_password(body: ChangePasswordIn, request: Request, gateway: InGateway, caller: Signed) -> None:
    """Change one's password. Ends the other sessions."""
    await count_try(gateway, caller.member_id)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        known = await credentials.get(tx, caller.member_id)
        subject = await members.subject(tx, caller.member_id)
    verified = await gateway.passwords.verify(
        None if known is None else known.password_hash, body.current.get_secret_value()
    )
    if known is None or subject is None or not verified.ok:
        raise ProblemError(403, "This is not your password.", kind="wrong-password")
    hashed = await _judged(gateway, subject, body.new, "new")
    async with gateway.records.tenant(caller.tenant_id) as tx:
        changed = await members.set_password(
            tx, caller.member_id, hashed, but=caller.session_id, instead_of=known.password_hash
        )
        if not changed:
            raise ProblemError(409, "The password was just changed elsewhere.", kind="password-changed")
        mail = await mails.request(tx, caller.member_id, MailPurpose.PASSWORD_CHANGED)
        await audit.record(tx, actor(request, caller), AuditAction.PASSWORD_CHANGED, caller.member_id)
    await forget_tries(gateway, caller.member_id)
    gateway.processes.mail(mail)


async def _tenant_of(gateway: Gateway, token: SecretStr, purpose: TokenPurpose) -> UUID:
    async with gateway.records.system() as tx:
        found = await one_time_tokens.find_tenant(tx, token.get_secret_value(), purpose)
    if found is None:
        raise _not_good()
    return found


async def _chosen(
    gateway: Gateway, token: SecretStr, purpose: TokenPurpose, password: SecretStr, name: str | None = None
) -> tuple[UUID, UUID, str]:
    """Tenant and member of a token that is still to be used up, and the hash of the password that they chose.

    A password that is too weak leaves the token as it was. Raises ProblemError (422, 503).
    """
    tenant_id = await _tenant_of(gateway, token, purpose)
    async with gateway.records.tenant(tenant_id) as tx:
        member_id = await one_time_tokens.holder(tx, token.get_secret_value(), purpose)
        subject = None if member_id is None else await members.subject(tx, member_id)
    if member_id is None or subject is None:
        raise _not_good()
    return tenant_id, member_id, await _judged(gateway, subject, password, "password", name)


async def _judged(gateway: Gateway, subject: Subject, password: SecretStr, field: str, name: str | None = None) -> str:
    """The hash of a password that is good enough. Raises ProblemError (422, 503)."""
    chosen = password.get_secret_value()
    await judge(gateway.breached, chosen, subject.rules, (*subject.own_words, name), field)
    return await gateway.passwords.hash(chosen)


def _not_good() -> ProblemError:
    return invalid("token", "is not good any more: it was used, replaced by a newer one, or has expired")
