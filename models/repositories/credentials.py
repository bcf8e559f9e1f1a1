"""Who signs in with which e-mail address and password."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from models.tables import credentials, members, tenants
from runtime.database import SystemTx, TenantTx


@dataclass(frozen=True, slots=True)
class SignIn:
    """A member who has credentials and may use them."""

    member_id: UUID
    password_hash: str
    suspended: bool


async def find(tx: SystemTx, email: str, slug: str | None) -> tuple[UUID, UUID] | None:
    """Tenant and member of a lower-case address; without `slug` it must be one member's in the whole installation.

    None, too, for members who are disabled or have not joined yet (their address is not confirmed).
    """
    row = (
        await tx.connection.execute(
            sa.text("SELECT * FROM find_sign_in(:email, CAST(:slug AS text))"), {"email": email, "slug": slug}
        )
    ).one_or_none()
    return None if row is None else (row.tenant_id, row.member_id)


async def get(tx: TenantTx, member_id: UUID) -> SignIn | None:
    return await _one(tx, _of(tx, member_id))


async def lock(tx: TenantTx, member_id: UUID) -> SignIn | None:
    """Like `get`, and until the transaction ends neither the password changes nor is the member disabled."""
    return await _one(tx, _of(tx, member_id).with_for_update(read=True, of=[credentials, members]))


async def replace_hash(tx: TenantTx, member_id: UUID, old: str, new: str) -> None:
    """Store the same password hashed anew, unless it was changed meanwhile."""
    await tx.connection.execute(
        sa.update(credentials)
        .where(
            credentials.c.tenant_id == tx.tenant_id,
            credentials.c.member_id == member_id,
            credentials.c.password_hash == old,
        )
        .values(password_hash=new)
    )


def _of(tx: TenantTx, member_id: UUID) -> sa.Select[tuple[UUID, str, bool]]:
    return (
        sa.select(members.c.id, credentials.c.password_hash, tenants.c.suspended)
        .select_from(members)
        .join(
            credentials,
            sa.and_(credentials.c.tenant_id == members.c.tenant_id, credentials.c.member_id == members.c.id),
        )
        .join(tenants, tenants.c.id == members.c.tenant_id)
        .where(
            members.c.tenant_id == tx.tenant_id,
            members.c.id == member_id,
            ~members.c.disabled,
            members.c.joined_at.is_not(None),
        )
    )


async def _one(tx: TenantTx, statement: sa.Select[tuple[UUID, str, bool]]) -> SignIn | None:
    row = (await tx.connection.execute(statement)).one_or_none()
    return None if row is None else SignIn(row.id, row.password_hash, row.suspended)
