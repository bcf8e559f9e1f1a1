"""People and keys: one-time tokens, mails to send, scopes of API keys, the last owner.

Revision: 0005, after: 0004
"""

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import confine, hand_out

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Two people of a tenant whose addresses differ in nothing but case stay as they are: which one to change, a person says.
LOWER_CASE = """
    UPDATE members m SET email = lower(m.email)
    WHERE m.email <> lower(m.email) AND NOT EXISTS (
        SELECT 1 FROM members o WHERE o.tenant_id = m.tenant_id AND o.id <> m.id AND lower(o.email) = lower(m.email)
    )
"""

# Whoever takes an owner away holds the tenant's row until commit, so that two cannot each leave the other as the last.
LAST_OWNER = (
    """
    CREATE FUNCTION keep_an_owner() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM 1 FROM tenants t WHERE t.id = NEW.tenant_id FOR NO KEY UPDATE;
        IF NOT EXISTS (
            SELECT 1 FROM members m
            WHERE m.tenant_id = NEW.tenant_id AND m.role = 'owner' AND NOT m.disabled AND m.joined_at IS NOT NULL
        ) THEN
            RAISE EXCEPTION 'tenant % would have no owner', NEW.tenant_id
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'tenant_has_an_owner';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER keep_an_owner AFTER UPDATE ON members FOR EACH ROW
        WHEN (OLD.role = 'owner' AND NOT OLD.disabled AND OLD.joined_at IS NOT NULL
            AND (NEW.role <> 'owner' OR NEW.disabled OR NEW.joined_at IS NULL))
        EXECUTE FUNCTION keep_an_owner()
    """,
)

AUTHENTICATE = """
    CREATE FUNCTION authenticate_api_key(key_hash bytea)
        RETURNS TABLE (tenant_id uuid, suspended boolean, key_id uuid, member_id uuid, member_name text, role text,
            scopes text[])
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT k.tenant_id, t.suspended, k.id, m.id, m.name, m.role::text, k.scopes
        FROM (
            SELECT * FROM api_keys WHERE hash = key_hash
            UNION ALL
            SELECT * FROM api_keys WHERE previous_hash = key_hash AND previous_until > now()
        ) k
        JOIN tenants t ON t.id = k.tenant_id
        JOIN members m ON m.tenant_id = k.tenant_id AND m.id = k.member_id
        WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()) AND NOT m.disabled
    $$
"""

AUTHENTICATE_BEFORE = """
    CREATE FUNCTION authenticate_api_key(key_hash bytea)
        RETURNS TABLE (tenant_id uuid, suspended boolean, key_id uuid, member_id uuid, member_name text, role text)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT k.tenant_id, t.suspended, k.id, m.id, m.name, m.role::text
        FROM api_keys k
        JOIN tenants t ON t.id = k.tenant_id
        JOIN members m ON m.tenant_id = k.tenant_id AND m.id = k.member_id
        WHERE k.hash = key_hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
            AND NOT m.disabled
    $$
"""

