"""Channel accounts of a tenant's branches, and the secrets by which their other side proves itself."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from models.contracts.channels import Health, HealthState, Provider
from models.contracts.enums import ChannelKind
from models.repositories import sends
from models.repositories.vault import Vault
from models.tables import branches, channel_accounts, channel_credentials, channel_secrets, conversations
from runtime.database import SystemTx, TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Account:
    """`signed`: it has a secret. `previous_until`: after a rotation, how long the one before is good."""

    id: UUID
    branch_id: UUID
    kind: ChannelKind
    provider: Provider
    name: str
    disabled: bool
    settings: dict[str, Any]
    external_id: str | None
    health: HealthState
    health_code: str | None
    health_advice: list[str]
    checked_at: datetime | None
    created_at: datetime
    signed: bool
    previous_until: datetime | None


@dataclass(frozen=True, slots=True)
class Connection:
    """What it takes to reach an account's provider. `credentials` are as they were given; None: there are none."""

    provider: Provider
    disabled: bool
    health: HealthState
    health_code: str | None
    settings: dict[str, Any]
    credentials: dict[str, Any] | None


class TakenError(Exception):
    """The branch has an account of this kind and name (`named`), or the provider's account is here already."""

    def __init__(self, *, named: bool) -> None:
        super().__init__(named)
        self.named = named


_good = sa.or_(channel_secrets.c.expires_at.is_(None), channel_secrets.c.expires_at > sa.func.now())


def _secrets_of_account(column: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    return (
        sa.select(column)
        .where(
            channel_secrets.c.tenant_id == channel_accounts.c.tenant_id,
            channel_secrets.c.channel_account_id == channel_accounts.c.id,
            _good,
        )
        .scalar_subquery()
    )


COLUMNS = (
    channel_accounts.c.id,
    channel_accounts.c.branch_id,
    channel_accounts.c.kind,
    channel_accounts.c.provider,
    channel_accounts.c.name,
    channel_accounts.c.disabled,
    channel_accounts.c.settings,
    channel_accounts.c.external_id,
    channel_accounts.c.health,
    channel_accounts.c.health_code,
    channel_accounts.c.health_advice,
    channel_accounts.c.checked_at,
    channel_accounts.c.created_at,
    _secrets_of_account(sa.func.count() > 0).label("signed"),
    _secrets_of_account(sa.func.max(channel_secrets.c.expires_at)).label("previous_until"),
)


async def find(tx: SystemTx, account_id: UUID, kind: ChannelKind) -> UUID | None:
    """The tenant of an account that takes messages; None when unknown, of another kind, disabled or suspended."""
    found: UUID | None = await tx.connection.scalar(
        sa.text("SELECT find_channel_account(:account, :kind)").bindparams(sa.bindparam("account", type_=sa.Uuid())),
        {"account": account_id, "kind": kind.value},
    )
    return found


async def page(tx: TenantTx, *, after: UUID | None = None, limit: int = 50) -> list[Account]:
    """Accounts, the oldest first; `after` is the last id of the page before."""
    query = sa.select(*COLUMNS).where(channel_accounts.c.tenant_id == tx.tenant_id)
    if after is not None:
        query = query.where(channel_accounts.c.id > after)
    rows = await tx.connection.execute(query.order_by(channel_accounts.c.id).limit(limit))
    return [Account(**row._mapping) for row in rows]


async def get(tx: TenantTx, account_id: UUID) -> Account | None:
    row = (await tx.connection.execute(sa.select(*COLUMNS).where(*_of(tx, account_id)))).one_or_none()
    return None if row is None else Account(**row._mapping)


async def lock(tx: TenantTx, account_id: UUID) -> bool:
    """Whether there is such an account. Until the transaction ends nobody else changes it, or opens a conversation."""
    found = await tx.connection.scalar(
        sa.select(channel_accounts.c.id).where(*_of(tx, account_id)).with_for_update(of=channel_accounts)
    )
    return found is not None


async def create(
    tx: TenantTx,
    *,
    provider: Provider,
    name: str,
    branch_id: UUID | None,
    settings: dict[str, Any] | None = None,
    external_id: str | None = None,
) -> UUID:
    """A new account, on the tenant's first branch when none is given.

    Raises LookupError when there is no such branch, TakenError.
    """
    query = sa.select(branches.c.id).where(branches.c.tenant_id == tx.tenant_id)
    if branch_id is not None:
        query = query.where(branches.c.id == branch_id)
    # Locked as a reference locks it, so that it is not removed meanwhile.
    branch = await tx.connection.scalar(
        query.order_by(branches.c.created_at, branches.c.id).limit(1).with_for_update(read=True, key_share=True)
    )
    if branch is None:
        raise LookupError("no such branch")
    made: UUID | None = await tx.connection.scalar(
        insert(channel_accounts)
        .values(
            tenant_id=tx.tenant_id,
            id=new_id(),
            branch_id=branch,
            kind=provider.kind,
            provider=provider,
            name=name,
            settings=settings or {},
            external_id=external_id,
        )
        .on_conflict_do_nothing()
        .returning(channel_accounts.c.id)
    )
    if made is None:
        same_name = (
            channel_accounts.c.tenant_id == tx.tenant_id,
            channel_accounts.c.branch_id == branch,
            channel_accounts.c.kind == provider.kind,
            channel_accounts.c.name == name,
        )
        named = await tx.connection.scalar(sa.select(channel_accounts.c.id).where(*same_name))
        raise TakenError(named=named is not None)
    return made


async def connection(tx: TenantTx, vault: Vault, account_id: UUID) -> Connection | None:
    """How to reach the account's provider. None when there is no such account (any more)."""
    row = (
        await tx.connection.execute(
            sa.select(
                channel_accounts.c.provider,
                channel_accounts.c.disabled,
                channel_accounts.c.health,
                channel_accounts.c.health_code,
                channel_accounts.c.settings,
                channel_credentials.c.sealed,
            )
            .select_from(
                channel_accounts.outerjoin(
                    channel_credentials,
                    sa.and_(
                        channel_credentials.c.tenant_id == channel_accounts.c.tenant_id,
                        channel_credentials.c.channel_account_id == channel_accounts.c.id,
                    ),
                )
            )
            .where(*_of(tx, account_id))
        )
    ).one_or_none()
    if row is None:
        return None
    credentials = None
    if row.sealed is not None:
        credentials = json.loads(await vault.open(tx, row.sealed, context=credentials_place(account_id)))
    return Connection(row.provider, row.disabled, row.health, row.health_code, row.settings, credentials)


async def put_credentials(tx: TenantTx, vault: Vault, account_id: UUID, credentials: dict[str, Any]) -> None:
    """Keep an account's credentials, in place of those it had."""
    sealed = await vault.seal(tx, json.dumps(credentials).encode(), context=credentials_place(account_id))
    statement = insert(channel_credentials).values(
        tenant_id=tx.tenant_id, id=new_id(), channel_account_id=account_id, sealed=sealed
    )
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[channel_credentials.c.tenant_id, channel_credentials.c.channel_account_id],
            set_={"sealed": sealed, "updated_at": sa.func.now()},
        )
    )


