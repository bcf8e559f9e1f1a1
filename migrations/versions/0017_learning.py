"""Learned answers under review, and what knowledge could not answer.

Revision: 0017, after: 0016
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import VECTOR

from migrations.tenancy import confine

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

REASONS = ("unanswered", "clarified", "declined", "low_confidence")
STATUSES = ("open", "drafted", "closed", "ignored")
TABLES = ("gaps", "gap_questions", "contradictions")


def upgrade() -> None:
    _review_learned()
    op.create_table(
        "gaps",
        *_keys(),
        sa.Column("status", _choice("status", STATUSES), server_default="open", nullable=False),
        sa.Column("learned_id", sa.UUID(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.UUID(), nullable=True),
        *_constraints("gaps"),
        _reference("gaps", "learned_id", "learned_answers", "SET NULL (learned_id)"),
        _reference("gaps", "closed_by", "members", None),
        sa.CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_gaps_closed_has_a_time")),
    )
    op.create_table(
        "gap_questions",
        *_keys(),
        sa.Column("message_id", sa.UUID(), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("reason", _choice("reason", REASONS), nullable=False),
        sa.Column("gap_id", sa.UUID(), nullable=True),
        sa.Column("space_id", sa.SmallInteger(), nullable=True),
        sa.Column("vector", VECTOR(), nullable=True),
        *_constraints("gap_questions"),
        _reference("gap_questions", "message_id", "messages", "CASCADE"),
        _reference("gap_questions", "conversation_id", "conversations", "CASCADE"),
        _reference("gap_questions", "gap_id", "gaps", "SET NULL (gap_id)"),
        sa.ForeignKeyConstraint(["space_id"], ["embedding_spaces.id"], name=op.f("fk_gap_questions_space_id")),
        sa.UniqueConstraint("tenant_id", "message_id", name=op.f("uq_gap_questions_tenant_id_message_id")),
        sa.CheckConstraint("(space_id IS NULL) = (vector IS NULL)", name=op.f("ck_gap_questions_vector_has_a_space")),
    )
    op.create_index("ix_gap_questions_gap", "gap_questions", ["tenant_id", "gap_id", "id"])
    op.create_index("ix_gap_questions_conversation", "gap_questions", ["tenant_id", "conversation_id"])
    op.create_table(
        "contradictions",
        *_keys(),
        sa.Column("chunk_id", sa.UUID(), nullable=False),
        sa.Column("other_id", sa.UUID(), nullable=False),
        *_constraints("contradictions"),
        _reference("contradictions", "chunk_id", "chunks", "CASCADE"),
        _reference("contradictions", "other_id", "chunks", "CASCADE"),
        sa.UniqueConstraint(
            "tenant_id", "chunk_id", "other_id", name=op.f("uq_contradictions_tenant_id_chunk_id_other_id")
        ),
        sa.CheckConstraint("chunk_id < other_id", name=op.f("ck_contradictions_once_a_pair")),
    )
    op.create_index("ix_contradictions_other", "contradictions", ["tenant_id", "other_id"])
    # What answers cite is counted from here (see models/repositories/uses.py).
    op.create_index(
        "ix_messages_answers",
        "messages",
        ["tenant_id", "created_at"],
        postgresql_where=sa.text("kind IN ('answer', 'quote')"),
    )
    for table in TABLES:
        confine(table)


def downgrade() -> None:
    op.drop_index("ix_messages_answers", "messages")
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_index("ix_learned_answers_queue", "learned_answers")
    _let_sources_go(None)
    op.drop_constraint(op.f("ck_learned_answers_vector_has_a_space"), "learned_answers")
    for column in ("same_as", "differs", "answered_by", "reviewed_at", "tag", "space_id", "vector"):
        op.drop_column("learned_answers", column)


def _review_learned() -> None:
    added: tuple[sa.Column[Any], ...] = (
        sa.Column("same_as", sa.UUID(), nullable=True),
        sa.Column("differs", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("answered_by", sa.UUID(), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tag", sa.Text(), nullable=True),
        sa.Column("space_id", sa.SmallInteger(), nullable=True),
        sa.Column("vector", VECTOR(), nullable=True),
    )
    for each in added:
        op.add_column("learned_answers", each)
    for column, table, ondelete in (
        ("same_as", "learned_answers", "SET NULL (same_as)"),
        ("answered_by", "members", None),
    ):
        op.create_foreign_key(
            op.f(f"fk_learned_answers_tenant_id_{column}"),
            "learned_answers",
            table,
            ["tenant_id", column],
            ["tenant_id", "id"],
            ondelete=ondelete,
        )
    op.create_foreign_key(
        op.f("fk_learned_answers_space_id"), "learned_answers", "embedding_spaces", ["space_id"], ["id"]
    )
    op.create_check_constraint(
        op.f("ck_learned_answers_vector_has_a_space"), "learned_answers", "(space_id IS NULL) = (vector IS NULL)"
    )
    _let_sources_go("SET NULL (source_id)")
    # The queue, without what piled up on its entries; and what piled up on one.
    op.create_index("ix_learned_answers_queue", "learned_answers", ["tenant_id", "same_as", "status", "id"])
    op.execute("UPDATE learned_answers SET reviewed_at = updated_at WHERE reviewed_by IS NOT NULL")
    op.execute("UPDATE learned_answers SET answered_by = reviewed_by")


def _let_sources_go(ondelete: str | None) -> None:
    """A source can be forgotten whatever was learned into it."""
    name = op.f("fk_learned_answers_tenant_id_source_id")
    columns = ["tenant_id", "source_id"], ["tenant_id", "id"]
    op.drop_constraint(name, "learned_answers")
    op.create_foreign_key(name, "learned_answers", "sources", *columns, ondelete=ondelete)


def _keys() -> tuple[sa.Column[object], ...]:
    now = sa.text("now()")
    return (
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
    )


def _constraints(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{table}")),
    )


def _reference(table: str, column: str, target: str, ondelete: str | None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{target}.tenant_id", f"{target}.id"],
        name=op.f(f"fk_{table}_tenant_id_{column}"),
        ondelete=ondelete,
    )


def _choice(name: str, words: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=32)
