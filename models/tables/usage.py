"""What models cost: every call, and the sums that budgets are checked against."""

import sqlalchemy as sa
from sqlalchemy import Column, Table

from models.contracts.usage import CallOutcome, Purpose
from models.tables.base import choice, metadata, reference, stamps, tenant_id, tenant_table, within_tenant

# Numbers and names, never a text. A row is a call, or the sum of several: calls of embedders are entered some seconds
# together, and old rows become one a day.
model_calls = tenant_table(
    "model_calls",
    reference("conversation_id", nullable=True),
    reference("assistant_id", nullable=True),
    choice("purpose", Purpose),
    choice("outcome", CallOutcome),
    Column("route", sa.Text, nullable=False),
    Column("endpoint", sa.Text, nullable=False),
    Column("model", sa.Text, nullable=False),
    Column("calls", sa.BigInteger, nullable=False, server_default="1"),
    Column("prompt_tokens", sa.BigInteger, nullable=False),
    Column("completion_tokens", sa.BigInteger, nullable=False),
    # Millionths of the currency that prices are configured in.
    Column("cost", sa.BigInteger, nullable=False),
    Column("milliseconds", sa.BigInteger, nullable=False),
    # What was spent stays spent when the conversation is erased.
    within_tenant("conversation_id", "conversations", ondelete="SET NULL (conversation_id)"),
    within_tenant("assistant_id", "assistants", ondelete="SET NULL (assistant_id)"),
    sa.Index("ix_model_calls_when", "tenant_id", "created_at"),
    sa.Index(
        "ix_model_calls_conversation",
        "tenant_id",
        "conversation_id",
        postgresql_where=sa.text("conversation_id IS NOT NULL"),
    ),
)

# One row a month, so that both budgets are checked and added to by one statement on one row.
model_spend = Table(
    "model_spend",
    metadata,
    tenant_id(),
    Column("month", sa.Date, primary_key=True),
    Column("cost", sa.BigInteger, nullable=False, server_default="0"),
    # The last day of it on which a model was called, and that day's tokens.
    Column("day", sa.Date, nullable=False),
    Column("tokens", sa.BigInteger, nullable=False, server_default="0"),
    # When somebody was last told that a budget is nearly used up.
    Column("tokens_warned_on", sa.Date),
    Column("cost_warned_on", sa.Date),
    *stamps(),
)
