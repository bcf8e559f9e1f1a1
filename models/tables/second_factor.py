"""What members show beside their password: the key in their authenticator app, and codes for the day it is lost."""

import sqlalchemy as sa
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import UUID

from models.tables.base import instant, metadata, stamps, tenant_id, within_tenant

second_factors = Table(
    "second_factors",
    metadata,
    tenant_id(),
    Column("member_id", UUID(as_uuid=True), primary_key=True),
    # The app's key, sealed for this member (see models/repositories/vault.py).
    Column("sealed", sa.LargeBinary, nullable=False),
    # Asked for at sign-in from then on: the member has shown that the app has it.
    instant("confirmed_at"),
    # The half minute whose code was used last. It, and all before it, are used up.
    Column("last_step", sa.BigInteger),
    Column("wrong_codes", sa.Integer, nullable=False, server_default="0"),
    # When the first of the wrong codes came.
    instant("wrong_since"),
    *stamps(),
    within_tenant("member_id", "members", ondelete="CASCADE"),
)

# Using one deletes it.
recovery_codes = Table(
    "recovery_codes",
    metadata,
    tenant_id(),
    Column("member_id", UUID(as_uuid=True), primary_key=True),
    # SHA-256 of a code with 140 random bits.
    Column("hash", sa.LargeBinary, primary_key=True),
    Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.ForeignKeyConstraint(
        ["tenant_id", "member_id"], ["second_factors.tenant_id", "second_factors.member_id"], ondelete="CASCADE"
    ),
)
