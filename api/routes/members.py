"""The people of a tenant."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from api.audit import actor
from api.gateway import InGateway
from api.idempotency import IdempotentRoute
from api.identity.auth import Signed, may
from api.identity.authority import check_role, locked
from api.permissions import Permission
from api.problems import ProblemError, documented, not_found
from api.schemas.base import Page, paged
from api.schemas.members import InviteIn, MemberOut, MemberPatch, MembersQuery
from models.contracts.audit import AuditAction
from models.contracts.people import MailPurpose
from models.repositories import audit, mails, members
from models.repositories.members import LastOwnerError, MemberState

router = APIRouter(
    prefix="/v1/members",
    tags=["members"],
    route_class=IdempotentRoute,
    responses=documented(401, 403, 422, 503),
)

MANAGE = Permission.MEMBERS_MANAGE


@router.get("", operation_id="listMembers")
async def list_members(query: Annotated[MembersQuery, Query()], gateway: InGateway, caller: Signed) -> Page[MemberOut]:
    """Members, the longest there first."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await members.page(tx, after=query.cursor, limit=query.limit + 1)
    shown = [MemberOut.of(each, with_address=may(caller, MANAGE) or each.id == caller.member_id) for each in found]
    return paged(shown, query.limit, [each.id for each in found])


@router.get("/{member_id}", operation_id="getMember", responses=documented(404))
async def get_member(member_id: UUID, gateway: InGateway, caller: Signed) -> MemberOut:
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await members.get(tx, member_id)
    if found is None:
        raise not_found("member")
    return MemberOut.of(found, with_address=may(caller, MANAGE) or found.id == caller.member_id)


@router.post("", operation_id="inviteMember", status_code=201, responses=documented(400, 409, 413))
async def invite_member(body: InviteIn, request: Request, gateway: InGateway, caller: Signed) -> MemberOut:
    """Invite somebody: they get a mail, choose a password, and are in."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        caller, _ = await locked(tx, caller, None, MANAGE)
        check_role(caller, body.role)
        member_id = await members.invite(tx, email=body.email, name=body.name, role=body.role)
        found = None if member_id is None else await members.get(tx, member_id)
        if found is None:
            raise ProblemError(409, "There is a member with this address already.", kind="address-taken")
        mail = await mails.request(tx, found.id, MailPurpose.INVITE)
        await audit.record(tx, actor(request, caller), AuditAction.MEMBER_INVITED, found.id, role=body.role.value)
    gateway.processes.mail(mail)
    return MemberOut.of(found, with_address=True)


@router.post(
    "/{member_id}/invite", operation_id="reinviteMember", status_code=202, responses=documented(400, 404, 409, 413)
)
async def reinvite_member(member_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> MemberOut:
    """Send the invitation again. The link in the mail before is void when the new one is sent."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        caller, found = await locked(tx, caller, member_id, MANAGE)
        assert found is not None, "a member was asked for"
        check_role(caller, found.role)
        if found.state is not MemberState.INVITED or found.email is None:
            raise ProblemError(409, f"This member is {found.state}, and needs no invitation.", kind="not-invited")
        mail = await mails.request(tx, found.id, MailPurpose.INVITE)
        await audit.record(tx, actor(request, caller), AuditAction.MEMBER_INVITED, found.id, role=found.role.value)
    gateway.processes.mail(mail)
    return MemberOut.of(found, with_address=True)


@router.patch("/{member_id}", operation_id="updateMember", responses=documented(400, 404, 409, 413))
async def update_member(
    member_id: UUID, body: MemberPatch, request: Request, gateway: InGateway, caller: Signed
) -> MemberOut:
    """Change a name or a role, or disable somebody. A tenant keeps an owner, whatever is changed at once."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        caller, before = await locked(tx, caller, member_id, MANAGE)
        assert before is not None, "a member was asked for"
        check_role(caller, before.role)
        if body.role is not None:
            check_role(caller, body.role)
        try:
            await members.update(tx, member_id, name=body.name, role=body.role, disabled=body.disabled)
        except LastOwnerError:
            raise _last_owner() from None
        after = await members.get(tx, member_id)
        assert after is not None, "its row is locked"
        if changed := [name for name in ("name", "role", "disabled") if getattr(before, name) != getattr(after, name)]:
            await audit.record(
                tx,
                actor(request, caller),
                AuditAction.MEMBER_CHANGED,
                member_id,
                fields=" ".join(changed),
                role=after.role.value,
                disabled=after.disabled,
            )
    return MemberOut.of(after, with_address=True)


@router.delete("/{member_id}", operation_id="removeMember", status_code=204, responses=documented(404, 409))
async def remove_member(member_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> Response:
    """Remove somebody for good: address, password, keys and sessions. What they wrote stays, under their name."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        caller, found = await locked(tx, caller, member_id, MANAGE)
        assert found is not None, "a member was asked for"
        check_role(caller, found.role)
        try:
            await members.remove(tx, member_id)
        except LastOwnerError:
            raise _last_owner() from None
        await audit.record(tx, actor(request, caller), AuditAction.MEMBER_REMOVED, member_id)
    return Response(status_code=204)


def _last_owner() -> ProblemError:
    return ProblemError(409, "This is the last active owner: make somebody else an owner first.", kind="last-owner")
