"""Hits of the same windows are charged together: as many as there is room for.

Revision: 0031, after: 0030
"""

from alembic import op

from migrations.tenancy import hand_out

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

# Each of the `times` hits is charged to all of the windows or to none. Rows are locked in the order of their keys, so that
# no two calls wait for each other. The clock is read once, before any wait for a lock: a late call counts in the window it
# finds. Processes from before this revision name no `times`.
HIT_TOGETHER = """
    CREATE FUNCTION hit_rate_limits(keys bytea[], amounts integer[], seconds integer[], times integer DEFAULT 1)
        RETURNS TABLE (place integer, wait double precision, refused integer)
        LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    DECLARE
        moment timestamptz := clock_timestamp();
        beyond integer;
    BEGIN
        WITH charged AS (
            INSERT INTO rate_limits AS r (key, hits, ends_at)
            SELECT w.key, times, moment + make_interval(secs => w.period)
                FROM unnest(keys, seconds) AS w (key, period) ORDER BY w.key
            ON CONFLICT ON CONSTRAINT pk_rate_limits DO UPDATE SET
                hits = CASE WHEN r.ends_at <= moment THEN times ELSE r.hits + times END,
                ends_at = CASE WHEN r.ends_at <= moment THEN excluded.ends_at ELSE r.ends_at END
            RETURNING r.key, r.hits, r.ends_at
        ), full_ones AS (
            SELECT w.place, c.ends_at, c.hits - w.amount AS beyond
            FROM charged c
            JOIN unnest(keys, amounts) WITH ORDINALITY AS w (key, amount, place) ON w.key = c.key
            WHERE c.hits > w.amount
        )
        SELECT f.place::integer, extract(epoch FROM f.ends_at - moment)::double precision, f.without_room
            INTO place, wait, beyond
            FROM (SELECT e.*, least(times, max(e.beyond) OVER ()) AS without_room FROM full_ones e) f
            -- Of the windows that this call would have filled, those that are full without them.
            WHERE f.beyond >= f.without_room
            ORDER BY 2 DESC LIMIT 1;
        IF beyond > 0 THEN
            UPDATE rate_limits r SET hits = r.hits - beyond WHERE r.key = ANY (keys);
            refused := beyond;
            RETURN NEXT;
        END IF;
    END $$
"""

# As revision 0007 has it.
HIT_ALONE = """
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
"""

TOGETHER = "hit_rate_limits(bytea[], integer[], integer[], integer)"
ALONE = "hit_rate_limits(bytea[], integer[], integer[])"


def upgrade() -> None:
    op.execute(f"DROP FUNCTION {ALONE}")
    op.execute(HIT_TOGETHER)
    hand_out(TOGETHER)


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {TOGETHER}")
    op.execute(HIT_ALONE)
    hand_out(ALONE)
