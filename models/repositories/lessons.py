"""What a resolved escalation teaches: the customer's question, and what managers answered."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from models.contracts.enums import Author, Language, MessageStatus, Role
from models.tables import branches, channel_accounts, conversations, customers, escalations, members, messages
from runtime.database import TenantTx


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question and its answer. `by_owners`: nobody else wrote the answer; `tag` is that of the branch."""

    conversation_id: UUID
    question: str
    answer: str
    language: Language
    answered_by: UUID
    by_owners: bool
    customer_name: str | None
    tag: str | None


async def lesson(tx: TenantTx, escalation: UUID) -> Lesson | None:
    """What a resolved escalation teaches; None when there was no question, or no written answer."""
    row = (await tx.connection.execute(_asked(tx, escalation))).one_or_none()
    if row is None:
        return None
    answers = (
        await tx.connection.execute(
            sa.select(messages.c.text, messages.c.member_id, members.c.role)
            .join(members, sa.and_(members.c.tenant_id == messages.c.tenant_id, members.c.id == messages.c.member_id))
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
    ).all()
    if not answers:
        return None
    return Lesson(
        conversation_id=row.conversation_id,
        question=row.question,
        answer="\n".join(answer.text for answer in answers),
        language=row.language or Language.EN,
        answered_by=answers[-1].member_id,
        by_owners=all(answer.role is Role.OWNER for answer in answers),
        customer_name=row.customer_name,
        tag=row.knowledge_tag,
    )


def _asked(tx: TenantTx, escalation: UUID) -> sa.Select[tuple[object, ...]]:
    source: sa.FromClause = escalations
    for table, reference in (
        (messages, escalations.c.message_id),
        (conversations, escalations.c.conversation_id),
        (customers, conversations.c.customer_id),
        (channel_accounts, conversations.c.channel_account_id),
        (branches, channel_accounts.c.branch_id),
    ):
        source = source.join(table, sa.and_(table.c.tenant_id == escalations.c.tenant_id, table.c.id == reference))
    return (
        sa.select(
            escalations.c.conversation_id,
            escalations.c.closed_at,
            messages.c.text.label("question"),
            messages.c.seq,
            conversations.c.language,
            customers.c.name.label("customer_name"),
            branches.c.knowledge_tag,
        )
        .select_from(source)
        .where(
            escalations.c.tenant_id == tx.tenant_id,
            escalations.c.id == escalation,
            escalations.c.closed_at.is_not(None),
        )
    )
