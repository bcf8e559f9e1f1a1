"""Tenants, members, keys, and a tenant's own rules."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.contracts.channels import Provider
from models.contracts.enums import Language, Role
from models.contracts.settings import Masking, TenantSettings
from models.tables import branches, channel_accounts, members, tenant_settings, tenants
from runtime.database import SystemTx, TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Tenant:
    id: UUID
    slug: str
    name: str
    suspended: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """A tenant, as its own people and the operator see it."""

    id: UUID
    slug: str
    name: str
    language: Language
    suspended: bool
    suspended_at: datetime | None
    suspension_reason: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    id: UUID
    name: str
    email: str | None
    role: Role


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a member, by an API key (`key_id`) or signed in (`session_id`)."""

    tenant_id: UUID
    suspended: bool
    member_id: UUID
    member_name: str
    role: Role
    key_id: UUID | None = None
    session_id: UUID | None = None
    # What a key is confined to; None: everything that the member's role may do.
    scopes: frozenset[str] | None = None
    # Signed in, but the tenant asks for a second factor and there is none: may only see to that (and to themselves).
    lacks_second_factor: bool = False


async def authenticate(tx: SystemTx, hashed: bytes) -> Caller | None:
    """The caller behind a key, given by its hash; None when unknown, revoked, expired, or its member disabled."""
    row = (
        await tx.connection.execute(sa.text("SELECT * FROM authenticate_api_key(:hash)"), {"hash": hashed})
    ).one_or_none()
    if row is None:
        return None
    return Caller(
        row.tenant_id,
        row.suspended,
        row.member_id,
        row.member_name,
        Role(row.role),
        key_id=row.key_id,
        scopes=None if row.scopes is None else frozenset(row.scopes),
    )


async def list_all(tx: SystemTx) -> list[Tenant]:
    """Every tenant by slug (for operators on the command line)."""
    rows = await tx.connection.execute(sa.text("SELECT id, slug, name, suspended FROM list_tenants()"))
    return [Tenant(**row._mapping) for row in rows]


async def create(tx: TenantTx, *, slug: str, name: str, language: Language) -> None:
    """Create `tx`'s tenant with one branch and one account for each channel that needs no credentials.

    Raises sqlalchemy.exc.IntegrityError when the slug is taken or is no DNS label.
    """
    await tx.connection.execute(sa.insert(tenants).values(id=tx.tenant_id, slug=slug, name=name, language=language))
    await tx.connection.execute(sa.insert(tenant_settings).values(tenant_id=tx.tenant_id))
    branch = new_id()
    await tx.connection.execute(sa.insert(branches).values(tenant_id=tx.tenant_id, id=branch, slug="main", name=name))
    await tx.connection.execute(
        sa.insert(channel_accounts),
        [
            {
                "tenant_id": tx.tenant_id,
                "id": new_id(),
                "branch_id": branch,
                "kind": provider.kind,
                "provider": provider,
                "name": "default",
            }
            for provider in (Provider.API, Provider.WEB)
        ],
    )


async def profile(tx: TenantTx) -> Profile:
    columns = (tenants.c[name] for name in Profile.__dataclass_fields__)
    row = (await tx.connection.execute(sa.select(*columns).where(tenants.c.id == tx.tenant_id))).one()
    return Profile(**{**row._mapping, "language": Language(row.language)})


async def update(tx: TenantTx, *, name: str | None, language: Language | None) -> None:
    """Change what is given."""
    changes = {key: value for key, value in (("name", name), ("language", language)) if value is not None}
    await tx.connection.execute(sa.update(tenants).where(tenants.c.id == tx.tenant_id).values(changes))


async def lock(tx: TenantTx) -> None:
    """Let nobody else change the tenant's rules or branches until the transaction ends."""
    await tx.connection.execute(
        sa.select(tenants.c.id).where(tenants.c.id == tx.tenant_id).with_for_update(key_share=True)
    )


async def suspend(tx: TenantTx, reason: str | None) -> None:
    """Refuse the tenant's callers, and let its processes wait. Again: with another reason."""
    await tx.connection.execute(
        sa.update(tenants)
        .where(tenants.c.id == tx.tenant_id)
        .values(
            suspended=True,
            suspended_at=sa.func.coalesce(tenants.c.suspended_at, sa.func.now()),
            suspension_reason=reason,
        )
    )


async def resume(tx: TenantTx) -> None:
    """Let everything go on."""
    await tx.connection.execute(
        sa.update(tenants)
        .where(tenants.c.id == tx.tenant_id)
        .values(suspended=False, suspended_at=None, suspension_reason=None)
    )


async def suspended(tx: SystemTx) -> frozenset[UUID]:
    """Every tenant that is suspended."""
    return frozenset(await tx.connection.scalars(sa.text("SELECT * FROM suspended_tenants()")))


async def add_member(tx: TenantTx, *, name: str, role: Role, email: str | None = None) -> Member:
    member = Member(new_id(), name, email, role)
    await tx.connection.execute(
        sa.insert(members).values(tenant_id=tx.tenant_id, id=member.id, name=name, email=email, role=role)
    )
    return member


async def list_members(tx: TenantTx) -> list[Member]:
    rows = await tx.connection.execute(
        sa.select(members.c.id, members.c.name, members.c.email, members.c.role)
        .where(members.c.tenant_id == tx.tenant_id, ~members.c.disabled)
        .order_by(members.c.created_at)
    )
    return [Member(row.id, row.name, row.email, Role(row.role)) for row in rows]


async def get_member(tx: TenantTx, member_id: UUID) -> Member | None:
    row = (
        await tx.connection.execute(
            sa.select(members.c.id, members.c.name, members.c.email, members.c.role).where(
                members.c.tenant_id == tx.tenant_id, members.c.id == member_id, ~members.c.disabled
            )
        )
    ).one_or_none()
    return None if row is None else Member(row.id, row.name, row.email, Role(row.role))


async def get_settings(tx: TenantTx) -> TenantSettings:
    body = await tx.connection.scalar(
        sa.select(tenant_settings.c.body).where(tenant_settings.c.tenant_id == tx.tenant_id)
    )
    return TenantSettings.model_validate(body or {})


async def masking(tx: TenantTx) -> tuple[Masking, Language]:
    """What is taken out of texts before they go to a model, and the language of the tenant."""
    settings, language = await settings_and_language(tx)
    return settings.masking, language


async def settings_and_language(tx: TenantTx) -> tuple[TenantSettings, Language]:
    """In one round trip, for whoever writes to a customer."""
    row = (
        await tx.connection.execute(
            sa.select(tenant_settings.c.body, tenants.c.language)
            .join(tenants, tenants.c.id == tenant_settings.c.tenant_id)
            .where(tenant_settings.c.tenant_id == tx.tenant_id)
        )
    ).one()
    return TenantSettings.model_validate(row.body), Language(row.language)


async def put_settings(tx: TenantTx, settings: TenantSettings) -> None:
    body = settings.model_dump(mode="json", exclude_defaults=True)
    statement = insert(tenant_settings).values(tenant_id=tx.tenant_id, body=body)
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[tenant_settings.c.tenant_id], set_={"body": body, "updated_at": sa.func.now()}
        )
    )
