"""Sessions: begun by signing in, moved on by refreshing, ended by whoever may. Only hashes of their tokens are kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

import sqlalchemy as sa

from models.contracts.enums import Role
from models.repositories.tenants import Caller
from models.tables import members, second_factors, sessions, tenant_settings, tenants
from runtime.database import SystemTx, TenantTx
from runtime.ids import new_id

# Announces whose rights, keys or sessions have changed: `<tenant> <member>`, or `<tenant> -` for all of the tenant.
CHANNEL = "mainstay_access"
# How long an ended session can still be looked up, so that a late replay of its tokens finds it.
RETENTION = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Session:
    """One place where a member is signed in."""

    id: UUID
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    ip: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class Me:
    """A member and their tenant."""

    name: str
    email: str | None
    tenant_slug: str
    tenant_name: str


@dataclass(frozen=True, slots=True)
class Hashes:
    """SHA-256 of a refresh token's two parts: the one that stays, and the one that changes with each use."""

    family: bytes
    secret: bytes


@dataclass(frozen=True, slots=True)
class Refreshed:
    member_id: UUID


class Replayed:
    """The token had been used before. Its session is over now."""


class Over:
    """The session has ended, expired, or its member may not sign in any more."""


async def begin(
    tx: TenantTx,
    member_id: UUID,
    token: Hashes,
    *,
    idle: timedelta,
    life: timedelta,
    ip: str | None,
    user_agent: str | None,
) -> UUID:
    """A new session of a member; its id."""
    session_id = new_id()
    await tx.connection.execute(
        sa.insert(sessions).values(
            tenant_id=tx.tenant_id,
            id=session_id,
            member_id=member_id,
            family_hash=token.family,
            refresh_hash=token.secret,
            expires_at=sa.func.now() + life,
            idle_until=sa.func.now() + min(idle, life),
            refreshed_at=sa.func.now(),
            ip=ip,
            user_agent=None if user_agent is None else user_agent[:300],
        )
    )
    return session_id


async def find(tx: SystemTx, family: bytes) -> tuple[UUID, UUID] | None:
    """Tenant and session to which a refresh token belongs or once belonged."""
    row = (
        await tx.connection.execute(sa.text("SELECT * FROM find_session(:family)"), {"family": family})
    ).one_or_none()
    return None if row is None else (row.tenant_id, row.session_id)


async def refresh(
    tx: TenantTx, session_id: UUID, old: bytes, new: bytes, *, idle: timedelta
) -> Refreshed | Replayed | Over:
    """Exchange the secret part of a refresh token. Of two who do it with the same token, one gets Refreshed.

    The row's lock makes the second wait, and then its token is a used one: that ends the session.
    """
    columns = sessions.c
    ours = (columns.tenant_id == tx.tenant_id, columns.id == session_id)
    member_id = await tx.connection.scalar(
        sa.update(sessions)
        .where(
            *ours,
            *_alive(),
            columns.refresh_hash == old,
            members.c.tenant_id == columns.tenant_id,
            members.c.id == columns.member_id,
            ~members.c.disabled,
        )
        .values(
            refresh_hash=new,
            refreshed_at=sa.func.now(),
            idle_until=sa.func.least(columns.expires_at, sa.func.now() + idle),
        )
        .returning(columns.member_id)
    )
    if member_id is not None:
        return Refreshed(member_id)
    replayed = await tx.connection.scalar(
        sa.update(sessions)
        .where(*ours, columns.ended_at.is_(None), columns.refresh_hash != old)
        .values(ended_at=sa.func.now())
        .returning(columns.id)
    )
    return Over() if replayed is None else Replayed()


async def caller(tx: TenantTx, session_id: UUID, member_id: UUID) -> Caller | None:
    """Who is signed in by this session; None when it is over, or its member disabled."""
    row = (
        await tx.connection.execute(
            sa.select(tenants.c.suspended, members.c.name, members.c.role, _lacks_second_factor().label("lacks"))
            .select_from(sessions)
            .join(tenants, tenants.c.id == sessions.c.tenant_id)
            .join(members, sa.and_(members.c.tenant_id == sessions.c.tenant_id, members.c.id == sessions.c.member_id))
            .outerjoin(tenant_settings, tenant_settings.c.tenant_id == sessions.c.tenant_id)
            .where(
                sessions.c.tenant_id == tx.tenant_id,
                sessions.c.id == session_id,
                sessions.c.member_id == member_id,
                *_alive(),
                ~members.c.disabled,
            )
        )
    ).one_or_none()
    if row is None:
        return None
    return Caller(
        tx.tenant_id,
        row.suspended,
        member_id,
        row.name,
        Role(row.role),
        session_id=session_id,
        lacks_second_factor=row.lacks,
    )


