"""Learned answers: what managers answered, proposed as knowledge."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.contracts.enums import Author, EventType, Language, LearnedStatus, MessageStatus, Role
from models.repositories import events
from models.tables import conversations, escalations, learned_answers, members, messages
from runtime.database import TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Lesson:
    """A resolved escalation's question, what the manager answered, and whether an owner answered it."""

    conversation_id: UUID
    question: str
    answer: str
    language: Language
    closed_by: UUID
    by_owner: bool


async def lesson(tx: TenantTx, escalation: UUID) -> Lesson | None:
    """What a resolved escalation teaches; None when there was no question, or no written answer."""
    row = (
        await tx.connection.execute(
            sa.select(
                escalations.c.conversation_id,
                escalations.c.taken_at,
                escalations.c.closed_at,
                escalations.c.closed_by,
                messages.c.text.label("question"),
                messages.c.seq,
                conversations.c.language,
                members.c.role,
            )
            .join(
                messages,
                sa.and_(messages.c.tenant_id == escalations.c.tenant_id, messages.c.id == escalations.c.message_id),
            )
            .join(
                conversations,
                sa.and_(
                    conversations.c.tenant_id == escalations.c.tenant_id,
                    conversations.c.id == escalations.c.conversation_id,
                ),
            )
            .join(
                members,
                sa.and_(members.c.tenant_id == escalations.c.tenant_id, members.c.id == escalations.c.closed_by),
            )
            .where(escalations.c.tenant_id == tx.tenant_id, escalations.c.id == escalation)
        )
    ).one_or_none()
    if row is None:
        return None
    answers = await tx.connection.scalars(
        sa.select(messages.c.text)
        .where(
            messages.c.tenant_id == tx.tenant_id,
            messages.c.conversation_id == row.conversation_id,
            messages.c.author == Author.MANAGER,
            messages.c.status == MessageStatus.SENT,
            messages.c.seq > row.seq,
            messages.c.created_at <= row.closed_at,
        )
        .order_by(messages.c.seq)
    )
    answer = "\n".join(answers)
    if not answer:
        return None
    return Lesson(
        conversation_id=row.conversation_id,
        question=row.question,
        answer=answer,
        language=row.language or Language.EN,
        closed_by=row.closed_by,
        by_owner=row.role is Role.OWNER,
    )


async def propose(tx: TenantTx, escalation: UUID, taught: Lesson, source: UUID | None) -> None:
    """Store the lesson once an escalation: approved with its `source`, or waiting for review without one."""
    status = LearnedStatus.APPROVED if source else LearnedStatus.PROPOSED
    learned = await tx.connection.scalar(
        insert(learned_answers)
        .values(
            tenant_id=tx.tenant_id,
            id=new_id(),
            escalation_id=escalation,
            question=taught.question,
            answer=taught.answer,
            language=taught.language,
            status=status,
            reviewed_by=taught.closed_by if source else None,
            source_id=source,
        )
        .on_conflict_do_nothing()
        .returning(learned_answers.c.id)
    )
    if learned is not None:
        await events.append(
            tx,
            EventType.LEARNED,
            {"learned_id": str(learned), "escalation_id": str(escalation), "status": status.value},
            taught.conversation_id,
        )
