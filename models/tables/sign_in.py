"""How people sign in: their passwords, and the sessions that come of it."""

import sqlalchemy as sa
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import INET, UUID

from models.tables.base import instant, metadata, reference, stamps, tenant_id, tenant_table, within_tenant

credentials = Table(
    "credentials",
    metadata,
    tenant_id(),
    Column("member_id", UUID(as_uuid=True), primary_key=True),
    # Argon2id, with its parameters and salt (PHC format).
    Column("password_hash", sa.Text, nullable=False),
    Column("password_changed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    *stamps(),
    within_tenant("member_id", "members", ondelete="CASCADE"),
)

# A refresh token has two random parts. The first is the session's for its whole life, the second changes with every
# use: who shows the first with a wrong second had a token of this session that is used up.
sessions = tenant_table(
    "sessions",
    reference("member_id"),
    Column("family_hash", sa.LargeBinary, nullable=False, unique=True),
    Column("refresh_hash", sa.LargeBinary, nullable=False),
    # However often it is refreshed.
    instant("expires_at", nullable=False),
    # Moved by each refresh.
    instant("idle_until", nullable=False),
    instant("refreshed_at", nullable=False),
    instant("ended_at"),
    Column("ip", INET),
    Column("user_agent", sa.Text),
    within_tenant("member_id", "members", ondelete="CASCADE"),
    sa.Index("ix_sessions_member", "tenant_id", "member_id"),
    sa.Index("ix_sessions_age", "expires_at"),
)
