"""What channel accounts prove themselves by, and what has arrived at them."""

import sqlalchemy as sa
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import JSONB, UUID

from models.tables.base import instant, metadata, reference, tenant_id, tenant_table, within_tenant
from models.tables.tenancy import channel_accounts

# A webhook names an account and no tenant.
sa.Index("uq_channel_accounts_id", channel_accounts.c.id, unique=True)

# What the other side signs its webhooks with, sealed by the vault for this account.
channel_secrets = tenant_table(
    "channel_secrets",
    reference("channel_account_id"),
    Column("sealed", sa.LargeBinary, nullable=False),
    # After a rotation the secret before is good for a while. Null: the current one.
    instant("expires_at"),
    within_tenant("channel_account_id", "channel_accounts", ondelete="CASCADE"),
    sa.Index(
        "uq_channel_secrets_current",
        "tenant_id",
        "channel_account_id",
        unique=True,
        postgresql_where=sa.text("expires_at IS NULL"),
    ),
    sa.Index("ix_channel_secrets_account", "tenant_id", "channel_account_id"),
)

# Deliveries by the names that the other side gave them, hashed: what comes again has no effect.
channel_deliveries = Table(
    "channel_deliveries",
    metadata,
    tenant_id(),
    Column("channel_account_id", UUID(as_uuid=True), primary_key=True),
    Column("digest", sa.LargeBinary, primary_key=True),
    Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    within_tenant("channel_account_id", "channel_accounts", ondelete="CASCADE"),
    sa.Index("ix_channel_deliveries_age", "tenant_id", "channel_account_id", "received_at"),
)

# Tokens and passwords of a provider, as one sealed document.
channel_credentials = tenant_table(
    "channel_credentials",
    reference("channel_account_id"),
    Column("sealed", sa.LargeBinary, nullable=False),
    within_tenant("channel_account_id", "channel_accounts", ondelete="CASCADE"),
    sa.UniqueConstraint("tenant_id", "channel_account_id"),
)

# Deliveries as they came, until they are read: then the row goes. What cannot be read stays for a while, with a word for why.
channel_inbox = tenant_table(
    "channel_inbox",
    reference("channel_account_id"),
    Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False),
    Column("payload", JSONB, nullable=False),
    # Its place among the account's, where the provider numbers what it delivers.
    Column("number", sa.BigInteger),
    Column("attempts", sa.Integer, nullable=False, server_default="0"),
    Column("error", sa.Text),
    # It was read, but for states of messages that nobody knew yet: they are looked at again then.
    instant("due_at"),
    within_tenant("channel_account_id", "channel_accounts", ondelete="CASCADE"),
    sa.Index(
        "ix_channel_inbox_waiting",
        "tenant_id",
        "channel_account_id",
        "seq",
        postgresql_where=sa.text("error IS NULL"),
    ),
)
