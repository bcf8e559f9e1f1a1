"""The way in of every customer's message: looked up, stored once, and announced, in one statement.

This is the path that the product's latency and throughput are made of, so it is one round trip and one text that
is compiled once. The event comes last in it: it holds the tenant's counter until commit.
"""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from models.contracts.conversation import ConversationInput
from models.repositories import standings
from models.repositories.standings import CONVERSATION
from runtime.database import TenantTx
from runtime.ids import new_id

FOREIGN_KEY = "23503"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored message, with what starts its conversation's process.

    `new` is false for a repeated delivery; `handled` is true once a turn is done with it.
    """

    message_id: UUID
    new: bool
    handled: bool
    start: ConversationInput
    quiet_seconds: float


ACCEPT = sa.text(
    f"""
    WITH conversation AS ({CONVERSATION}), stored AS (
        INSERT INTO messages
            (tenant_id, id, conversation_id, direction, author, status, provider_message_id, text)
        SELECT tenant_id, :message, id, 'inbound', 'customer', 'stored', :provider_message_id, :text FROM conversation
        ON CONFLICT DO NOTHING RETURNING id
    ), touched AS (
        UPDATE conversations c SET last_message_at = now(), updated_at = now()
        WHERE c.tenant_id = :tenant AND c.id = :conversation AND EXISTS (SELECT FROM stored)
        RETURNING c.tenant_id, c.id
    ), announced AS (
        INSERT INTO events (tenant_id, seq, conversation_id, type, data)
        SELECT tenant_id, 0, id, 'message', jsonb_build_object('message_id', :message, 'author', 'customer')
        FROM touched
    )
    SELECT *, EXISTS (SELECT FROM stored) AS new FROM conversation
    """  # noqa: S608  # made of two constants
).bindparams(
    sa.bindparam("tenant", type_=sa.Uuid()),
    sa.bindparam("conversation", type_=sa.Uuid()),
    sa.bindparam("message", type_=sa.Uuid()),
    sa.bindparam("provider_message_id", type_=sa.Text()),
    sa.bindparam("text", type_=sa.Text()),
)

# A statement of its own: the one above sees nothing that was committed after it began, and its conflict may have been.
DELIVERED_BEFORE = sa.text(
    """
    SELECT id, status FROM messages
    WHERE tenant_id = :tenant AND conversation_id = :conversation AND provider_message_id = :provider_message_id
        AND direction = 'inbound'
    """
)


async def accept(tx: TenantTx, conversation: UUID, text: str, provider_message_id: str | None) -> Accepted | None:
    """Store a customer's message once, however often and from however many sides at once it is delivered.

    `provider_message_id` names the delivery; without one every call is another message. None when there is no such
    conversation (any more): the transaction can do nothing more then.
    """
    message = new_id()
    given = {
        "tenant": tx.tenant_id,
        "conversation": conversation,
        "provider_message_id": provider_message_id or str(message),
    }
    try:
        row = (
            (await tx.connection.execute(ACCEPT, {**given, "message": message, "text": text})).mappings().one_or_none()
        )
    except IntegrityError as error:
        # The conversation was erased while its message was on the way.
        if getattr(error.orig, "sqlstate", None) != FOREIGN_KEY:
            raise
        return None
    if row is None:
        return None
    handled = False
    if not row["new"]:
        before = (await tx.connection.execute(DELIVERED_BEFORE, given)).one()
        message, handled = before.id, before.status == "handled"
    start, quiet = standings.start_of(row)
    return Accepted(message, row["new"], handled, start, quiet)
