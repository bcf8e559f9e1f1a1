"""The people of a tenant: how they come, what they may become, how they go."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from models.contracts.enums import Role
from models.contracts.settings import PasswordRules, TenantSettings
from models.repositories import one_time_tokens, second_factors, sessions
from models.tables import api_keys, credentials, desk_people, mails, members, tenant_settings, tenants
from runtime.database import SystemTx, TenantTx
from runtime.ids import new_id

PENDING = "!"
"""In place of a password's hash where two people claimed an address: no password matches it."""


class MemberState(StrEnum):
    INVITED = "invited"
    ACTIVE = "active"
    DISABLED = "disabled"


class LastOwnerError(Exception):
    """A tenant must have an owner who can act."""


@dataclass(frozen=True, slots=True)
class Person:
    id: UUID
    name: str
    email: str | None
    role: Role
    disabled: bool
    joined_at: datetime | None
    created_at: datetime

    @property
    def state(self) -> MemberState:
        if self.disabled:
            return MemberState.DISABLED
        return MemberState.INVITED if self.joined_at is None else MemberState.ACTIVE


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose password is chosen, and by which rules."""

    member_id: UUID
    rules: PasswordRules
    own_words: tuple[str | None, ...]


COLUMNS = (
    members.c.id,
    members.c.name,
    members.c.email,
    members.c.role,
    members.c.disabled,
    members.c.joined_at,
    members.c.created_at,
)


# Reading ------------------------------------------------------------------------------------------


async def page(tx: TenantTx, *, after: UUID | None = None, limit: int = 50) -> list[Person]:
    """Everybody who has not been removed, in the order in which they came."""
    rows = await tx.connection.execute(
        _present(tx).where(sa.true() if after is None else members.c.id > after).order_by(members.c.id).limit(limit)
    )
    return [Person(**row._mapping) for row in rows]


async def get(tx: TenantTx, member_id: UUID) -> Person | None:
    row = (await tx.connection.execute(_present(tx).where(members.c.id == member_id))).one_or_none()
    return None if row is None else Person(**row._mapping)


async def called(tx: TenantTx, name: str) -> list[Person]:
    """Those with this name, address or id."""
    rows = await tx.connection.execute(
        _present(tx).where(
            sa.or_(members.c.name == name, members.c.email == name.lower(), sa.cast(members.c.id, sa.Text) == name)
        )
    )
    return [Person(**row._mapping) for row in rows]


async def lock(tx: TenantTx, *ids: UUID) -> dict[UUID, Person]:
    """Members as they are, and stay until the transaction ends. Locked in one order, so that none wait in a circle."""
    rows = await tx.connection.execute(
        _present(tx).where(members.c.id.in_(ids)).order_by(members.c.id).with_for_update(key_share=True)
    )
    return {row.id: Person(**row._mapping) for row in rows}


async def find_open_tenant(tx: SystemTx, slug: str) -> UUID | None:
    """The tenant in which one may register oneself."""
    found: UUID | None = await tx.connection.scalar(sa.text("SELECT find_open_tenant(:slug)"), {"slug": slug})
    return found


async def find_everywhere(tx: SystemTx, email: str, slug: str | None) -> list[tuple[UUID, UUID]]:
    """Tenant and member for each account with this address, in all tenants or the one that is named."""
    rows = await tx.connection.execute(
        sa.text("SELECT * FROM find_members(:email, CAST(:slug AS text))"), {"email": email, "slug": slug}
    )
    return [(row.tenant_id, row.member_id) for row in rows]


async def subject(tx: TenantTx, member_id: UUID) -> Subject | None:
    """What a member's new password is judged by."""
    row = (
        await tx.connection.execute(
            sa.select(members.c.name, members.c.email, tenants.c.slug, tenant_settings.c.body)
            .select_from(members)
            .join(tenants, tenants.c.id == members.c.tenant_id)
            .outerjoin(tenant_settings, tenant_settings.c.tenant_id == members.c.tenant_id)
            .where(members.c.tenant_id == tx.tenant_id, members.c.id == member_id, ~members.c.disabled)
        )
    ).one_or_none()
    if row is None:
        return None
    rules = TenantSettings.model_validate(row.body or {}).passwords
    return Subject(member_id, rules, (row.name, row.email, row.slug))


# Coming -------------------------------------------------------------------------------------------


async def register(tx: TenantTx, *, email: str, name: str, password_hash: str) -> tuple[UUID, bool, bool]:
    """A new member of role `user` who has yet to confirm the address. Returns the id, whether it is new, and whether
    the address was registered before and not confirmed.

    Then the first password is void too: two people may have claimed the address, and who reads its mail decides.
    """
    statement = insert(members).values(
        tenant_id=tx.tenant_id, id=new_id(), email=email, name=name, role=Role.USER, joined_at=None
    )
    fresh: UUID | None = await tx.connection.scalar(
        statement.on_conflict_do_nothing(index_elements=[members.c.tenant_id, members.c.email]).returning(members.c.id)
    )
    if fresh is not None:
        await tx.connection.execute(
            sa.insert(credentials).values(tenant_id=tx.tenant_id, member_id=fresh, password_hash=password_hash)
        )
        return fresh, True, False
    known: UUID = (
        await tx.connection.execute(
            sa.select(members.c.id).where(members.c.tenant_id == tx.tenant_id, members.c.email == email)
        )
    ).scalar_one()
    pending = await tx.connection.scalar(
        sa.update(credentials)
        .where(
            credentials.c.tenant_id == tx.tenant_id,
            credentials.c.member_id == known,
            members.c.tenant_id == credentials.c.tenant_id,
            members.c.id == credentials.c.member_id,
            members.c.joined_at.is_(None),
        )
        .values(password_hash=PENDING)
        .returning(credentials.c.member_id)
    )
    return known, False, pending is not None


