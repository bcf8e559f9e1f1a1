"""Channel accounts of the tenant. No idempotency keys: a secret must not be kept to be given out again."""

import secrets as random
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, SecretStr, ValidationError

from api import site_identity
from api.audit import actor
from api.connecting import Connector
from api.gateway import Gateway, InGateway
from api.identity.auth import Signed
from api.problems import ProblemError, documented, invalid, not_found, unavailable
from api.schemas.base import Page, paged
from api.schemas.channel_accounts import (
    ChannelAccountCheckIn,
    ChannelAccountIn,
    ChannelAccountOut,
    ChannelAccountPatch,
    ChannelAccountRetryOut,
    ChannelAccountRotateIn,
    ChannelAccountsQuery,
    ChannelAccountState,
    ChannelAccountWithSecret,
    HeardOut,
)
from api.webhooks.signatures import new_secret
from models.contracts.accounts import CREDENTIALS, SETTINGS
from models.contracts.audit import AuditAction
from models.contracts.channels import HealthState, Provider
from models.contracts.lanes import Lane
from models.repositories import arrivals, audit, channel_accounts, inbox, sends
from models.repositories.channel_accounts import Account, TakenError
from runtime.database import TenantTx

router = APIRouter(prefix="/v1/channel-accounts", tags=["channels"], responses=documented(401, 403, 422, 503))

SIGNED = (Provider.API, Provider.WEB, Provider.EMAIL)
"""Whose other side signs with a secret that we give it: what it delivers, or who a visitor is."""
KEYED = (Provider.TELEGRAM, Provider.CHATFLOW)
"""Providers that prove their deliveries by a word that we give them."""


@router.get("", operation_id="listChannelAccounts")
async def list_channel_accounts(
    query: Annotated[ChannelAccountsQuery, Query()], gateway: InGateway, caller: Signed
) -> Page[ChannelAccountOut]:
    """Channel accounts, the oldest first."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await channel_accounts.page(tx, after=query.cursor, limit=query.limit + 1)
    return paged([ChannelAccountOut.of(each) for each in found], query.limit, [each.id for each in found])


@router.get("/{account_id}", operation_id="getChannelAccount", responses=documented(404))
async def get_channel_account(account_id: UUID, gateway: InGateway, caller: Signed) -> ChannelAccountState:
    """One account, whether it lives, and what is on its way."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        account = await channel_accounts.get(tx, account_id)
        if account is None:
            raise not_found("channel account")
        heard = await arrivals.last_heard(tx, account_id)
        return ChannelAccountState(
            **dict(ChannelAccountOut.of(account)),
            last_heard=None if heard is None else HeardOut.of(heard),
            sends=await sends.counts(tx, account_id),
            unreadable=await inbox.unreadable(tx, account_id),
        )


@router.post("", operation_id="createChannelAccount", status_code=201, responses=documented(400, 409, 413))
async def create_channel_account(
    body: ChannelAccountIn, request: Request, gateway: InGateway, caller: Signed
) -> ChannelAccountWithSecret:
    """Make an account. What its provider does not accept is refused; what else is missing is said in `advice`.

    One of `api` gets a secret that its webhooks are signed with, one of `web` one that the site signs with who a
    visitor is.
    """
    settings = _parsed(SETTINGS[body.provider], body.settings, "settings")
    credentials = _credentials(body.provider, body.credentials)
    external_id = None if credentials is None else await _looked_at(gateway, body.provider, settings, credentials)
    shown = None
    async with gateway.records.tenant(caller.tenant_id) as tx:
        try:
            made = await channel_accounts.create(
                tx,
                provider=body.provider,
                name=body.name,
                branch_id=body.branch_id,
                settings=settings.model_dump(mode="json"),
                external_id=external_id,
            )
        except LookupError:
            raise invalid("branch_id", "there is no such branch") from None
        except TakenError as error:
            raise _taken(error) from None
        if credentials is not None:
            await channel_accounts.put_credentials(tx, gateway.vault, made, _plain(credentials))
        shown = await _given_secret(tx, gateway, body.provider, made)
        await audit.record(
            tx, actor(request, caller), AuditAction.CHANNEL_ACCOUNT_CREATED, made, kind=body.provider.kind.value
        )
    if credentials is not None:
        await _connect(gateway, caller.tenant_id, made)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        return ChannelAccountWithSecret.with_secret(await _found(tx, made), shown, gateway.settings.origin)


