"""Assistants with their prompts by version, and what models cost.

Revision: 0016, after: 0015
"""

import re
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import confine

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

PURPOSES = ("answer", "understand", "rewrite", "rerank", "embed")
OUTCOMES = (
    "ok",
    "fallback",
    "blocked",
    "budget",
    "cancelled",
    "overloaded",
    "unreachable",
    "server_fault",
    "rejected",
    "stalled",
    "deadline",
    "truncated",
    "malformed",
    "overlong",
)


def upgrade() -> None:
    op.create_table(
        "assistants",
        *_keys(),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("prompt_version", sa.Integer(), nullable=True),
        *_constraints("assistants"),
        sa.UniqueConstraint("tenant_id", "slug", name=op.f("uq_assistants_tenant_id_slug")),
    )
    op.create_table(
        "assistant_prompts",
        *_keys(),
        sa.Column("assistant_id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_by", sa.UUID(), nullable=True),
        *_constraints("assistant_prompts"),
        _reference("assistant_prompts", "assistant_id", "assistants", "CASCADE"),
        _reference("assistant_prompts", "created_by", "members", None),
        sa.UniqueConstraint(
            "tenant_id", "assistant_id", "version", name=op.f("uq_assistant_prompts_tenant_id_assistant_id_version")
        ),
    )
    for table in ("branches", "conversations"):
        op.add_column(table, sa.Column("assistant_id", sa.UUID(), nullable=True))
        op.create_foreign_key(
            op.f(f"fk_{table}_tenant_id_assistant_id"),
            table,
            "assistants",
            ["tenant_id", "assistant_id"],
            ["tenant_id", "id"],
            ondelete="SET NULL (assistant_id)",
        )
    op.create_table(
        "model_calls",
        *_keys(),
        sa.Column("conversation_id", sa.UUID(), nullable=True),
        sa.Column("assistant_id", sa.UUID(), nullable=True),
        sa.Column("purpose", _choice("purpose", PURPOSES), nullable=False),
        sa.Column("outcome", _choice("outcome", OUTCOMES), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("completion_tokens", sa.Integer(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        *_constraints("model_calls"),
        _reference("model_calls", "conversation_id", "conversations", "SET NULL (conversation_id)"),
        _reference("model_calls", "assistant_id", "assistants", "SET NULL (assistant_id)"),
    )
    op.create_index("ix_model_calls_when", "model_calls", ["tenant_id", "created_at"])
    op.create_index(
        "ix_model_calls_conversation",
        "model_calls",
        ["tenant_id", "conversation_id"],
        postgresql_where=sa.text("conversation_id IS NOT NULL"),
    )
    op.create_table(
        "model_spend",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("cost", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tokens_warned_on", sa.Date(), nullable=True),
        sa.Column("cost_warned_on", sa.Date(), nullable=True),
        *_stamps(),
        _tenant("model_spend"),
        sa.PrimaryKeyConstraint("tenant_id", "month", name=op.f("pk_model_spend")),
    )
    for table in ("assistants", "assistant_prompts", "model_calls", "model_spend"):
        confine(table)
    _events([*_event_words(), "budget"])


def downgrade() -> None:
    op.execute("DELETE FROM events WHERE type = 'budget'")
    _events([word for word in _event_words() if word != "budget"])
    for table in ("branches", "conversations"):
        op.drop_constraint(op.f(f"fk_{table}_tenant_id_assistant_id"), table)
        op.drop_column(table, "assistant_id")
    for table in ("model_spend", "model_calls", "assistant_prompts", "assistants"):
        op.drop_table(table)


def _keys() -> tuple[sa.Column[Any], ...]:
    ids = (sa.Column("tenant_id", sa.UUID(), nullable=False), sa.Column("id", sa.UUID(), nullable=False))
    return *ids, *_stamps()


def _stamps() -> tuple[sa.Column[Any], ...]:
    now = sa.text("now()")
    return (
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
    )


def _tenant(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_tenant_id")
    return sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=name, ondelete="CASCADE")


def _constraints(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return _tenant(table), sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{table}"))


def _reference(table: str, column: str, target: str, ondelete: str | None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{target}.tenant_id", f"{target}.id"],
        name=op.f(f"fk_{table}_tenant_id_{column}"),
        ondelete=ondelete,
    )


def _choice(name: str, words: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=32)


def _event_words() -> list[str]:
    """The kinds of events that there are by now."""
    rule = op.get_bind().scalar(
        sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_events_type'")
    )
    return re.findall("'([^']*)'", rule or "")


def _events(words: list[str]) -> None:
    op.drop_constraint(op.f("ck_events_type"), "events")
    op.create_check_constraint(op.f("ck_events_type"), "events", sa.column("type", sa.Text).in_(words))