async def invite(tx: TenantTx, *, email: str, name: str, role: Role) -> UUID | None:
    """A new member who has yet to accept; None when somebody has the address.

    A registration that nobody has confirmed gives way, with its password: an invitation is a person's word.
    """
    registered = (
        sa.exists()
        .where(credentials.c.tenant_id == members.c.tenant_id, credentials.c.member_id == members.c.id)
        .correlate(members)
    )
    statement = insert(members).values(
        tenant_id=tx.tenant_id, id=new_id(), email=email, name=name, role=role, joined_at=None
    )
    member_id: UUID | None = await tx.connection.scalar(
        statement.on_conflict_do_update(
            index_elements=[members.c.tenant_id, members.c.email],
            set_={"name": name, "role": role.value, "updated_at": sa.func.now()},
            where=sa.and_(members.c.joined_at.is_(None), ~members.c.disabled, registered),
        ).returning(members.c.id)
    )
    if member_id is not None:
        await _forget_password(tx, member_id)
        await one_time_tokens.void(tx, member_id)
    return member_id


async def join(tx: TenantTx, member_id: UUID, *, name: str | None = None) -> bool:
    """The member has shown that the address is theirs. False when they are disabled or gone."""
    values: dict[str, object] = {"joined_at": sa.func.coalesce(members.c.joined_at, sa.func.now())}
    if name is not None:
        values["name"] = name
    joined = await tx.connection.execute(
        sa.update(members)
        .where(members.c.tenant_id == tx.tenant_id, members.c.id == member_id, ~members.c.disabled)
        .values(values)
    )
    return joined.rowcount > 0


async def give_address(tx: TenantTx, member_id: UUID, email: str) -> bool:
    """Sign-in by this address from now on. False when somebody in the tenant has it."""
    taken = await tx.connection.scalar(
        sa.select(members.c.id).where(
            members.c.tenant_id == tx.tenant_id, members.c.email == email, members.c.id != member_id
        )
    )
    if taken is not None:
        return False
    await _change(tx, member_id, {"email": email})
    return True


async def set_password(
    tx: TenantTx, member_id: UUID, password_hash: str, *, but: UUID | None = None, instead_of: str | None = None
) -> bool:
    """Store a new password, end the member's sessions (`but` one), and void every token that was sent to them.

    `instead_of`: only if that is the hash until now. Returns whether it was stored.
    """
    statement = insert(credentials).values(tenant_id=tx.tenant_id, member_id=member_id, password_hash=password_hash)
    stored = await tx.connection.scalar(
        statement.on_conflict_do_update(
            index_elements=[credentials.c.tenant_id, credentials.c.member_id],
            set_={"password_hash": password_hash, "password_changed_at": sa.func.now(), "updated_at": sa.func.now()},
            where=sa.true() if instead_of is None else credentials.c.password_hash == instead_of,
        ).returning(credentials.c.member_id)
    )
    if stored is None:
        return False
    await sessions.end_all(tx, member_id, but=but)
    await one_time_tokens.void(tx, member_id)
    return True


# Changing and going -------------------------------------------------------------------------------


async def update(
    tx: TenantTx,
    member_id: UUID,
    *,
    name: str | None = None,
    role: Role | None = None,
    disabled: bool | None = None,
) -> None:
    """Change what is given. Who is disabled is signed out everywhere, by a trigger. Raises LastOwnerError."""
    given = {"name": name, "role": role, "disabled": disabled}
    await _change(tx, member_id, {field: value for field, value in given.items() if value is not None})
    if disabled:
        await one_time_tokens.void(tx, member_id)


async def remove(tx: TenantTx, member_id: UUID) -> None:
    """Take away everything by which the member could come back, and the address. What they wrote stays, under their
    name. Raises LastOwnerError."""
    await _change(tx, member_id, {"disabled": True, "removed_at": sa.func.now(), "email": None})
    await _forget_password(tx, member_id)
    await second_factors.remove(tx, member_id)
    await one_time_tokens.void(tx, member_id)
    await tx.connection.execute(
        sa.update(api_keys)
        .where(api_keys.c.tenant_id == tx.tenant_id, api_keys.c.member_id == member_id, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=sa.func.now())
    )
    for table in (mails, desk_people):
        await tx.connection.execute(
            sa.delete(table).where(table.c.tenant_id == tx.tenant_id, table.c.member_id == member_id)
        )


async def _change(tx: TenantTx, member_id: UUID, values: dict[str, object]) -> None:
    if not values:
        return
    try:
        await tx.connection.execute(
            sa.update(members).where(members.c.tenant_id == tx.tenant_id, members.c.id == member_id).values(values)
        )
    except IntegrityError as error:
        if "tenant_has_an_owner" in _constraint(error):
            raise LastOwnerError from None
        raise


async def _forget_password(tx: TenantTx, member_id: UUID) -> None:
    await tx.connection.execute(
        sa.delete(credentials).where(credentials.c.tenant_id == tx.tenant_id, credentials.c.member_id == member_id)
    )


def _constraint(error: IntegrityError) -> str:
    """The name of the constraint that the driver's error reports."""
    return str(getattr(getattr(error.orig, "__cause__", None), "constraint_name", None) or "")


def _present(tx: TenantTx) -> "sa.Select[tuple[object, ...]]":
    return sa.select(*COLUMNS).where(members.c.tenant_id == tx.tenant_id, members.c.removed_at.is_(None))
