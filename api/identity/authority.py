"""Who may do something to whom: nobody gives, takes or touches more than they have themselves."""

from dataclasses import replace
from uuid import UUID

from api.identity.auth import may
from api.permissions import ROLES, Permission, granted
from api.problems import ProblemError, not_found
from models.contracts.enums import Role
from models.repositories import members
from models.repositories.api_keys import Key
from models.repositories.members import MemberState, Person
from models.repositories.tenants import Caller
from runtime.database import TenantTx


def powers(caller: Caller) -> frozenset[Permission]:
    """What the caller may do to others."""
    return granted(caller.role, caller.scopes, signed_in=False)


def check_role(caller: Caller, role: Role) -> None:
    """Raises ProblemError (403) unless the caller may do everything that `role` may: only then may they give it, or
    change somebody who has it."""
    if not powers(caller) >= ROLES[role]:
        raise ProblemError(403, f"This takes somebody who may do all that an {role} may.", kind="role-above-yours")


def reach(caller: Caller, key: Key) -> frozenset[str]:
    """The most that whoever holds the secret of `key` may do, today or after its member has risen."""
    if key.scopes is not None:
        return key.scopes
    return ROLES[caller.role if key.member_id == caller.member_id else Role.OWNER]


def check_key(caller: Caller, key: Key) -> None:
    """Raises ProblemError (403) unless the caller may have the secret of `key`."""
    if not powers(caller) >= reach(caller, key):
        raise ProblemError(
            403,
            "This key may do more than you, or may come to: make a new one with scopes instead.",
            kind="key-above-yours",
        )


async def locked(
    tx: TenantTx, caller: Caller, member_id: UUID | None, permission: Permission
) -> tuple[Caller, Person | None]:
    """The caller as they are now, and the member to be changed; neither changes until the transaction ends.

    The caller may have been remembered for seconds: without this, somebody who has just been put down could still
    put up another. Raises ProblemError: 403, 404 no such member.
    """
    found = await members.lock(tx, *{caller.member_id, member_id or caller.member_id})
    me = found.get(caller.member_id)
    if me is None or me.state is MemberState.DISABLED:
        raise ProblemError(403, "You are no longer active in this tenant.")
    caller = replace(caller, role=me.role)
    if not may(caller, permission):
        raise ProblemError(403, f"The role {caller.role} does not have the permission {permission}.")
    if member_id is None:
        return caller, None
    if member_id not in found:
        raise not_found("member")
    return caller, found[member_id]
