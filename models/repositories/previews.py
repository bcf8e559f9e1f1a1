"""What of an answer its customer may see while the rest of it is written: one row a conversation, for seconds.

A preview belongs to the version of the conversation in which it was begun. The next step of the conversation ends it:
nobody is shown it from then on, whether its row is gone already or not.
"""

from uuid import UUID

import sqlalchemy as sa

from models.tables import conversations, previews
from runtime.database import TenantTx

CHANNEL = "mainstay_previews"
"""LISTEN on this. Payload: a conversation's id."""

# An attempt that was given up and is late takes nothing from the next one: ids of drafts grow with time.
PUT = sa.text(
    """
    WITH put AS (
        INSERT INTO previews AS p (tenant_id, conversation_id, draft_id, version, text)
        VALUES (:tenant, :conversation, :draft, :version, :text)
        ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET
            draft_id = excluded.draft_id, version = excluded.version, text = excluded.text, updated_at = now()
        WHERE p.draft_id <= excluded.draft_id
        RETURNING p.conversation_id
    )
    SELECT pg_notify(:channel, conversation_id::text) FROM put
    """
).bindparams(
    *(sa.bindparam(name, type_=sa.Uuid()) for name in ("tenant", "conversation", "draft")),
    sa.bindparam("version", type_=sa.BigInteger()),
    sa.bindparam("text", type_=sa.Text()),
    sa.bindparam("channel", CHANNEL, type_=sa.Text()),
)

WITHDRAW = sa.text(
    """
    WITH gone AS (
        DELETE FROM previews WHERE tenant_id = :tenant AND conversation_id = :conversation AND draft_id = :draft
        RETURNING conversation_id
    )
    SELECT pg_notify(:channel, conversation_id::text) FROM gone
    """
).bindparams(
    *(sa.bindparam(name, type_=sa.Uuid()) for name in ("tenant", "conversation", "draft")),
    sa.bindparam("channel", CHANNEL, type_=sa.Text()),
)

# Built once: this is read at every wake-up of every subscriber of a conversation.
SHOWN = (
    sa.select(previews.c.text)
    .join(
        conversations,
        sa.and_(
            conversations.c.tenant_id == previews.c.tenant_id,
            conversations.c.id == previews.c.conversation_id,
            conversations.c.version == previews.c.version,
        ),
    )
    .where(previews.c.tenant_id == sa.bindparam("tenant"), previews.c.conversation_id == sa.bindparam("conversation"))
)


async def put(tx: TenantTx, conversation: UUID, draft: UUID, version: int, text: str) -> None:
    """Show `text` to whoever listens, in place of what was shown before. Raises when there is no such conversation."""
    given = {"tenant": tx.tenant_id, "conversation": conversation, "draft": draft, "version": version, "text": text}
    await tx.connection.execute(PUT, given)


async def withdraw(tx: TenantTx, conversation: UUID, draft: UUID) -> None:
    """Show nothing of `draft` any more."""
    await tx.connection.execute(WITHDRAW, {"tenant": tx.tenant_id, "conversation": conversation, "draft": draft})


async def shown(tx: TenantTx, conversation: UUID) -> str:
    """What is shown now; empty: nothing."""
    text: str | None = await tx.connection.scalar(SHOWN, {"tenant": tx.tenant_id, "conversation": conversation})
    return text or ""
