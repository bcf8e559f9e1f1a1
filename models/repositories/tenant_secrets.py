"""What a tenant gives us to keep for it: credentials of its channels and integrations. Written and used, never shown."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.repositories.vault import Vault
from models.tables import tenant_secrets
from runtime.database import TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Secret:
    """What may be seen of a secret."""

    id: UUID
    name: str
    created_at: datetime
    updated_at: datetime


SEEN = (tenant_secrets.c.id, tenant_secrets.c.name, tenant_secrets.c.created_at, tenant_secrets.c.updated_at)


async def list_all(tx: TenantTx) -> list[Secret]:
    rows = await tx.connection.execute(
        sa.select(*SEEN).where(tenant_secrets.c.tenant_id == tx.tenant_id).order_by(tenant_secrets.c.name)
    )
    return [Secret(**row._mapping) for row in rows]


async def put(tx: TenantTx, vault: Vault, name: str, value: str) -> Secret:
    """Store a secret under a new name, or in place of the one that has it."""
    sealed = await vault.seal(tx, value.encode(), context=_context(name))
    statement = insert(tenant_secrets).values(tenant_id=tx.tenant_id, id=new_id(), name=name, sealed=sealed)
    row = await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[tenant_secrets.c.tenant_id, tenant_secrets.c.name],
            set_={"sealed": sealed, "updated_at": sa.func.now()},
        ).returning(*SEEN)
    )
    return Secret(**row.one()._mapping)


async def get(tx: TenantTx, vault: Vault, name: str) -> str | None:
    """The secret itself, for whoever calls out in the tenant's name. Raises SealedError."""
    sealed = await tx.connection.scalar(
        sa.select(tenant_secrets.c.sealed).where(
            tenant_secrets.c.tenant_id == tx.tenant_id, tenant_secrets.c.name == name
        )
    )
    return None if sealed is None else (await vault.open(tx, sealed, context=_context(name))).decode()


async def remove(tx: TenantTx, name: str) -> UUID | None:
    """The id of the secret that is no more; None when there was none."""
    found: UUID | None = await tx.connection.scalar(
        sa.delete(tenant_secrets)
        .where(tenant_secrets.c.tenant_id == tx.tenant_id, tenant_secrets.c.name == name)
        .returning(tenant_secrets.c.id)
    )
    return found


def _context(name: str) -> str:
    return f"secret/{name}"
