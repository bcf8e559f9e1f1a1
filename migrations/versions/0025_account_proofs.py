"""What a delivery is proved by, in one statement: a delivery names its account and no tenant.

Revision: 0025, after: 0024
"""

from alembic import op

from migrations.tenancy import hand_out

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

FUNCTIONS = {
    # An account that takes messages now, with what is sealed for it (a row each, one without when there is nothing) and
    # the key that opens it. A sealed blob is a byte for its version, the id of its key, and the rest.
    "find_account_proofs(uuid, text)": """
    CREATE FUNCTION find_account_proofs(account uuid, of_kind text)
        RETURNS TABLE (
            tenant_id uuid, provider text, place text, sealed bytea, key_id uuid, root_id text, wrapped bytea
        )
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        SELECT a.tenant_id, a.provider::text, s.place, s.sealed, s.id, s.root_id, s.wrapped
        FROM channel_accounts a
        JOIN tenants t ON t.id = a.tenant_id
        LEFT JOIN LATERAL (
            SELECT c.place, c.sealed, k.id, k.root_id, k.wrapped
            FROM (
                SELECT 'secret' AS place, of_us.sealed FROM channel_secrets of_us
                WHERE of_us.tenant_id = a.tenant_id AND of_us.channel_account_id = a.id
                    AND (of_us.expires_at IS NULL OR of_us.expires_at > now())
                UNION ALL
                SELECT 'credentials', of_theirs.sealed FROM channel_credentials of_theirs
                WHERE of_theirs.tenant_id = a.tenant_id AND of_theirs.channel_account_id = a.id
            ) c
            JOIN data_keys k
                ON k.tenant_id = a.tenant_id AND k.id = encode(substring(c.sealed FROM 2 FOR 16), 'hex')::uuid
        ) s ON true
        WHERE a.id = account AND a.kind = of_kind AND NOT a.disabled AND NOT t.suspended
    $$
    """,
}


def upgrade() -> None:
    for signature, statement in FUNCTIONS.items():
        op.execute(statement)
        hand_out(signature)


def downgrade() -> None:
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
