"""In which embedding space a tenant is searched, and which spaces its new chunks must have a vector in."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.contracts.enums import IngestStatus
from models.tables import reindexes, tenant_spaces
from runtime.database import TenantTx

OPEN = reindexes.c.status.in_([IngestStatus.QUEUED, IngestStatus.RUNNING])


async def active(tx: TenantTx) -> int | None:
    """The space that the tenant is searched in; None before anything was learned."""
    found: int | None = await tx.connection.scalar(
        sa.select(tenant_spaces.c.space_id).where(tenant_spaces.c.tenant_id == tx.tenant_id)
    )
    return found


async def settle(tx: TenantTx, space: int) -> int:
    """The space that the tenant is searched in, which is `space` from now on if there was none.

    Locked until the transaction ends: a switch waits for what is being published, and what is published after it
    goes by the new space.
    """
    await tx.connection.execute(
        insert(tenant_spaces).values(tenant_id=tx.tenant_id, space_id=space).on_conflict_do_nothing()
    )
    found: int = (
        await tx.connection.execute(
            sa.select(tenant_spaces.c.space_id)
            .where(tenant_spaces.c.tenant_id == tx.tenant_id)
            .with_for_update(read=True)
        )
    ).scalar_one()
    return found


async def target(tx: TenantTx) -> int | None:
    """The space that a re-index under way fills."""
    found: int | None = await tx.connection.scalar(
        sa.select(reindexes.c.space_id).where(reindexes.c.tenant_id == tx.tenant_id, OPEN)
    )
    return found


async def wanted(tx: TenantTx, space: int) -> list[int]:
    """The spaces in which a new chunk must have a vector before it is published: the tenant's own (`space`, if it has
    none yet), and the one that a re-index fills. Locks like `settle`."""
    own = await settle(tx, space)
    filled = await target(tx)
    return [own] if filled in (None, own) else [own, filled]


async def move(tx: TenantTx, space: int) -> None:
    """Have the tenant searched in `space` from the end of this transaction on."""
    statement = insert(tenant_spaces).values(tenant_id=tx.tenant_id, space_id=space)
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[tenant_spaces.c.tenant_id], set_={"space_id": space, "updated_at": sa.func.now()}
        )
    )


async def lock(tx: TenantTx) -> None:
    """Wait for publications under way, and hold up those that follow until the transaction ends."""
    await tx.connection.execute(
        sa.select(tenant_spaces.c.space_id).where(tenant_spaces.c.tenant_id == tx.tenant_id).with_for_update()
    )