async def me(tx: TenantTx, member_id: UUID) -> Me:
    """What a caller wants to know about themself."""
    row = (
        await tx.connection.execute(
            sa.select(members.c.name, members.c.email, tenants.c.slug, tenants.c.name)
            .select_from(members)
            .join(tenants, tenants.c.id == members.c.tenant_id)
            .where(members.c.tenant_id == tx.tenant_id, members.c.id == member_id)
        )
    ).one()
    return Me(*row)


async def rename(tx: TenantTx, member_id: UUID, name: str) -> None:
    await tx.connection.execute(
        sa.update(members).where(members.c.tenant_id == tx.tenant_id, members.c.id == member_id).values(name=name)
    )


async def list_alive(tx: TenantTx, member_id: UUID) -> list[Session]:
    """A member's sessions, the latest used first."""
    columns = sessions.c
    rows = await tx.connection.execute(
        sa.select(
            columns.id,
            columns.created_at,
            columns.refreshed_at,
            columns.expires_at,
            columns.ip,
            columns.user_agent,
        )
        .where(columns.tenant_id == tx.tenant_id, columns.member_id == member_id, *_alive())
        .order_by(columns.refreshed_at.desc(), columns.id)
    )
    return [
        Session(row.id, row.created_at, row.refreshed_at, row.expires_at, _written(row.ip), row.user_agent)
        for row in rows
    ]


async def end(tx: TenantTx, member_id: UUID, session_id: UUID) -> bool:
    """End one session of a member. False when there is none that is not over."""
    columns = sessions.c
    ended = await tx.connection.execute(
        sa.update(sessions)
        .where(
            columns.tenant_id == tx.tenant_id,
            columns.id == session_id,
            columns.member_id == member_id,
            *_alive(),
        )
        .values(ended_at=sa.func.now())
    )
    return ended.rowcount > 0


async def leave(tx: TenantTx, session_id: UUID, secret: bytes) -> UUID | None:
    """End the session whose refresh token has this secret part; its member. None when that is not its last one."""
    columns = sessions.c
    member_id: UUID | None = await tx.connection.scalar(
        sa.update(sessions)
        .where(columns.tenant_id == tx.tenant_id, columns.id == session_id, columns.refresh_hash == secret, *_alive())
        .values(ended_at=sa.func.now())
        .returning(columns.member_id)
    )
    return member_id


async def end_all(tx: TenantTx, member_id: UUID, *, but: UUID | None = None) -> int:
    """End a member's sessions, all or all `but` one; how many.

    After a change of the password: change it first, in the same transaction. A sign-in with the old password that is
    under way then either is seen here or sees the new one (see credentials.lock).
    """
    columns = sessions.c
    ended = await tx.connection.execute(
        sa.update(sessions)
        .where(
            columns.tenant_id == tx.tenant_id,
            columns.member_id == member_id,
            columns.ended_at.is_(None),
            sa.true() if but is None else columns.id != but,
        )
        .values(ended_at=sa.func.now())
    )
    return ended.rowcount


async def begun_within(tx: TenantTx, session_id: UUID, age: timedelta) -> bool:
    """Whether the member signed in so lately; refreshing does not count."""
    found = await tx.connection.scalar(
        sa.select(sessions.c.id).where(
            sessions.c.tenant_id == tx.tenant_id,
            sessions.c.id == session_id,
            sessions.c.created_at > sa.func.now() - age,
        )
    )
    return found is not None


async def forget_expired(tx: SystemTx) -> None:
    """Delete every tenant's sessions that are past their retention."""
    await tx.connection.execute(sa.text("SELECT forget_sessions(:older_than)"), {"older_than": RETENTION})


def _lacks_second_factor() -> sa.ColumnElement[bool]:
    has_one = sa.exists().where(
        second_factors.c.tenant_id == members.c.tenant_id,
        second_factors.c.member_id == members.c.id,
        second_factors.c.confirmed_at.is_not(None),
    )
    asked_for = sa.func.coalesce(tenant_settings.c.body["require_second_factor"].as_boolean(), sa.false())
    return sa.and_(asked_for, members.c.role != Role.USER.value, ~has_one)


def _alive() -> tuple[sa.ColumnElement[bool], ...]:
    columns = sessions.c
    return columns.ended_at.is_(None), columns.expires_at > sa.func.now(), columns.idle_until > sa.func.now()


def _written(ip: IPv4Address | IPv6Address | str | None) -> str | None:
    return None if ip is None else str(ip)