async def found_out(tx: TenantTx, account_id: UUID, *, external_id: str, facts: dict[str, Any]) -> None:
    """Note what the provider calls an account, and add `facts` to its settings. Raises TakenError when it is here already,
    after which the transaction is over."""
    settings = channel_accounts.c.settings.op("||")(sa.cast(facts, JSONB))
    try:
        await tx.connection.execute(
            sa.update(channel_accounts).where(*_of(tx, account_id)).values(external_id=external_id, settings=settings)
        )
    except sa.exc.IntegrityError as error:
        raise TakenError(named=False) from error


async def polled(tx: TenantTx, account_id: UUID) -> None:
    """Somebody asks the provider for news."""
    await tx.connection.execute(sa.update(channel_accounts).where(*_of(tx, account_id)).values(polled_at=sa.func.now()))


async def cursor(tx: TenantTx, account_id: UUID) -> str | None:
    """Where the account's news were read up to; None where its provider remembers that, or nothing was read."""
    found: str | None = await tx.connection.scalar(sa.select(channel_accounts.c.cursor).where(*_of(tx, account_id)))
    return found


async def keep_cursor(tx: TenantTx, account_id: UUID, cursor: str | None) -> None:
    """News were read up to here; in the transaction that keeps them."""
    await tx.connection.execute(sa.update(channel_accounts).where(*_of(tx, account_id)).values(cursor=cursor))


async def set_state(tx: TenantTx, account_id: UUID, health: Health) -> None:
    """What a call has shown of the account, where that is news. Advice of a check stays while it says the same; and what is
    refused stays so while nobody answers."""
    values = await _shown(tx, account_id, health)
    keeps = [HealthState.DEAD] if health.state is HealthState.AWAY else []
    await tx.connection.execute(
        sa.update(channel_accounts)
        .where(
            *_of(tx, account_id),
            channel_accounts.c.health.not_in(keeps),
            sa.or_(
                channel_accounts.c.health != health.state,
                sa.and_(
                    sa.literal(health.state is not HealthState.OK),
                    channel_accounts.c.health_code.is_distinct_from(health.code),
                ),
            ),
        )
        .values(values)
    )


