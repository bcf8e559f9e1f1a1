"""The audit log: append-only, chained by hashes.

The application role may insert and read. Number, time and hashes are given by a trigger that runs as the owner and
holds the tenant's head until commit, so the chain has no forks and no gaps, and nobody who inserts can choose them.
A tenant's log ends with the tenant: its deletion names the tenant in `app.deletes`, which only the owner's functions
do to any effect, for the application role may not delete here at all.

Revision: 0006, after: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import confine

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ACTORS = ("member", "api_key", "customer", "anonymous", "operator", "system")

# What is hashed is a JSON array in the form in which Postgres prints jsonb; models/repositories/audit.py says it in
# Python, on its own.
FUNCTIONS = (
    """
    CREATE FUNCTION chain_audit_entry() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DECLARE head record;
    BEGIN
        INSERT INTO audit_heads (tenant_id, seq, hash) VALUES (NEW.tenant_id, 0, sha256(''::bytea))
            ON CONFLICT DO NOTHING;
        SELECT h.seq, h.hash INTO head FROM audit_heads h WHERE h.tenant_id = NEW.tenant_id FOR UPDATE;
        NEW.seq := head.seq + 1;
        NEW.at := clock_timestamp();
        NEW.prev_hash := head.hash;
        NEW.hash := sha256(head.hash || convert_to(jsonb_build_array(
            NEW.tenant_id, NEW.seq, to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            NEW.actor_kind, NEW.actor_id, host(NEW.ip), NEW.user_agent, NEW.action, NEW.target_id, NEW.details
        )::text, 'UTF8'));
        UPDATE audit_heads h SET seq = NEW.seq, hash = NEW.hash WHERE h.tenant_id = NEW.tenant_id;
        RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION keep_audit_entries() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND current_setting('app.deletes', true) = OLD.tenant_id::text THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'the audit log is never changed' USING ERRCODE = 'insufficient_privilege';
    END $$
    """,
)
TRIGGERS = (
    "CREATE TRIGGER chain_audit_entry BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION chain_audit_entry()",
    """
    CREATE TRIGGER keep_audit_entries BEFORE UPDATE OR DELETE ON audit_log
        FOR EACH ROW EXECUTE FUNCTION keep_audit_entries()
    """,
    "CREATE TRIGGER keep_all_audit_entries BEFORE TRUNCATE ON audit_log EXECUTE FUNCTION keep_audit_entries()",
)


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "actor_kind",
            sa.Enum(*ACTORS, name="actor_kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("actor_id", sa.UUID(), nullable=True),
        sa.Column("ip", postgresql.INET(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target_id", sa.UUID(), nullable=True),
        sa.Column("details", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_audit_log_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "seq", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_action", "audit_log", ["tenant_id", "action", "seq"])
    op.create_index("ix_audit_log_actor", "audit_log", ["tenant_id", "actor_id", "seq"])
    op.create_index("ix_audit_log_target", "audit_log", ["tenant_id", "target_id", "seq"])
    op.create_table(
        "audit_heads",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_audit_heads_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_audit_heads")),
    )
    confine("audit_log", may="SELECT, INSERT")
    confine("audit_heads", may="SELECT")
    for statement in (*FUNCTIONS, *TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("audit_log")
    op.drop_table("audit_heads")
    op.execute("DROP FUNCTION chain_audit_entry()")
    op.execute("DROP FUNCTION keep_audit_entries()")
