"""Keys, wrapped by a root key that is never here, and what tenants have us keep secret."""

import sqlalchemy as sa
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import UUID

from models.contracts.enums import KeyPurpose
from models.tables.base import choice, instant, metadata, stamps, tenant_table

# The newest of a tenant encrypts; the others are kept, for reading.
data_keys = tenant_table(
    "data_keys",
    Column("root_id", sa.Text, nullable=False),
    Column("wrapped", sa.LargeBinary, nullable=False),
)

tenant_secrets = tenant_table(
    "tenant_secrets",
    Column("name", sa.Text, nullable=False),
    Column("sealed", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("tenant_id", "name"),
)

# Of no tenant. The application's role reaches it through functions only (see migrations 0003).
installation_keys = Table(
    "installation_keys",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    choice("purpose", KeyPurpose),
    Column("root_id", sa.Text, nullable=False),
    Column("wrapped", sa.LargeBinary, nullable=False),
    # Published before it is used, and valid for a while after it is not used any more.
    instant("active_at", nullable=False),
    instant("retired_at"),
    *stamps(),
)
