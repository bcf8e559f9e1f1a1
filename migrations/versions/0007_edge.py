"""The edge: rate limits that every replica shares, and which tenants let a web page call from another origin.

Revision: 0007, after: 0006
"""

from alembic import op

from migrations.tenancy import hand_out

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLE = """
    CREATE UNLOGGED TABLE rate_limits (
        key bytea NOT NULL,
        hits integer NOT NULL,
        ends_at timestamptz NOT NULL,
        CONSTRAINT pk_rate_limits PRIMARY KEY (key)
    ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)
"""

ACROSS_TENANTS = (
    # All of the limits are charged, or none. Rows are locked in the order of their keys, so that no two requests wait
    # for each other. The clock is read once, before any wait for a lock: a late request counts in the window it finds.
    """
    CREATE FUNCTION hit_rate_limits(keys bytea[], amounts integer[], seconds integer[])
        RETURNS TABLE (place integer, wait double precision)
        LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DECLARE moment timestamptz := clock_timestamp();
    BEGIN
        RETURN QUERY
            WITH charged AS (
                INSERT INTO rate_limits AS r (key, hits, ends_at)
                SELECT w.key, 1, moment + make_interval(secs => w.period)
                    FROM unnest(keys, seconds) AS w (key, period) ORDER BY w.key
                ON CONFLICT ON CONSTRAINT pk_rate_limits DO UPDATE SET
                    hits = CASE WHEN r.ends_at <= moment THEN 1 ELSE r.hits + 1 END,
                    ends_at = CASE WHEN r.ends_at <= moment THEN excluded.ends_at ELSE r.ends_at END
                RETURNING r.key, r.hits, r.ends_at
            )
            SELECT w.place::integer, extract(epoch FROM c.ends_at - moment)::double precision
            FROM charged c
            JOIN unnest(keys, amounts) WITH ORDINALITY AS w (key, amount, place) ON w.key = c.key
            WHERE c.hits > w.amount
            ORDER BY 2 DESC;
        IF FOUND THEN
            UPDATE rate_limits r SET hits = r.hits - 1 WHERE r.key = ANY (keys);
        END IF;
    END $$
    """,
    """
    CREATE FUNCTION test_rate_limit(of_key bytea, amount integer)
        RETURNS double precision
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT extract(epoch FROM r.ends_at - clock_timestamp())::double precision FROM rate_limits r
        WHERE r.key = of_key AND r.hits >= amount AND r.ends_at > clock_timestamp()
    $$
    """,
    """
    CREATE FUNCTION clear_rate_limit(of_key bytea)
        RETURNS void
        LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        DELETE FROM rate_limits WHERE key = of_key
    $$
    """,
    """
    CREATE FUNCTION prune_rate_limits()
        RETURNS void
        LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        DELETE FROM rate_limits WHERE ends_at < now()
    $$
    """,
    # Without a tenant: whether any that is not suspended lists the origin.
    """
    CREATE FUNCTION origin_is_listed(origin text, of_tenant uuid)
        RETURNS boolean
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT EXISTS (
            SELECT FROM tenant_settings s JOIN tenants t ON t.id = s.tenant_id
            WHERE NOT t.suspended AND (of_tenant IS NULL OR s.tenant_id = of_tenant)
                AND s.body -> 'allowed_origins' ? origin)
    $$
    """,
)

FUNCTIONS = (
    "hit_rate_limits(bytea[], integer[], integer[])",
    "test_rate_limit(bytea, integer)",
    "clear_rate_limit(bytea)",
    "prune_rate_limits()",
    "origin_is_listed(text, uuid)",
)


def upgrade() -> None:
    op.execute(TABLE)
    for statement in ACROSS_TENANTS:
        op.execute(statement)
    for function in FUNCTIONS:
        hand_out(function)


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP TABLE rate_limits")
