"""Signed webhooks: secrets of channel accounts, and what arrived already.

Revision: 0008, after: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

from migrations.tenancy import confine, hand_out

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

FUNCTIONS = {
    # Whose an account is that takes messages now; nothing for every other.
    "find_channel_account(uuid, text)": """
    CREATE FUNCTION find_channel_account(account uuid, of_kind text)
        RETURNS uuid
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT a.tenant_id FROM channel_accounts a JOIN tenants t ON t.id = a.tenant_id
        WHERE a.id = account AND a.kind = of_kind AND NOT a.disabled AND NOT t.suspended
    $$
    """,
}


def of_account(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "channel_account_id"],
            ["channel_accounts.tenant_id", "channel_accounts.id"],
            name=op.f(f"fk_{table}_tenant_id_channel_account_id"),
            ondelete="CASCADE",
        ),
    )


def upgrade() -> None:
    op.create_index("uq_channel_accounts_id", "channel_accounts", ["id"], unique=True)
    op.create_table(
        "channel_secrets",
        sa.Column("tenant_id", UUID(as_uuid=True), nullable=False),
        sa.Column("id", UUID(as_uuid=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("channel_account_id", UUID(as_uuid=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        *of_account("channel_secrets"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_channel_secrets")),
    )
    op.create_index(
        "uq_channel_secrets_current",
        "channel_secrets",
        ["tenant_id", "channel_account_id"],
        unique=True,
        postgresql_where=sa.text("expires_at IS NULL"),
    )
    op.create_index("ix_channel_secrets_account", "channel_secrets", ["tenant_id", "channel_account_id"])
    confine("channel_secrets")
    op.create_table(
        "channel_deliveries",
        sa.Column("tenant_id", UUID(as_uuid=True), nullable=False),
        sa.Column("channel_account_id", UUID(as_uuid=True), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        *of_account("channel_deliveries"),
        sa.PrimaryKeyConstraint("tenant_id", "channel_account_id", "digest", name=op.f("pk_channel_deliveries")),
    )
    op.create_index(
        "ix_channel_deliveries_age", "channel_deliveries", ["tenant_id", "channel_account_id", "received_at"]
    )
    confine("channel_deliveries")
    for signature, statement in FUNCTIONS.items():
        op.execute(statement)
        hand_out(signature)


def downgrade() -> None:
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    op.drop_table("channel_deliveries")
    op.drop_table("channel_secrets")
    op.drop_index("uq_channel_accounts_id", table_name="channel_accounts")