@router.post("/{account_id}/check", operation_id="checkChannelAccount", responses=documented(400, 404, 409, 413))
async def check_channel_account(
    account_id: UUID, gateway: InGateway, caller: Signed, body: ChannelAccountCheckIn | None = None
) -> ChannelAccountOut:
    """Ask the provider whether the account lives, set up what it needs, and say what is missing."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        account = await channel_accounts.get(tx, account_id)
    if account is None:
        raise not_found("channel account")
    if account.provider not in CREDENTIALS:
        raise ProblemError(409, f"An account of the kind {account.kind} has no provider that could be asked.")
    await _connect(gateway, caller.tenant_id, account_id, take_over=body is not None and body.take_over)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        return ChannelAccountOut.of(await _found(tx, account_id))


@router.post("/{account_id}/retry", operation_id="retryChannelAccount", responses=documented(404))
async def retry_channel_account(account_id: UUID, gateway: InGateway, caller: Signed) -> ChannelAccountRetryOut:
    """Send again what failed, or what nobody knows the fate of. Of the latter a customer may get a second copy."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await _locked(tx, account_id)
        queued = await sends.retry(tx, account_id)
    gateway.pokes.poke(caller.tenant_id, account_id, Lane.OUT, anew=True)
    return ChannelAccountRetryOut(queued=queued)


@router.patch("/{account_id}", operation_id="updateChannelAccount", responses=documented(400, 404, 409, 413))
async def update_channel_account(
    account_id: UUID, body: ChannelAccountPatch, request: Request, gateway: InGateway, caller: Signed
) -> ChannelAccountOut:
    """Change an account, or let it take nothing in and send nothing for a while. Other credentials must be those of the
    same account of the provider: its chats are that one's."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        known = await channel_accounts.get(tx, account_id)
    if known is None:
        raise not_found("channel account")
    model = SETTINGS[known.provider]
    settings = None if body.settings is None else _parsed(model, body.settings, "settings")
    credentials = None if body.credentials is None else _credentials(known.provider, body.credentials)
    if credentials is not None:
        now = settings or model.model_validate(known.settings)
        external_id = await _looked_at(gateway, known.provider, now, credentials)
        if None not in (external_id, known.external_id) and external_id != known.external_id:
            raise invalid("credentials", "are those of another account of the provider: add it as one of its own")
    async with gateway.records.tenant(caller.tenant_id) as tx:
        before = await _locked(tx, account_id)
        if credentials is not None:
            await channel_accounts.put_credentials(tx, gateway.vault, account_id, _plain(credentials))
        try:
            await channel_accounts.update(
                tx,
                account_id,
                name=body.name,
                disabled=body.disabled,
                settings=None if settings is None else settings.model_dump(mode="json"),
            )
        except TakenError as error:
            raise _taken(error) from None
        account = await _found(tx, account_id)
        await audit.record(
            tx, actor(request, caller), AuditAction.CHANNEL_ACCOUNT_CHANGED, account_id, disabled=account.disabled
        )
    if account.provider in CREDENTIALS:
        stops = before.settings.get("receive") == "webhook" and account.settings.get("receive") == "poll"
        await _connect(gateway, caller.tenant_id, account_id, take_over=stops)
        async with gateway.records.tenant(caller.tenant_id) as tx:
            account = await _found(tx, account_id)
    return ChannelAccountOut.of(account)


@router.post("/{account_id}/rotate", operation_id="rotateChannelAccount", responses=documented(400, 404, 409, 413))
async def rotate_channel_account(
    account_id: UUID,
    request: Request,
    gateway: InGateway,
    caller: Signed,
    body: ChannelAccountRotateIn | None = None,
) -> ChannelAccountWithSecret:
    """Give an account a new secret, or its first: what webhooks are signed with, or who is signed in on a site."""
    overlap = timedelta(minutes=(body or ChannelAccountRotateIn()).overlap_minutes)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        before = await _locked(tx, account_id)
        shown = await _given_secret(tx, gateway, before.provider, account_id, overlap)
        if shown is None:
            raise ProblemError(409, f"An account of the kind {before.kind} has no secret of ours.")
        account = await _found(tx, account_id)
        await audit.record(
            tx,
            actor(request, caller),
            AuditAction.CHANNEL_SECRET_ROTATED,
            account_id,
            overlap_minutes=int(overlap.total_seconds() // 60),
        )
    return ChannelAccountWithSecret.with_secret(account, shown, gateway.settings.origin)


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


async def _given_secret(
    tx: TenantTx, gateway: Gateway, provider: Provider, account_id: UUID, overlap: timedelta = timedelta()
) -> str | None:
    """A new secret of the account as its other side writes it down; None where there is none, or nobody need know it."""
    if provider in KEYED:
        word = random.token_urlsafe(32)
        await channel_accounts.rotate(tx, gateway.vault, account_id, word.encode(), overlap=overlap)
        return word if provider is Provider.CHATFLOW else None
    if provider not in SIGNED:
        return None
    secret, shown = site_identity.new_secret() if provider is Provider.WEB else new_secret()
    await channel_accounts.rotate(tx, gateway.vault, account_id, secret, overlap=overlap)
    return shown


async def _looked_at(gateway: Gateway, provider: Provider, settings: BaseModel, credentials: BaseModel) -> str | None:
    """The provider's own name of the account, if it tells. Raises ProblemError (422) when it knows no such account."""
    health = await _connector(gateway).look(provider, settings, credentials)
    # What the provider knows can be put right later; what it does not know is no account.
    if health.state is HealthState.DEAD and health.external_id is None:
        raise invalid("credentials", " ".join(health.advice) or f"the provider refuses them ({health.code})")
    return health.external_id


