"""What subscribers resume from, and what a repeated request is answered with."""

import sqlalchemy as sa
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import JSONB, UUID

from models.contracts.enums import EventType
from models.tables.base import choice, metadata, stamps, tenant_id, within_tenant

event_counters = Table(
    "event_counters",
    metadata,
    tenant_id(),
    Column("last_seq", sa.BigInteger, nullable=False, server_default="0"),
)

# `seq` is given by a trigger that holds the tenant's counter until commit: numbers appear in the order in which
# they become visible, so whoever resumes after N misses nothing.
events = Table(
    "events",
    metadata,
    tenant_id(),
    Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    Column("conversation_id", UUID(as_uuid=True)),
    choice("type", EventType),
    Column("data", JSONB, nullable=False),
    Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    within_tenant("conversation_id", "conversations", ondelete="CASCADE"),
    sa.Index("ix_events_conversation", "tenant_id", "conversation_id", "seq"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    tenant_id(),
    Column("key", sa.Text, primary_key=True),
    Column("request_hash", sa.LargeBinary, nullable=False),
    # Null while the first request is still being worked on.
    Column("status", sa.SmallInteger),
    Column("body", JSONB),
    *stamps(),
    sa.Index("ix_idempotency_keys_age", "created_at"),
)
