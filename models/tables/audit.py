"""Who did what. Entries are appended, chained by hashes, and never changed (see migration 0006)."""

import sqlalchemy as sa
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import INET, JSONB, UUID

from models.contracts.audit import ActorKind
from models.tables.base import choice, metadata, tenant_id

# `seq`, `at`, `prev_hash` and `hash` are given by a trigger, whatever is inserted.
audit_log = Table(
    "audit_log",
    metadata,
    tenant_id(),
    Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    Column("at", sa.DateTime(timezone=True), nullable=False),
    choice("actor_kind", ActorKind),
    Column("actor_id", UUID(as_uuid=True)),
    Column("ip", INET),
    Column("user_agent", sa.Text),
    Column("action", sa.Text, nullable=False),
    Column("target_id", UUID(as_uuid=True)),
    Column("details", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    Column("prev_hash", sa.LargeBinary, nullable=False),
    Column("hash", sa.LargeBinary, nullable=False),
    sa.Index("ix_audit_log_action", "tenant_id", "action", "seq"),
    sa.Index("ix_audit_log_actor", "tenant_id", "actor_id", "seq"),
    sa.Index("ix_audit_log_target", "tenant_id", "target_id", "seq"),
)

# The last entry of each tenant: where the next one is chained to, and how a log that lost its tail is found out.
audit_heads = Table(
    "audit_heads",
    metadata,
    tenant_id(),
    Column("seq", sa.BigInteger, nullable=False),
    Column("hash", sa.LargeBinary, nullable=False),
)
