"""A tenant's branches: its locations, each with channel accounts of its own."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.tables import branches, channel_accounts, conversations
from runtime.database import TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Branch:
    id: UUID
    slug: str
    name: str
    knowledge_tag: str | None
    assistant_id: UUID | None
    created_at: datetime


COLUMNS = tuple(branches.c[name] for name in Branch.__dataclass_fields__)


async def list_all(tx: TenantTx) -> list[Branch]:
    """By slug."""
    rows = await tx.connection.execute(
        sa.select(*COLUMNS).where(branches.c.tenant_id == tx.tenant_id).order_by(branches.c.slug)
    )
    return [Branch(**row._mapping) for row in rows]


async def count(tx: TenantTx) -> int:
    return (
        await tx.connection.scalar(
            sa.select(sa.func.count()).select_from(branches).where(branches.c.tenant_id == tx.tenant_id)
        )
        or 0
    )


async def create(
    tx: TenantTx, *, slug: str, name: str, knowledge_tag: str | None, assistant_id: UUID | None = None
) -> Branch | None:
    """None when there is a branch with this slug. `assistant_id` is that of an assistant of the tenant."""
    statement = insert(branches).values(
        tenant_id=tx.tenant_id,
        id=new_id(),
        slug=slug,
        name=name,
        knowledge_tag=knowledge_tag,
        assistant_id=assistant_id,
    )
    row = (await tx.connection.execute(statement.on_conflict_do_nothing().returning(*COLUMNS))).one_or_none()
    return None if row is None else Branch(**row._mapping)


async def update(tx: TenantTx, branch_id: UUID, changes: dict[str, str | UUID | None]) -> Branch | None:
    """Set `name`, `knowledge_tag` or `assistant_id`, whichever is in `changes`. None when there is no such branch."""
    row = (
        await tx.connection.execute(sa.update(branches).where(*_of(tx, branch_id)).values(changes).returning(*COLUMNS))
    ).one_or_none()
    return None if row is None else Branch(**row._mapping)


async def lock(tx: TenantTx, branch_id: UUID) -> bool:
    """Whether there is such a branch; nothing is added to it until the transaction ends."""
    found = await tx.connection.scalar(sa.select(branches.c.id).where(*_of(tx, branch_id)).with_for_update())
    return found is not None


async def in_use(tx: TenantTx, branch_id: UUID) -> bool:
    """Whether an account of the branch takes messages, or has conversations that would go with it."""
    accounts = channel_accounts.c
    found = await tx.connection.scalar(
        sa.select(accounts.id)
        .where(
            accounts.tenant_id == tx.tenant_id,
            accounts.branch_id == branch_id,
            sa.or_(
                ~accounts.disabled,
                sa.exists().where(
                    conversations.c.tenant_id == accounts.tenant_id,
                    conversations.c.channel_account_id == accounts.id,
                ),
            ),
        )
        .limit(1)
    )
    return found is not None


async def remove(tx: TenantTx, branch_id: UUID) -> None:
    """Delete a branch that is not in use, with its channel accounts."""
    await tx.connection.execute(sa.delete(branches).where(*_of(tx, branch_id)))


def _of(tx: TenantTx, branch_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return branches.c.tenant_id == tx.tenant_id, branches.c.id == branch_id
