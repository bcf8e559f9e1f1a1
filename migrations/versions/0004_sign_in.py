"""Signing in: credentials, sessions, and the announcement of everything that changes who may do what.

Revision: 0004, after: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import confine, hand_out

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Gateways keep callers in memory for seconds; this tells them whom to forget. Ids only: tenant and member, or `-` for
# all of the tenant.
ACCESS = (
    """
    CREATE FUNCTION announce_access() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        changed record := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    BEGIN
        PERFORM pg_notify('mainstay_access', CASE TG_TABLE_NAME
            WHEN 'tenants' THEN to_jsonb(changed) ->> 'id' || ' -'
            WHEN 'members' THEN concat(to_jsonb(changed) ->> 'tenant_id', ' ', to_jsonb(changed) ->> 'id')
            ELSE concat(to_jsonb(changed) ->> 'tenant_id', ' ', to_jsonb(changed) ->> 'member_id') END);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER announce_change AFTER UPDATE ON members FOR EACH ROW
        WHEN ((OLD.role, OLD.disabled, OLD.name) IS DISTINCT FROM (NEW.role, NEW.disabled, NEW.name))
        EXECUTE FUNCTION announce_access()
    """,
    """
    CREATE TRIGGER announce_change AFTER UPDATE ON sessions FOR EACH ROW
        WHEN (OLD.ended_at IS DISTINCT FROM NEW.ended_at OR NEW.expires_at < OLD.expires_at)
        EXECUTE FUNCTION announce_access()
    """,
    # Everything about a key but when it was used: what is added to keys later is announced too.
    """
    CREATE TRIGGER announce_change AFTER UPDATE ON api_keys FOR EACH ROW
        WHEN ((to_jsonb(OLD) - '{last_used_at,updated_at}'::text[])
            IS DISTINCT FROM (to_jsonb(NEW) - '{last_used_at,updated_at}'::text[]))
        EXECUTE FUNCTION announce_access()
    """,
    """
    CREATE TRIGGER announce_change AFTER UPDATE ON tenants FOR EACH ROW
        WHEN (OLD.suspended IS DISTINCT FROM NEW.suspended) EXECUTE FUNCTION announce_access()
    """,
    """
    CREATE TRIGGER announce_removal AFTER DELETE ON sessions FOR EACH ROW
        WHEN (OLD.ended_at IS NULL) EXECUTE FUNCTION announce_access()
    """,
    *(
        f"""
        CREATE TRIGGER announce_removal AFTER DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION announce_access()
        """
        for table in ("members", "api_keys", "tenants")
    ),
    # A member who is enabled again signs in again.
    """
    CREATE FUNCTION end_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE sessions s SET ended_at = now(), updated_at = now()
            WHERE s.tenant_id = NEW.tenant_id AND s.member_id = NEW.id AND s.ended_at IS NULL;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER end_sessions AFTER UPDATE ON members FOR EACH ROW
        WHEN (NEW.disabled AND NOT OLD.disabled) EXECUTE FUNCTION end_sessions()
    """,
)

ACROSS_TENANTS = (
    # Nobody, where the address is of several people and no tenant is named: then no guess is made.
    """
    CREATE FUNCTION find_sign_in(of_email text, of_slug text)
        RETURNS TABLE (tenant_id uuid, member_id uuid)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT (array_agg(m.tenant_id))[1], (array_agg(m.id))[1]
        FROM members m
        JOIN credentials c ON c.tenant_id = m.tenant_id AND c.member_id = m.id
        JOIN tenants t ON t.id = m.tenant_id
        WHERE m.email = of_email AND NOT m.disabled AND m.joined_at IS NOT NULL
            AND (of_slug IS NULL OR t.slug = of_slug)
        HAVING count(*) = 1
    $$
    """,
    """
    CREATE FUNCTION find_session(of_family bytea)
        RETURNS TABLE (tenant_id uuid, session_id uuid)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT s.tenant_id, s.id FROM sessions s WHERE s.family_hash = of_family
    $$
    """,
    """
    CREATE FUNCTION forget_sessions(older_than interval)
        RETURNS void
        LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        DELETE FROM sessions WHERE expires_at < now() - older_than
    $$
    """,
)

FUNCTIONS = ("find_sign_in(text, text)", "find_session(bytea)", "forget_sessions(interval)")


def upgrade() -> None:
    # Who is there already has joined.
    op.add_column("members", sa.Column("joined_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE members SET joined_at = created_at")
    op.alter_column("members", "joined_at", server_default=sa.text("now()"))
    op.create_table(
        "credentials",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("member_id", sa.UUID(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["members.tenant_id", "members.id"],
            name=op.f("fk_credentials_tenant_id_member_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_credentials_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "member_id", name=op.f("pk_credentials")),
    )
    op.create_table(
        "sessions",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("member_id", sa.UUID(), nullable=False),
        sa.Column("family_hash", sa.LargeBinary(), nullable=False),
        sa.Column("refresh_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idle_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ip", postgresql.INET(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["members.tenant_id", "members.id"],
            name=op.f("fk_sessions_tenant_id_member_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_sessions_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("family_hash", name=op.f("uq_sessions_family_hash")),
    )
    op.create_index("ix_sessions_member", "sessions", ["tenant_id", "member_id"])
    op.create_index("ix_sessions_age", "sessions", ["expires_at"])
    # Signing in without a tenant's name.
    op.create_index("ix_members_email", "members", ["email"])
    confine("credentials")
    confine("sessions")
    for statement in (*ACCESS, *ACROSS_TENANTS):
        op.execute(statement)
    for function in FUNCTIONS:
        hand_out(function)


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    for table in ("members", "api_keys", "tenants"):
        op.execute(f"DROP TRIGGER announce_change ON {table}")
        op.execute(f"DROP TRIGGER announce_removal ON {table}")
    op.execute("DROP TRIGGER end_sessions ON members")
    op.drop_table("sessions")
    op.drop_table("credentials")
    op.drop_index("ix_members_email", "members")
    op.drop_column("members", "joined_at")
    op.execute("DROP FUNCTION end_sessions()")
    op.execute("DROP FUNCTION announce_access()")
