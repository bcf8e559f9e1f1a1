"""Who there is: tenants, their branches, people, keys, rules and channel accounts."""

import sqlalchemy as sa
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from models.contracts.channels import HealthState, Provider
from models.contracts.enums import ChannelKind, Language, Role
from models.tables.base import choice, instant, metadata, reference, stamps, tenant_id, tenant_table, within_tenant

tenants = Table(
    "tenants",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("slug", sa.Text, nullable=False, unique=True),
    Column("name", sa.Text, nullable=False),
    choice("language", Language, default=Language.EN),
    Column("suspended", sa.Boolean, nullable=False, server_default=sa.false()),
    instant("suspended_at"),
    # What the operator wants its people to know.
    Column("suspension_reason", sa.Text),
    *stamps(),
    sa.CheckConstraint("slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'", name="slug_is_a_dns_label"),
)

tenant_settings = Table(
    "tenant_settings",
    metadata,
    tenant_id(),
    Column("body", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    *stamps(),
)

policies = tenant_table(
    "policies",
    Column("version", sa.Integer, nullable=False),
    Column("body", JSONB, nullable=False),
    # Who put it in force; null for an operator, and for versions from before this was noted.
    reference("member_id", nullable=True),
    Column("note", sa.Text),
    # The version that was put in force again.
    Column("restores", sa.Integer),
    within_tenant("member_id", "members"),
    sa.UniqueConstraint("tenant_id", "version"),
)

branches = tenant_table(
    "branches",
    Column("slug", sa.Text, nullable=False),
    Column("name", sa.Text, nullable=False),
    Column("knowledge_tag", sa.Text),
    # Who answers in its conversations. Null: the tenant's default.
    reference("assistant_id", nullable=True),
    within_tenant("assistant_id", "assistants", ondelete="SET NULL (assistant_id)"),
    sa.UniqueConstraint("tenant_id", "slug"),
)

members = tenant_table(
    "members",
    Column("email", sa.Text),
    Column("name", sa.Text, nullable=False),
    choice("role", Role),
    Column("disabled", sa.Boolean, nullable=False, server_default=sa.false()),
    # Null: invited, or registered without having confirmed the address.
    Column("joined_at", sa.DateTime(timezone=True), server_default=sa.func.now()),
    # The row stays, for what the member has written.
    instant("removed_at"),
    sa.UniqueConstraint("tenant_id", "email"),
    # Signing in without a tenant's name.
    sa.Index("ix_members_email", "email"),
)

api_keys = tenant_table(
    "api_keys",
    reference("member_id"),
    Column("name", sa.Text, nullable=False),
    Column("prefix", sa.Text, nullable=False),
    # SHA-256 of the key. A key has 256 random bits, so a slow hash would add nothing.
    Column("hash", sa.LargeBinary, nullable=False, unique=True),
    instant("expires_at"),
    instant("revoked_at"),
    # Permissions that the key is confined to. Null: all that the member's role has.
    Column("scopes", ARRAY(sa.Text)),
    # Written once a minute at most.
    instant("last_used_at"),
    # After a rotation the secret before is good for a while.
    Column("previous_hash", sa.LargeBinary, unique=True),
    instant("previous_until"),
    within_tenant("member_id", "members", ondelete="CASCADE"),
)

channel_accounts = tenant_table(
    "channel_accounts",
    reference("branch_id"),
    choice("kind", ChannelKind),
    choice("provider", Provider),
    Column("name", sa.Text, nullable=False),
    Column("disabled", sa.Boolean, nullable=False, server_default=sa.false()),
    # What its provider needs to know that is no secret (see models/contracts/accounts.py).
    Column("settings", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    # The provider's name of it. One account can be here only once: two would take each other's messages.
    Column("external_id", sa.Text),
    choice("health", HealthState, default=HealthState.UNCHECKED),
    Column("health_code", sa.Text),
    Column("health_advice", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    instant("checked_at"),
    # Since when its provider is away, or refuses it. Null: it is neither.
    instant("away_since"),
    # When its provider was asked for news last, to the minute.
    instant("polled_at"),
    # Where its news were read up to, where the provider does not remember that itself.
    Column("cursor", sa.Text),
    # The greatest number of a delivery that was read.
    Column("last_number", sa.BigInteger),
    # Counts those who sent for the account, one after the other: who finds a later number than its own has been replaced.
    Column("sender", sa.BigInteger, nullable=False, server_default="0"),
    within_tenant("branch_id", "branches", ondelete="CASCADE"),
    sa.UniqueConstraint("tenant_id", "branch_id", "kind", "name"),
    sa.Index("uq_channel_accounts_external_id", "provider", "external_id", unique=True),
)
