"""A delivery is kept in one round trip: its tenant, that it is new, and its row.

Revision: 0030, after: 0029
"""

from alembic import op

from migrations.tenancy import hand_out

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

SIGNATURE = "keep_delivery(uuid, uuid, uuid, bytea, jsonb, bigint, interval, integer)"

# Not a definer: whoever calls it is confined to the tenant that they name, as by `app.tenant` anywhere else. Where no
# transaction is open the setting ends with the call.
KEEP = """
    CREATE FUNCTION keep_delivery(
        tenant uuid, account uuid, delivery uuid, name_digest bytea, given jsonb, place bigint,
        retention interval, swept_at_once integer
    )
        RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
    DECLARE
        kept boolean;
    BEGIN
        PERFORM set_config('app.tenant', tenant::text, true);
        WITH taken AS (
            INSERT INTO channel_deliveries (tenant_id, channel_account_id, digest)
            VALUES (tenant, account, name_digest) ON CONFLICT DO NOTHING RETURNING digest
        ), old AS MATERIALIZED (
            SELECT digest FROM channel_deliveries
            WHERE tenant_id = tenant AND channel_account_id = account AND received_at < now() - retention
            ORDER BY received_at LIMIT swept_at_once FOR UPDATE SKIP LOCKED
        ), swept AS (
            DELETE FROM channel_deliveries d USING old
            WHERE d.tenant_id = tenant AND d.channel_account_id = account AND d.digest = old.digest
        ), put AS (
            INSERT INTO channel_inbox (tenant_id, id, channel_account_id, payload, number)
            SELECT tenant, delivery, account, given, place FROM taken
        )
        SELECT count(*) = 1 INTO kept FROM taken;
        RETURN kept;
    END
    $$
"""


def upgrade() -> None:
    op.execute(KEEP)
    hand_out(SIGNATURE)


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {SIGNATURE}")
