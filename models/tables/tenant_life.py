"""What becomes of a whole tenant: exports with their sealed parts, and deletions, whose report outlives the tenant."""

import sqlalchemy as sa
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import JSONB, UUID

from models.contracts.audit import ActorKind
from models.contracts.tenant_life import ExportStatus
from models.tables.base import choice, instant, metadata, reference, stamps, tenant_table, within_tenant

tenant_exports = tenant_table(
    "tenant_exports",
    choice("status", ExportStatus, default=ExportStatus.WAITING),
    # Where it goes on: {"table": name, "after": [key, …]}. Null: at the beginning.
    Column("position", JSONB),
    # Rows by table, so far.
    Column("row_counts", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    Column("parts", sa.Integer, nullable=False, server_default="0"),
    Column("bytes", sa.BigInteger, nullable=False, server_default="0"),
    instant("finished_at"),
    instant("expires_at"),
    # One at a time.
    sa.Index("uq_tenant_exports_unfinished", "tenant_id", unique=True, postgresql_where=sa.text("status <> 'done'")),
)

tenant_export_parts = tenant_table(
    "tenant_export_parts",
    reference("export_id"),
    Column("number", sa.Integer, nullable=False),
    # Whose rows they are; a table may have several parts.
    Column("source_table", sa.Text, nullable=False),
    # Compressed, then sealed by the vault for "export/<export>/<number>".
    Column("sealed", sa.LargeBinary, nullable=False),
    within_tenant("export_id", "tenant_exports", ondelete="CASCADE"),
    sa.UniqueConstraint("tenant_id", "export_id", "number"),
)

# No foreign key: it stays when the tenant is gone, without a word of the tenant's but its name. The application role
# may read it; it is written by functions only (see migrations 0009).
tenant_deletions = Table(
    "tenant_deletions",
    metadata,
    Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    Column("id", UUID(as_uuid=True), primary_key=True),
    *stamps(),
    Column("slug", sa.Text, nullable=False),
    choice("asked_by_kind", ActorKind),
    Column("asked_by", UUID(as_uuid=True)),
    instant("due_at", nullable=False),
    # Whether the tenant was suspended already when it was asked for.
    Column("was_suspended", sa.Boolean, nullable=False),
    # By its process.
    instant("taken_up_at"),
    instant("started_at"),
    instant("cancelled_at"),
    instant("finished_at"),
    # The report: rows by table, workflow executions.
    Column("row_counts", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    Column("processes", sa.Integer, nullable=False, server_default="0"),
    sa.Index("uq_tenant_deletions_open", "tenant_id", unique=True, postgresql_where=sa.text("cancelled_at IS NULL")),
)