async def went_through(tx: TenantTx, account_id: UUID, sent_at: datetime) -> None:
    """A message that was sent then has arrived: an account that was found refused before that is so no longer."""
    refused = (channel_accounts.c.health == HealthState.DEAD, channel_accounts.c.checked_at < sent_at)
    values = await _shown(tx, account_id, Health(state=HealthState.OK))
    await tx.connection.execute(sa.update(channel_accounts).where(*_of(tx, account_id), *refused).values(values))


async def set_health(tx: TenantTx, account_id: UUID, health: Health) -> None:
    """What a check, or a call, has shown of the account."""
    values = await _shown(tx, account_id, health)
    await tx.connection.execute(sa.update(channel_accounts).where(*_of(tx, account_id)).values(values))


async def _shown(tx: TenantTx, account_id: UUID, health: Health) -> dict[str, Any]:
    """What an account's row says then. What waited for a provider that is back is known as late by then."""
    away = health.state in (HealthState.AWAY, HealthState.DEAD)
    if not away:
        await sends.mark_late(tx, account_id)
    return {
        "health": health.state,
        "health_code": health.code,
        "health_advice": list(health.advice),
        "checked_at": sa.func.now(),
        "away_since": sa.func.coalesce(channel_accounts.c.away_since, sa.func.now()) if away else None,
    }


async def update(
    tx: TenantTx,
    account_id: UUID,
    *,
    name: str | None,
    disabled: bool | None,
    settings: dict[str, Any] | None = None,
) -> None:
    """Change what is given of an account that is locked. Raises TakenError, after which the transaction is over."""
    given = {"name": name, "disabled": disabled, "settings": settings}
    changes = {key: value for key, value in given.items() if value is not None}
    if not changes:
        return
    try:
        await tx.connection.execute(sa.update(channel_accounts).where(*_of(tx, account_id)).values(changes))
    except sa.exc.IntegrityError as error:
        raise TakenError(named=True) from error


async def remove(tx: TenantTx, account_id: UUID) -> bool:
    """Delete an account that is locked. False when it has conversations: those are not deleted by the way."""
    used = await tx.connection.scalar(
        sa.select(
            sa.exists().where(
                conversations.c.tenant_id == tx.tenant_id, conversations.c.channel_account_id == account_id
            )
        )
    )
    if not used:
        await tx.connection.execute(sa.delete(channel_accounts).where(*_of(tx, account_id)))
    return not used


async def secrets(tx: TenantTx, vault: Vault, account_id: UUID) -> list[bytes]:
    """The secrets that are good now: one, two after a rotation, none when none was ever made."""
    sealed = await tx.connection.scalars(
        sa.select(channel_secrets.c.sealed).where(
            channel_secrets.c.tenant_id == tx.tenant_id, channel_secrets.c.channel_account_id == account_id, _good
        )
    )
    return [await vault.open(tx, each, context=secret_place(account_id)) for each in sealed.all()]


async def rotate(tx: TenantTx, vault: Vault, account_id: UUID, secret: bytes, *, overlap: timedelta) -> None:
    """Give an account that is locked another secret. The current one is good for `overlap` more, older ones end."""
    ours = (channel_secrets.c.tenant_id == tx.tenant_id, channel_secrets.c.channel_account_id == account_id)
    await tx.connection.execute(sa.delete(channel_secrets).where(*ours, channel_secrets.c.expires_at.is_not(None)))
    await tx.connection.execute(sa.update(channel_secrets).where(*ours).values(expires_at=sa.func.now() + overlap))
    sealed = await vault.seal(tx, secret, context=secret_place(account_id))
    await tx.connection.execute(
        sa.insert(channel_secrets).values(
            tenant_id=tx.tenant_id, id=new_id(), channel_account_id=account_id, sealed=sealed
        )
    )


def _of(tx: TenantTx, account_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return channel_accounts.c.tenant_id == tx.tenant_id, channel_accounts.c.id == account_id


def secret_place(account_id: UUID) -> str:
    """The place that an account's secrets are sealed for."""
    return f"channel_account/{account_id}"


def credentials_place(account_id: UUID) -> str:
    """The place that an account's credentials are sealed for."""
    return f"channel_credentials/{account_id}"
