"""What is learned from people: answers under review, what knowledge could not answer, and passages that disagree."""

import sqlalchemy as sa
from pgvector.sqlalchemy import VECTOR
from sqlalchemy import Column

from models.contracts.enums import Language, LearnedStatus
from models.contracts.learning import GapReason, GapStatus
from models.tables.base import choice, instant, reference, tenant_table, within_tenant


def vector_of_question() -> tuple[Column[object], Column[object], sa.CheckConstraint]:
    """A question's vector and its space. Nobody searches by it, so it has no index."""
    return (
        Column("space_id", sa.SmallInteger, sa.ForeignKey("embedding_spaces.id")),
        Column("vector", VECTOR()),
        sa.CheckConstraint("(space_id IS NULL) = (vector IS NULL)", name="vector_has_a_space"),
    )


# What the manager of one escalation answered. Those that answer the same question pile up on the first.
learned_answers = tenant_table(
    "learned_answers",
    reference("escalation_id"),
    # The entry that this one piled up on; null: an entry of the queue.
    reference("same_as", nullable=True),
    # It says something else than the entry that it piled up on.
    Column("differs", sa.Boolean, nullable=False, server_default=sa.false()),
    Column("question", sa.Text, nullable=False),
    Column("answer", sa.Text, nullable=False),
    choice("language", Language),
    choice("status", LearnedStatus),
    # Who wrote it last; null in answers from before it was kept.
    reference("answered_by", nullable=True),
    reference("reviewed_by", nullable=True),
    instant("reviewed_at"),
    # Of the branch where it was asked: once approved, it is for assistants that answer there.
    Column("tag", sa.Text),
    reference("source_id", nullable=True),
    *vector_of_question(),
    within_tenant("escalation_id", "escalations", ondelete="CASCADE"),
    within_tenant("same_as", "learned_answers", ondelete="SET NULL (same_as)"),
    within_tenant("answered_by", "members"),
    within_tenant("reviewed_by", "members"),
    within_tenant("source_id", "sources", ondelete="SET NULL (source_id)"),
    sa.UniqueConstraint("tenant_id", "escalation_id"),
    sa.Index("ix_learned_answers_queue", "tenant_id", "same_as", "status", "id"),
)

# Questions that knowledge could not answer and that ask the same.
gaps = tenant_table(
    "gaps",
    choice("status", GapStatus, default=GapStatus.OPEN),
    # What a manager answered to one of them.
    reference("learned_id", nullable=True),
    instant("closed_at"),
    # Null: it was asked again, and knowledge had the answer.
    reference("closed_by", nullable=True),
    within_tenant("learned_id", "learned_answers", ondelete="SET NULL (learned_id)"),
    within_tenant("closed_by", "members"),
    sa.CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name="closed_has_a_time"),
)

# The text stays in the message, and goes with it.
gap_questions = tenant_table(
    "gap_questions",
    reference("message_id"),
    reference("conversation_id"),
    choice("reason", GapReason),
    reference("gap_id", nullable=True),
    *vector_of_question(),
    within_tenant("message_id", "messages", ondelete="CASCADE"),
    within_tenant("conversation_id", "conversations", ondelete="CASCADE"),
    within_tenant("gap_id", "gaps", ondelete="SET NULL (gap_id)"),
    sa.UniqueConstraint("tenant_id", "message_id"),
    sa.Index("ix_gap_questions_gap", "tenant_id", "gap_id", "id"),
    sa.Index("ix_gap_questions_conversation", "tenant_id", "conversation_id"),
)

# Two current passages that say nearly the same with other figures. What they say is read from them.
contradictions = tenant_table(
    "contradictions",
    reference("chunk_id"),
    reference("other_id"),
    within_tenant("chunk_id", "chunks", ondelete="CASCADE"),
    within_tenant("other_id", "chunks", ondelete="CASCADE"),
    sa.UniqueConstraint("tenant_id", "chunk_id", "other_id"),
    sa.CheckConstraint("chunk_id < other_id", name="once_a_pair"),
    sa.Index("ix_contradictions_other", "tenant_id", "other_id"),
)
