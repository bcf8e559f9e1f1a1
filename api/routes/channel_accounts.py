"""Channel accounts of the tenant. No idempotency keys: a secret must not be kept to be given out again."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from api.audit import actor
from api.gateway import InGateway
from api.identity.auth import Signed
from api.problems import ProblemError, documented, invalid, not_found
from api.schemas.base import Page, paged
from api.schemas.channel_accounts import (
    ChannelAccountIn,
    ChannelAccountOut,
    ChannelAccountPatch,
    ChannelAccountRotateIn,
    ChannelAccountsQuery,
    ChannelAccountWithSecret,
)
from api.webhooks.signatures import new_secret
from models.contracts.audit import AuditAction
from models.contracts.channels import Provider
from models.contracts.enums import ChannelKind
from models.repositories import audit, channel_accounts
from models.repositories.channel_accounts import Account, TakenError
from runtime.database import TenantTx

router = APIRouter(prefix="/v1/channel-accounts", tags=["channels"], responses=documented(401, 403, 422, 503))


@router.get("", operation_id="listChannelAccounts")
async def list_channel_accounts(
    query: Annotated[ChannelAccountsQuery, Query()], gateway: InGateway, caller: Signed
) -> Page[ChannelAccountOut]:
    """Channel accounts, the oldest first."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await channel_accounts.page(tx, after=query.cursor, limit=query.limit + 1)
    return paged([ChannelAccountOut.of(each) for each in found], query.limit, [each.id for each in found])


@router.post("", operation_id="createChannelAccount", status_code=201, responses=documented(400, 409, 413))
async def create_channel_account(
    body: ChannelAccountIn, request: Request, gateway: InGateway, caller: Signed
) -> ChannelAccountWithSecret:
    """Make an account. One of the kind `api` gets a secret that its webhooks are signed with."""
    kind = ChannelKind(body.kind)
    shown = None
    async with gateway.records.tenant(caller.tenant_id) as tx:
        try:
            made = await channel_accounts.create(
                tx, provider=Provider(body.kind), name=body.name, branch_id=body.branch_id
            )
        except LookupError:
            raise invalid("branch_id", "there is no such branch") from None
        except TakenError:
            raise _taken() from None
        if kind is ChannelKind.API:
            secret, shown = new_secret()
            await channel_accounts.rotate(tx, gateway.vault, made, secret, overlap=timedelta())
        account = await _found(tx, made)
        await audit.record(tx, actor(request, caller), AuditAction.CHANNEL_ACCOUNT_CREATED, made, kind=kind.value)
    return ChannelAccountWithSecret.with_secret(account, shown)


@router.patch("/{account_id}", operation_id="updateChannelAccount", responses=documented(400, 404, 409, 413))
async def update_channel_account(
    account_id: UUID, body: ChannelAccountPatch, request: Request, gateway: InGateway, caller: Signed
) -> ChannelAccountOut:
    """Rename an account, or let it take nothing in for a while."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await _locked(tx, account_id)
        try:
            await channel_accounts.update(tx, account_id, name=body.name, disabled=body.disabled)
        except TakenError:
            raise _taken() from None
        account = await _found(tx, account_id)
        await audit.record(
            tx, actor(request, caller), AuditAction.CHANNEL_ACCOUNT_CHANGED, account_id, disabled=account.disabled
        )
    return ChannelAccountOut.of(account)


@router.post("/{account_id}/rotate", operation_id="rotateChannelAccount", responses=documented(400, 404, 409, 413))
async def rotate_channel_account(
    account_id: UUID,
    request: Request,
    gateway: InGateway,
    caller: Signed,
    body: ChannelAccountRotateIn | None = None,
) -> ChannelAccountWithSecret:
    """Give an account of the kind `api` a new webhook secret, or its first."""
    overlap = timedelta(minutes=(body or ChannelAccountRotateIn()).overlap_minutes)
    secret, shown = new_secret()
    async with gateway.records.tenant(caller.tenant_id) as tx:
        before = await _locked(tx, account_id)
        if before.kind is not ChannelKind.API:
            raise ProblemError(409, f"An account of the kind {before.kind} has no webhook secret of ours.")
        await channel_accounts.rotate(tx, gateway.vault, account_id, secret, overlap=overlap)
        account = await _found(tx, account_id)
        await audit.record(
            tx,
            actor(request, caller),
            AuditAction.CHANNEL_SECRET_ROTATED,
            account_id,
            overlap_minutes=int(overlap.total_seconds() // 60),
        )
    return ChannelAccountWithSecret.with_secret(account, shown)


@router.delete("/{account_id}", operation_id="removeChannelAccount", status_code=204, responses=documented(404, 409))
async def remove_channel_account(account_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> None:
    """Remove an account that has no conversations; one that has can be disabled."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        account = await _locked(tx, account_id)
        if not await channel_accounts.remove(tx, account_id):
            raise ProblemError(409, "This account has conversations. Disable it instead.", kind="in-use")
        await audit.record(
            tx, actor(request, caller), AuditAction.CHANNEL_ACCOUNT_REMOVED, account_id, kind=account.kind.value
        )


async def _locked(tx: TenantTx, account_id: UUID) -> Account:
    if not await channel_accounts.lock(tx, account_id):
        raise not_found("channel account")
    return await _found(tx, account_id)


async def _found(tx: TenantTx, account_id: UUID) -> Account:
    account = await channel_accounts.get(tx, account_id)
    assert account is not None, "it was made or locked just now"
    return account


def _taken() -> ProblemError:
    return ProblemError(409, "The branch has an account of this kind and name.", kind="taken")
