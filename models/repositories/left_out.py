"""What a customer is told of a message that could not be taken as a whole: once a message, whatever in it is wrong, and once
for files that were sent as one album."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from models.contracts.enums import Author, Direction, EventType, Language, MessageStatus, ReplyKind
from models.repositories import events, ledger
from models.tables import messages
from runtime.database import TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Untold:
    """A customer's message of which nothing was told yet. `spoken`: the conversation's language, as far as it is known;
    `usual`: the tenant's."""

    conversation_id: UUID
    text: str
    spoken: Language | None
    usual: Language
    key: str


# The conversation's row is locked: of two files that are refused at once, one is told of.
UNTOLD = (
    sa.text(
        """
        WITH held AS MATERIALIZED (
            SELECT c.id, m.text, c.language AS spoken, c.muted_until, m.flooded,
                'left_out/' || c.id || '/' || coalesce(m.extras->>'album', m.id::text) AS key
            FROM messages m
            JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
            WHERE m.tenant_id = :tenant AND m.id = :message AND m.author = 'customer'
            FOR NO KEY UPDATE OF c
        )
        SELECT h.id AS conversation_id, h.text, h.spoken, t.language AS usual, h.key
        FROM held h JOIN tenants t ON t.id = :tenant
        WHERE NOT h.flooded AND (h.muted_until IS NULL OR h.muted_until <= now())
        """
    )
    .bindparams(sa.bindparam("tenant", type_=sa.Uuid()), sa.bindparam("message", type_=sa.Uuid()))
    .columns(spoken=messages.c.language.type, usual=messages.c.language.type)
)

# By itself: the statement above sees nothing that was committed while it waited.
TOLD = sa.text("SELECT EXISTS (SELECT FROM send_ledger WHERE tenant_id = :tenant AND key = :key)")


async def untold(tx: TenantTx, message: UUID) -> Untold | None:
    """The message, held until commit. Call it before the transaction's first event, unless that was of this conversation.
    None: it is no customer's (any more), it was told of before, or its customer is not answered now, for they wanted none
    or wrote too much."""
    row = (await tx.connection.execute(UNTOLD, {"tenant": tx.tenant_id, "message": message})).one_or_none()
    if row is None or await tx.connection.scalar(TOLD, {"tenant": tx.tenant_id, "key": row.key}):
        return None
    return Untold(**row._mapping)


async def tell(tx: TenantTx, to: Untold, text: str, language: Language) -> UUID | None:
    """Tell the customer. The account in whose lane it waits; None where events deliver it."""
    message = new_id()
    await tx.connection.execute(
        sa.insert(messages).values(
            tenant_id=tx.tenant_id,
            id=message,
            conversation_id=to.conversation_id,
            direction=Direction.OUTBOUND,
            author=Author.SYSTEM,
            status=MessageStatus.SENT,
            kind=ReplyKind.UNREADABLE,
            language=language,
            text=text,
        )
    )
    queued_at = await ledger.enter(tx, to.conversation_id, message, to.key)
    said = {"message_id": str(message), "author": Author.SYSTEM.value, "kind": ReplyKind.UNREADABLE.value}
    await events.append(tx, EventType.MESSAGE, said, to.conversation_id)
    return queued_at
