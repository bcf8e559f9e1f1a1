"""API keys of the tenant's members. No idempotency keys: a secret must not be kept to be given out again."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from api.audit import actor
from api.gateway import InGateway
from api.identity.auth import Signed
from api.identity.authority import check_key, check_role, locked, powers
from api.permissions import ROLES, Permission, granted
from api.problems import documented, invalid, not_found
from api.schemas.base import Page, paged
from api.schemas.keys import KeyIn, KeyOut, KeysQuery, KeyWithSecret, RotateIn
from models.contracts.audit import AuditAction
from models.repositories import api_keys, audit
from models.repositories.members import MemberState, Person
from models.repositories.tenants import Caller

router = APIRouter(prefix="/v1/keys", tags=["keys"], responses=documented(401, 403, 422, 503))

MANAGE = Permission.KEYS_MANAGE


@router.get("", operation_id="listKeys")
async def list_keys(query: Annotated[KeysQuery, Query()], gateway: InGateway, caller: Signed) -> Page[KeyOut]:
    """Keys that are good, the newest first. Their secrets are known to nobody here."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await api_keys.page(tx, before=query.cursor, limit=query.limit + 1)
    return paged([KeyOut.of(each) for each in found], query.limit, [each.id for each in found])


@router.post("", operation_id="createKey", status_code=201, responses=documented(400, 404, 413))
async def create_key(body: KeyIn, request: Request, gateway: InGateway, caller: Signed) -> KeyWithSecret:
    """Make a key. It can do no more than its maker, whatever its member may do later."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        caller, member = await locked(tx, caller, body.member_id or caller.member_id, MANAGE)
        assert member is not None, "a member was asked for"
        if member.state is MemberState.DISABLED:
            raise invalid("member_id", "this member is disabled")
        key_id, secret = await api_keys.create(
            tx,
            member.id,
            name=body.name,
            scopes=_scopes(caller, member, body.scopes),
            expires_in=None if body.expires_in_days is None else timedelta(days=body.expires_in_days),
        )
        key = await api_keys.get(tx, key_id)
        assert key is not None, "it was made just now"
        await audit.record(
            tx, actor(request, caller), AuditAction.KEY_CREATED, key_id, member_id=str(member.id), prefix=key.prefix
        )
    return KeyWithSecret.with_secret(key, secret)


@router.post("/{key_id}/rotate", operation_id="rotateKey", responses=documented(400, 404, 413))
async def rotate_key(
    key_id: UUID, request: Request, gateway: InGateway, caller: Signed, body: RotateIn | None = None
) -> KeyWithSecret:
    """Give a key a new secret. Of several who do it at once, each gets one, and the last one's is good."""
    grace = timedelta(minutes=body.grace_minutes if body else 0)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        caller, _ = await locked(tx, caller, None, MANAGE)
        key = await api_keys.lock(tx, key_id)
        if key is None:
            raise not_found("key")
        check_key(caller, key)
        secret = await api_keys.rotate(tx, key_id, grace=grace)
        rotated = await api_keys.get(tx, key_id)
        assert rotated is not None, "its row is locked"
        await audit.record(
            tx, actor(request, caller), AuditAction.KEY_ROTATED, key_id, grace_minutes=int(grace.total_seconds() // 60)
        )
    return KeyWithSecret.with_secret(rotated, secret)


@router.delete("/{key_id}", operation_id="revokeKey", status_code=204, responses=documented(404))
async def revoke_key(key_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> None:
    """Revoke a key: at once, on every gateway."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        caller, _ = await locked(tx, caller, None, MANAGE)
        key = await api_keys.lock(tx, key_id)
        if key is None:
            raise not_found("key")
        if key.member_id != caller.member_id:
            check_role(caller, key.member_role)
        await api_keys.revoke(tx, key_id)
        await audit.record(tx, actor(request, caller), AuditAction.KEY_REVOKED, key_id, prefix=key.prefix)


def _scopes(caller: Caller, member: Person, asked: list[Permission] | None) -> frozenset[str] | None:
    """What a new key is confined to; None only for one's own key, made with all of one's own permissions.

    A key for somebody else is confined even when nothing is asked for: its maker has seen the secret, and its member
    may rise. Raises ProblemError (422).
    """
    most = powers(caller)
    if asked is not None:
        if beyond := set(asked) - (most & ROLES[member.role]):
            raise invalid("scopes", f"beyond what you or the key's member may do: {', '.join(sorted(beyond))}")
        return frozenset(asked)
    if member.id == caller.member_id:
        return caller.scopes
    return most & granted(member.role, None, signed_in=False)
