"""How a message that is written down gets on its way: through events, or in the lane of its account."""

from uuid import UUID

import sqlalchemy as sa

from models.tables import messages, send_ledger
from runtime.database import TenantTx
from runtime.ids import new_id

# On channels that deliver through events, the event of this same transaction is the delivery: `sent` is true the moment
# it commits, and there is no window in which it could be sent twice. `a` is the conversation's account.
BY_EVENTS = "a.provider IN ('api', 'web')"
STATUS = f"CASE WHEN {BY_EVENTS} THEN 'sent' ELSE 'queued' END"
ATTEMPTS = f"CASE WHEN {BY_EVENTS} THEN 1 ELSE 0 END"
ACCOUNT = f"CASE WHEN {BY_EVENTS} THEN NULL ELSE a.id END"

ENTER = sa.text(
    f"""
    INSERT INTO send_ledger (tenant_id, id, conversation_id, message_id, key, status, attempts, channel_account_id)
    SELECT :tenant, :ledger, :conversation, :message, :key, {STATUS}, {ATTEMPTS}, {ACCOUNT}
    FROM conversations c JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.channel_account_id
    WHERE c.tenant_id = :tenant AND c.id = :conversation
    ON CONFLICT DO NOTHING RETURNING channel_account_id
    """  # noqa: S608  # made of constants
).bindparams(
    *(sa.bindparam(name, type_=sa.Uuid()) for name in ("tenant", "ledger", "conversation", "message")),
    sa.bindparam("key", type_=sa.Text()),
)

DELIVERY = (
    sa.select(sa.func.jsonb_build_object("status", send_ledger.c.status, "error", send_ledger.c.error))
    .where(
        send_ledger.c.tenant_id == messages.c.tenant_id,
        send_ledger.c.message_id == messages.c.id,
        send_ledger.c.channel_account_id.is_not(None),
    )
    .correlate(messages)
    .limit(1)
    .scalar_subquery()
    .label("delivery")
)
"""What became of a message on its way through a provider."""


async def enter(tx: TenantTx, conversation: UUID, message: UUID, key: str) -> UUID | None:
    """Send a message, once a key. Returns the account in whose lane it waits; None where events deliver it."""
    queued_at: UUID | None = await tx.connection.scalar(
        ENTER,
        {
            "tenant": tx.tenant_id,
            "ledger": new_id(),
            "conversation": conversation,
            "message": message,
            "key": key,
        },
    )
    return queued_at
