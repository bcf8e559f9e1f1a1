"""Codes that tell who a customer is, and what was erased. No texts, no names, no addresses."""

import sqlalchemy as sa
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, UUID

from models.contracts.privacy import CodeOutcome, ErasureStatus
from models.tables.base import choice, instant, reference, tenant_table, within_tenant

# A newer code of a customer voids the one before.
identity_codes = tenant_table(
    "identity_codes",
    reference("customer_id"),
    # Where it was asked for, and by which message; null when another system asked.
    reference("conversation_id", nullable=True),
    reference("message_id", nullable=True),
    # HMAC of the six digits, and its key, sealed by the vault. Null until the code is made, which is when it is sent.
    Column("hash", sa.LargeBinary),
    Column("sealed_key", sa.LargeBinary),
    instant("expires_at"),
    Column("tries", sa.Integer, nullable=False, server_default="0"),
    instant("used_at"),
    instant("voided_at"),
    within_tenant("customer_id", "customers", ondelete="CASCADE"),
    within_tenant("conversation_id", "conversations", ondelete="CASCADE"),
    within_tenant("message_id", "messages", ondelete="CASCADE"),
    sa.CheckConstraint("(hash IS NULL) = (sealed_key IS NULL) AND (hash IS NULL) = (expires_at IS NULL)", name="made"),
    sa.Index("ix_identity_codes_customer", "tenant_id", "customer_id", "created_at"),
    sa.Index("ix_identity_codes_conversation", "tenant_id", "conversation_id", "created_at"),
    sa.Index("ix_identity_codes_message", "tenant_id", "message_id"),
)

# A code that was tried. A message is tried once, however often its turn is.
identity_checks = tenant_table(
    "identity_checks",
    reference("code_id"),
    reference("message_id", nullable=True),
    choice("outcome", CodeOutcome),
    within_tenant("code_id", "identity_codes", ondelete="CASCADE"),
    within_tenant("message_id", "messages", ondelete="CASCADE"),
    sa.UniqueConstraint("tenant_id", "message_id"),
    sa.Index("ix_identity_checks_code", "tenant_id", "code_id"),
)

# What was erased, as numbers: the proof that it was, and nothing of whom.
erasures = tenant_table(
    "erasures",
    # No reference: the customer is gone in the end.
    Column("customer_id", UUID(as_uuid=True), nullable=False),
    choice("status", ErasureStatus, default=ErasureStatus.RUNNING),
    Column("removed", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    instant("handed_over_at"),
    instant("finished_at"),
    sa.UniqueConstraint("tenant_id", "customer_id"),
    sa.CheckConstraint("(status = 'done') = (finished_at IS NOT NULL)", name="done_has_a_time"),
    sa.Index("ix_erasures_running", "created_at", postgresql_where=sa.text("status = 'running'")),
)
