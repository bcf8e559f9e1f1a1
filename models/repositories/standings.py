"""Where a conversation stands by its record, and what starts or reopens its process from there."""

from uuid import UUID

import sqlalchemy as sa

from models.contracts.conversation import ConversationInput, EscalationRef, Memory, Standing
from models.contracts.enums import ConversationState
from models.contracts.settings import TenantSettings
from runtime.database import TenantTx

# One row: the conversation, its channel, its tenant's settings, and its latest escalation.
CONVERSATION = """
    SELECT c.*, a.kind, s.body AS settings,
        e.id AS escalation_id, e.number, e.status, e.reason, e.offered_to, e.taken_by, e.closed_by
    FROM conversations c
    JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.channel_account_id
    JOIN tenant_settings s ON s.tenant_id = c.tenant_id
    LEFT JOIN LATERAL (
        SELECT * FROM escalations e WHERE e.tenant_id = c.tenant_id AND e.conversation_id = c.id
        ORDER BY e.number DESC LIMIT 1
    ) e ON true
    WHERE c.tenant_id = :tenant AND c.id = :conversation
"""

READ = sa.text(CONVERSATION).bindparams(
    sa.bindparam("tenant", type_=sa.Uuid()), sa.bindparam("conversation", type_=sa.Uuid())
)


async def read(tx: TenantTx, conversation: UUID) -> sa.RowMapping | None:
    """The row of CONVERSATION, for `start_of`, `standing_of` and `run`. None when there is no such conversation."""
    given = {"tenant": tx.tenant_id, "conversation": conversation}
    return (await tx.connection.execute(READ, given)).mappings().one_or_none()


async def start_input(tx: TenantTx, conversation: UUID) -> tuple[ConversationInput, float] | None:
    """What starts or reopens the conversation's process, and its quiet seconds. None when there is none such."""
    row = await read(tx, conversation)
    return None if row is None else start_of(row)


async def standing(tx: TenantTx, conversation: UUID) -> Standing | None:
    """Where the conversation stands by its record. None when there is no such conversation."""
    row = await read(tx, conversation)
    return None if row is None else standing_of(row)


def start_of(row: sa.RowMapping) -> tuple[ConversationInput, float]:
    """A workflow that is open ignores this input; a closed conversation starts again with the bot."""
    start = ConversationInput(
        tenant_id=row["tenant_id"],
        conversation_id=row["id"],
        channel=row["kind"],
        one_shot=row["one_shot"],
        memory=Memory(standing=standing_of(row)),
    )
    return start, TenantSettings.model_validate(row["settings"]).quiet(start.channel)


def standing_of(row: sa.RowMapping) -> Standing:
    """Where the conversation stands by its record; a closed one starts again with the bot."""
    closed = row["state"] == ConversationState.CLOSED
    return Standing(
        state=ConversationState.BOT_ACTIVE if closed else row["state"],
        language=row["language"],
        version=row["version"],
        turn=row["turn"],
        unsure=row["unsure"],
        opt_outs=row["opt_outs"],
        opted_out_at=row["opted_out_at"],
        muted_until=row["muted_until"],
        spoke_at=row["spoke_at"],
        slowed=row["slowed"],
        escalation=None
        if row["escalation_id"] is None
        else EscalationRef(
            id=row["escalation_id"],
            number=row["number"],
            status=row["status"],
            reason=row["reason"],
            offered_to=row["offered_to"],
            taken_by=row["taken_by"],
            closed_by=row["closed_by"],
        ),
    )
