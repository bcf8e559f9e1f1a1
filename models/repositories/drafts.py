"""What a model wrote, kept out of workflow history until a step of the conversation sends it."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.contracts.knowledge import Usage
from models.tables import drafts
from runtime.database import TenantTx


async def put(tx: TenantTx, draft: UUID, conversation: UUID, text: str, usage: Usage) -> None:
    """Store a draft; written again by a retry, the last one stands."""
    values = {"text": text, "usage": usage.model_dump(mode="json")}
    statement = insert(drafts).values(tenant_id=tx.tenant_id, id=draft, conversation_id=conversation, **values)
    await tx.connection.execute(
        statement.on_conflict_do_update(index_elements=[drafts.c.tenant_id, drafts.c.id], set_=values)
    )


async def get(tx: TenantTx, draft: UUID) -> str | None:
    text: str | None = await tx.connection.scalar(
        sa.select(drafts.c.text).where(drafts.c.tenant_id == tx.tenant_id, drafts.c.id == draft)
    )
    return text
