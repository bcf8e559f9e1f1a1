"""Encryption keys: root-wrapped data keys of tenants, keys of the installation, sealed secrets.

Revision: 0003, after: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

from migrations.tenancy import confine, hand_out

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FUNCTIONS = {
    "read_installation_keys(text)": """
    CREATE FUNCTION read_installation_keys(of_purpose text)
        RETURNS TABLE (id uuid, root_id text, wrapped bytea, active_at timestamptz, retired_at timestamptz)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT k.id, k.root_id, k.wrapped, k.active_at, k.retired_at FROM installation_keys k
        WHERE k.purpose = of_purpose
    $$
    """,
    # Only the first of a purpose: the others are made by the operator, who owns the table.
    "begin_installation_keys(text, uuid, text, bytea)": """
    CREATE FUNCTION begin_installation_keys(of_purpose text, first_id uuid, by_root text, first_wrapped bytea)
        RETURNS void
        LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('installation_keys'));
        INSERT INTO installation_keys (id, purpose, root_id, wrapped, active_at)
            SELECT first_id, of_purpose, by_root, first_wrapped, now()
            WHERE NOT EXISTS (SELECT FROM installation_keys k WHERE k.purpose = of_purpose);
    END $$
    """,
    # Names only: a process tells with it whether it holds every root key that is needed.
    "root_keys_in_use()": """
    CREATE FUNCTION root_keys_in_use() RETURNS SETOF text
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT k.root_id FROM data_keys k UNION SELECT k.root_id FROM installation_keys k
    $$
    """,
}


def stamps() -> tuple[sa.Column[object], sa.Column[object]]:
    return (
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )


def of_tenant(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("tenant_id", UUID(as_uuid=True), nullable=False),
        sa.Column("id", UUID(as_uuid=True), nullable=False),
        *stamps(),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{table}")),
    )


def upgrade() -> None:
    op.create_table(
        "data_keys",
        *of_tenant("data_keys"),
        sa.Column("root_id", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
    )
    # Wrapping anew is the operator's work, who owns the tables.
    confine("data_keys", may="SELECT, INSERT, DELETE")
    op.create_table(
        "tenant_secrets",
        *of_tenant("tenant_secrets"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_tenant_secrets_tenant_id_name")),
    )
    confine("tenant_secrets")
    op.create_table(
        "installation_keys",
        sa.Column("id", UUID(as_uuid=True), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("root_id", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("active_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        *stamps(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation_keys")),
        sa.CheckConstraint("purpose IN ('payloads', 'signing')", name=op.f("ck_installation_keys_purpose")),
    )
    for signature, statement in FUNCTIONS.items():
        op.execute(statement)
        hand_out(signature)


def downgrade() -> None:
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    for table in ("installation_keys", "tenant_secrets", "data_keys"):
        op.drop_table(table)