async def _connect(gateway: Gateway, tenant_id: UUID, account_id: UUID, *, take_over: bool = False) -> None:
    await _connector(gateway).connect(tenant_id, account_id, take_over=take_over)
    for lane in (Lane.OUT, Lane.POLL):
        gateway.pokes.poke(tenant_id, account_id, lane, anew=True)


def _connector(gateway: Gateway) -> Connector:
    if gateway.connector is None:
        raise unavailable("This gateway has no means to reach providers.")
    return gateway.connector


def _credentials(provider: Provider, given: dict[str, Any] | None) -> BaseModel | None:
    model = CREDENTIALS.get(provider)
    if model is None:
        if given is not None:
            raise invalid("credentials", f"an account of {provider.value} has none: leave them out")
        return None
    return _parsed(model, given or {}, "credentials")


def _parsed(model: type[BaseModel], given: dict[str, Any], where: str) -> BaseModel:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError(
            [
                {**each, "loc": ("body", where, *each["loc"])}
                for each in error.errors(include_url=False, include_input=False)
            ]
        ) from None


def _plain(credentials: BaseModel) -> dict[str, Any]:
    """As they are sealed."""
    return {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in credentials}


async def _locked(tx: TenantTx, account_id: UUID) -> Account:
    if not await channel_accounts.lock(tx, account_id):
        raise not_found("channel account")
    return await _found(tx, account_id)


async def _found(tx: TenantTx, account_id: UUID) -> Account:
    account = await channel_accounts.get(tx, account_id)
    assert account is not None, "it was made or locked just now"
    return account


def _taken(error: TakenError) -> ProblemError:
    named = "The branch has an account of this kind with this name: give it another."
    here = "This account of the provider is here already, as another channel account: two would take each other's messages."
    return ProblemError(409, named if error.named else here, kind="taken")