ACROSS_TENANTS = {
    # What has not been used for a minute; whoever writes it down more often only costs writes.
    "note_key_uses(uuid[])": """
        CREATE FUNCTION note_key_uses(used uuid[])
            RETURNS void
            LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
            UPDATE api_keys SET last_used_at = now()
            WHERE id = ANY (used) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
        $$
    """,
    # Where one may register oneself. A tenant that is closed or suspended looks like one that does not exist.
    "find_open_tenant(text)": """
        CREATE FUNCTION find_open_tenant(of_slug text)
            RETURNS uuid
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
            SELECT t.id FROM tenants t JOIN tenant_settings s ON s.tenant_id = t.id
            WHERE t.slug = of_slug AND NOT t.suspended AND s.body -> 'registration' = 'true'::jsonb
        $$
    """,
    # Whoever can read mail at an address, in every tenant, or in the one that is named.
    "find_members(text, text)": """
        CREATE FUNCTION find_members(of_email text, of_slug text)
            RETURNS TABLE (tenant_id uuid, member_id uuid)
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
            SELECT m.tenant_id, m.id FROM members m JOIN tenants t ON t.id = m.tenant_id
            WHERE m.email = of_email AND m.joined_at IS NOT NULL AND NOT m.disabled AND NOT t.suspended
                AND (of_slug IS NULL OR t.slug = of_slug)
            ORDER BY t.slug LIMIT 20
        $$
    """,
    "find_token(bytea, text)": """
        CREATE FUNCTION find_token(of_hash bytea, of_purpose text)
            RETURNS uuid
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
            SELECT o.tenant_id FROM one_time_tokens o
            WHERE o.hash = of_hash AND o.purpose = of_purpose AND o.expires_at > now()
        $$
    """,
    # Claims mails that nobody has sent, the oldest first; each claim doubles the wait before the next. What has waited
    # for three days is not wanted any more.
    "claim_unsent_mails(interval, integer)": """
        CREATE FUNCTION claim_unsent_mails(after interval, at_most integer)
            RETURNS TABLE (tenant_id uuid, mail_id uuid)
            LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
            UPDATE mails m SET handovers = m.handovers + 1, handed_over_at = now()
            FROM (
                SELECT u.tenant_id, u.id FROM mails u
                WHERE u.sent_at IS NULL AND u.failed_at IS NULL
                    AND u.created_at < now() - after AND u.created_at > now() - interval '3 days'
                    AND (u.handed_over_at IS NULL OR u.handed_over_at < now() - after * (2 ^ least(u.handovers, 8)))
                ORDER BY u.created_at LIMIT at_most FOR UPDATE SKIP LOCKED
            ) due
            WHERE m.tenant_id = due.tenant_id AND m.id = due.id
            RETURNING m.tenant_id, m.id
        $$
    """,
    "forget_mails_and_tokens(interval)": """
        CREATE FUNCTION forget_mails_and_tokens(older_than interval)
            RETURNS void
            LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
            DELETE FROM one_time_tokens WHERE expires_at < now();
            DELETE FROM mails WHERE created_at < now() - older_than;
        $$
    """,
}


def upgrade() -> None:
    op.execute(LOWER_CASE)
    op.add_column("members", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_keys", sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=True))
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_keys", sa.Column("previous_hash", sa.LargeBinary(), nullable=True))
    op.add_column("api_keys", sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True))
    op.create_unique_constraint(op.f("uq_api_keys_previous_hash"), "api_keys", ["previous_hash"])
    _create_tokens()
    _create_mails()
    confine("one_time_tokens")
    confine("mails")
    for statement in (*LAST_OWNER, *ACROSS_TENANTS.values()):
        op.execute(statement)
    _replace_authenticate(AUTHENTICATE)
    for function in ACROSS_TENANTS:
        hand_out(function)


def _create_tokens() -> None:
    op.create_table(
        "one_time_tokens",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("member_id", sa.UUID(), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "confirm",
                "reset",
                "invite",
                name="purpose",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["members.tenant_id", "members.id"],
            name=op.f("fk_one_time_tokens_tenant_id_member_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_one_time_tokens_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_one_time_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_one_time_tokens_hash")),
        sa.UniqueConstraint(
            "tenant_id", "member_id", "purpose", name=op.f("uq_one_time_tokens_tenant_id_member_id_purpose")
        ),
    )


def _create_mails() -> None:
    op.create_table(
        "mails",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("member_id", sa.UUID(), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "confirm",
                "reset",
                "invite",
                "already_member",
                "password_changed",
                name="purpose",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("handovers", sa.Integer(), server_default="0", nullable=False),
        sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["members.tenant_id", "members.id"],
            name=op.f("fk_mails_tenant_id_member_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_mails_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_mails")),
    )
    op.create_index("ix_mails_member", "mails", ["tenant_id", "member_id"])
    op.create_index(
        "ix_mails_unsent",
        "mails",
        ["created_at"],
        postgresql_where=sa.text("sent_at IS NULL AND failed_at IS NULL"),
    )


def _replace_authenticate(statement: str) -> None:
    op.execute("DROP FUNCTION authenticate_api_key(bytea)")
    op.execute(statement)
    hand_out("authenticate_api_key(bytea)")


def downgrade() -> None:
    for function in ACROSS_TENANTS:
        op.execute(f"DROP FUNCTION {function}")
    _replace_authenticate(AUTHENTICATE_BEFORE)
    op.execute("DROP TRIGGER keep_an_owner ON members")
    op.execute("DROP FUNCTION keep_an_owner()")
    op.drop_table("mails")
    op.drop_table("one_time_tokens")
    op.drop_constraint(op.f("uq_api_keys_previous_hash"), "api_keys")
    for column in ("previous_until", "previous_hash", "last_used_at", "scopes"):
        op.drop_column("api_keys", column)
    op.drop_column("members", "removed_at")
