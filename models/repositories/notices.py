"""The rungs of an escalation's ladder that were climbed: each once a round, whatever is retried."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.contracts.enums import (
    Author,
    Direction,
    EscalationStatus,
    EventType,
    Language,
    MessageStatus,
    ReplyKind,
)
from models.contracts.escalation import ClimbInput
from models.repositories import events, ledger
from models.tables import conversations, escalations, messages, notices, send_ledger
from runtime.database import TenantTx
from runtime.ids import new_id


async def pending(tx: TenantTx, escalation: UUID) -> bool:
    """Whether the escalation still waits for a manager. Its row is locked, so nobody takes it meanwhile."""
    status = await tx.connection.scalar(
        sa.select(escalations.c.status)
        .where(escalations.c.tenant_id == tx.tenant_id, escalations.c.id == escalation)
        .with_for_update()
    )
    return status is EscalationStatus.PENDING


async def language(tx: TenantTx, conversation: UUID) -> Language:
    found: Language | None = await tx.connection.scalar(
        sa.select(conversations.c.language).where(
            conversations.c.tenant_id == tx.tenant_id, conversations.c.id == conversation
        )
    )
    return found or Language.EN


async def give(tx: TenantTx, climb: ClimbInput, to_customer: str | None) -> UUID | None:
    """Note the rung and tell subscribers; `to_customer` is said to the customer, once an escalation. The account in whose
    lane that waits; None: nothing does."""
    noted = await tx.connection.scalar(
        insert(notices)
        .values(
            tenant_id=tx.tenant_id,
            id=new_id(),
            escalation_id=climb.escalation_id,
            round=climb.round,
            step=climb.step,
        )
        .on_conflict_do_nothing()
        .returning(notices.c.id)
    )
    if noted is None:
        return None
    queued_at = None
    happened: list[tuple[EventType, dict[str, Any]]] = [
        (
            EventType.ESCALATION,
            {"escalation_id": str(climb.escalation_id), "step": climb.step.value, "round": climb.round},
        )
    ]
    if to_customer is not None and (said := await _tell(tx, climb, to_customer)):
        message, queued_at = said
        told = {"message_id": str(message), "author": Author.SYSTEM.value, "kind": ReplyKind.DELAYED.value}
        happened.append((EventType.MESSAGE, told))
    await events.append_all(tx, happened, climb.conversation_id)
    return queued_at


async def _tell(tx: TenantTx, climb: ClimbInput, text: str) -> tuple[UUID, UUID | None] | None:
    """The message, and the account in whose lane it waits. None: it was told before."""
    key = f"escalation/{climb.escalation_id}/delayed"
    told = await tx.connection.scalar(
        sa.select(send_ledger.c.id).where(send_ledger.c.tenant_id == tx.tenant_id, send_ledger.c.key == key)
    )
    if told is not None:
        return None
    message = new_id()
    await tx.connection.execute(
        sa.insert(messages).values(
            tenant_id=tx.tenant_id,
            id=message,
            conversation_id=climb.conversation_id,
            direction=Direction.OUTBOUND,
            author=Author.SYSTEM,
            status=MessageStatus.SENT,
            kind=ReplyKind.DELAYED,
            text=text,
        )
    )
    return message, await ledger.enter(tx, climb.conversation_id, message, key)
