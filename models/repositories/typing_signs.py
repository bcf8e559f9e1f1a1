"""Who is to see that an answer is being written. Whoever hears events is told here; nothing is kept of it."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from models.contracts.channels import Chat, ChatKind
from models.repositories.ledger import BY_EVENTS
from runtime.database import TenantTx

CHANNEL = "mainstay_typing"
"""LISTEN on this. Payload: a conversation's id."""
SECONDS = 5.0
"""How long news of it is good for: as long as Telegram shows it."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """The customer of a conversation: `account` None where events tell them. `answered` is the provider's name of their
    last message."""

    account: UUID | None
    chat: Chat
    answered: str | None


# Nobody while a person has the conversation, or while the bot keeps silent.
TELL = sa.text(
    f"""
    SELECT c.chat_id, c.chat_kind, CASE WHEN NOT {BY_EVENTS} THEN a.id END AS account,
        CASE WHEN {BY_EVENTS} THEN pg_notify(:channel, c.id::text) END,
        (SELECT m.provider_message_id FROM messages m
        WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.id AND m.author = 'customer'
        ORDER BY m.seq DESC LIMIT 1) AS answered
    FROM conversations c JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.channel_account_id
    WHERE c.tenant_id = :tenant AND c.id = :conversation AND c.state <> 'manager_active'
        AND (c.muted_until IS NULL OR c.muted_until <= now()) AND NOT c.slowed AND c.unreachable_at IS NULL
    """  # noqa: S608  # made of constants
).bindparams(
    sa.bindparam("tenant", type_=sa.Uuid()),
    sa.bindparam("conversation", type_=sa.Uuid()),
    sa.bindparam("channel", CHANNEL, type_=sa.Text()),
)


async def tell(tx: TenantTx, conversation: UUID) -> Watcher | None:
    """Tell whoever hears the conversation's events, and return whom else to show it. None: it is to be shown to nobody."""
    row = (await tx.connection.execute(TELL, {"tenant": tx.tenant_id, "conversation": conversation})).one_or_none()
    if row is None:
        return None
    return Watcher(row.account, Chat(id=row.chat_id, kind=ChatKind(row.chat_kind)), row.answered)
