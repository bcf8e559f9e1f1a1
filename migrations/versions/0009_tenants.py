"""Tenants' lives: suspended with a reason, exported, deleted.

The application role may delete neither tenants nor audit entries. What a deletion does is in functions that do nothing
unless the deletion was asked for, is due, and has not been cancelled; whoever asks waits for an hour at least.

Revision: 0009, after: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import confine, hand_out

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ACTORS = ("member", "api_key", "customer", "anonymous", "operator", "system")

ACROSS_TENANTS = {
    # Workers ask it again and again: ids, and only of the few.
    "suspended_tenants()": """
        CREATE FUNCTION suspended_tenants() RETURNS SETOF uuid
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
            SELECT t.id FROM tenants t WHERE t.suspended
        $$
    """,
    "forget_tenant_exports()": """
        CREATE FUNCTION forget_tenant_exports() RETURNS void
            LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
            DELETE FROM tenant_exports WHERE coalesce(expires_at, created_at + interval '7 days') < now()
        $$
    """,
    # Exports and deletions that were asked for and whose process nobody has started.
    "unstarted_tenant_work(interval)": """
        CREATE FUNCTION unstarted_tenant_work(after interval)
            RETURNS TABLE (kind text, tenant_id uuid, id uuid)
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
            SELECT 'export', e.tenant_id, e.id FROM tenant_exports e JOIN tenants t ON t.id = e.tenant_id
                WHERE e.status = 'waiting' AND e.created_at < now() - after AND NOT t.suspended
            UNION ALL
            SELECT 'deletion', d.tenant_id, d.id FROM tenant_deletions d
                WHERE d.cancelled_at IS NULL AND d.finished_at IS NULL AND d.updated_at < now() - after
                    -- Once its process has it, it is looked after only if it makes no progress.
                    AND (d.taken_up_at IS NULL OR greatest(d.due_at, d.updated_at) < now() - interval '1 hour')
        $$
    """,
    # For the transaction's own tenant, which is suspended from now on. Returns null when it is being deleted already.
    "ask_tenant_deletion(uuid, interval, text, uuid)": """
        CREATE FUNCTION ask_tenant_deletion(new_id uuid, grace interval, by_kind text, by_id uuid)
            RETURNS timestamptz
            LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        DECLARE
            ours tenants;
            due timestamptz := now() + greatest(grace, interval '1 hour');
        BEGIN
            SELECT * INTO ours FROM tenants t WHERE t.id = nullif(current_setting('app.tenant', true), '')::uuid FOR UPDATE;
            IF NOT FOUND OR EXISTS (
                SELECT FROM tenant_deletions d WHERE d.tenant_id = ours.id AND d.cancelled_at IS NULL
            ) THEN
                RETURN NULL;
            END IF;
            INSERT INTO tenant_deletions (tenant_id, id, slug, asked_by_kind, asked_by, due_at, was_suspended)
                VALUES (ours.id, new_id, ours.slug, by_kind, by_id, due, ours.suspended);
            UPDATE tenants t SET suspended = true, suspended_at = coalesce(t.suspended_at, now()), updated_at = now(),
                suspension_reason = coalesce(t.suspension_reason, 'Its deletion has been asked for.')
                WHERE t.id = ours.id;
            RETURN due;
        END $$
    """,
    # Only before it begins. The tenant is as it was before it was asked for.
    "cancel_tenant_deletion()": """
        CREATE FUNCTION cancel_tenant_deletion() RETURNS uuid
            LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        DECLARE ended tenant_deletions;
        BEGIN
            PERFORM FROM tenants t WHERE t.id = nullif(current_setting('app.tenant', true), '')::uuid FOR UPDATE;
            UPDATE tenant_deletions d SET cancelled_at = now(), updated_at = now()
                WHERE d.tenant_id = nullif(current_setting('app.tenant', true), '')::uuid AND d.cancelled_at IS NULL AND d.started_at IS NULL
                RETURNING d.* INTO ended;
            IF FOUND AND NOT ended.was_suspended THEN
                UPDATE tenants t SET suspended = false, suspended_at = NULL, suspension_reason = NULL,
                    updated_at = now() WHERE t.id = ended.tenant_id;
            END IF;
            RETURN ended.id;
        END $$
    """,
    # Seconds until it may begin; 0: it has begun, and cannot be cancelled any more; null: it was called off.
    "begin_tenant_deletion(uuid, uuid)": """
        CREATE FUNCTION begin_tenant_deletion(of_tenant uuid, deletion uuid) RETURNS double precision
            LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        DECLARE ours tenant_deletions;
        BEGIN
            PERFORM FROM tenants t WHERE t.id = of_tenant FOR UPDATE;
            SELECT * INTO ours FROM tenant_deletions d WHERE d.tenant_id = of_tenant AND d.id = deletion FOR UPDATE;
            IF NOT FOUND OR ours.cancelled_at IS NOT NULL THEN
                RETURN NULL;
            END IF;
            IF ours.started_at IS NULL AND ours.due_at > now() THEN
                UPDATE tenant_deletions d SET taken_up_at = now()
                    WHERE d.tenant_id = of_tenant AND d.id = deletion AND d.taken_up_at IS NULL;
                RETURN extract(epoch FROM ours.due_at - now());
            END IF;
            UPDATE tenant_deletions d SET started_at = coalesce(d.started_at, now()),
                    taken_up_at = coalesce(d.taken_up_at, now()), updated_at = now()
                WHERE d.tenant_id = of_tenant AND d.id = deletion;
            UPDATE tenants t SET suspended = true WHERE t.id = of_tenant AND NOT t.suspended;
            RETURN 0;
        END $$
    """,
    # Some rows of one table of a tenant whose deletion has begun; how many, which its report counts too.
    "delete_tenant_rows(uuid, text, integer)": """
        CREATE FUNCTION delete_tenant_rows(of_tenant uuid, of_table text, at_most integer) RETURNS integer
            LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        DECLARE gone integer;
        BEGIN
            UPDATE tenant_deletions d SET updated_at = now() WHERE d.tenant_id = of_tenant
                AND d.started_at IS NOT NULL AND d.finished_at IS NULL AND d.cancelled_at IS NULL;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'tenant % is not being deleted', of_tenant USING ERRCODE = 'insufficient_privilege';
            END IF;
            -- Whatever belongs to a tenant says so by this key.
            IF NOT EXISTS (
                SELECT FROM pg_constraint c WHERE c.contype = 'f' AND c.confrelid = 'public.tenants'::regclass
                    AND c.conrelid = to_regclass('public.' || quote_ident(of_table))
            ) THEN
                RAISE EXCEPTION '% is no table of tenants', of_table USING ERRCODE = 'insufficient_privilege';
            END IF;
            PERFORM set_config('app.deletes', of_tenant::text, true);
            EXECUTE format(
                'DELETE FROM public.%I WHERE ctid = ANY (ARRAY(SELECT ctid FROM public.%I WHERE tenant_id = $1 LIMIT $2))',
                of_table, of_table) USING of_tenant, at_most;
            GET DIAGNOSTICS gone = ROW_COUNT;
            PERFORM set_config('app.deletes', '', true);
            UPDATE tenant_deletions d SET row_counts = d.row_counts || jsonb_build_object(
                    of_table, coalesce((d.row_counts ->> of_table)::bigint, 0) + gone)
                WHERE d.tenant_id = of_tenant AND d.cancelled_at IS NULL AND gone > 0;
            RETURN gone;
        END $$
    """,
    # The last step. What came into a table since it was emptied goes along. Returns all rows of the report.
    "finish_tenant_deletion(uuid, uuid, integer)": """
        CREATE FUNCTION finish_tenant_deletion(of_tenant uuid, deletion uuid, purged integer) RETURNS bigint
            LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        BEGIN
            UPDATE tenant_deletions d SET finished_at = now(), updated_at = now(), processes = purged,
                    row_counts = d.row_counts || '{"tenants": 1}'::jsonb
                WHERE d.tenant_id = of_tenant AND d.id = deletion
                    AND d.started_at IS NOT NULL AND d.finished_at IS NULL AND d.cancelled_at IS NULL;
            IF FOUND THEN
                PERFORM set_config('app.deletes', of_tenant::text, true);
                DELETE FROM tenants t WHERE t.id = of_tenant;
                PERFORM set_config('app.deletes', '', true);
            END IF;
            RETURN (SELECT sum(n.value::bigint) FROM tenant_deletions d, jsonb_each_text(d.row_counts) n
                WHERE d.tenant_id = of_tenant AND d.id = deletion AND d.finished_at IS NOT NULL);
        END $$
    """,
    "list_tenant_deletions()": """
        CREATE FUNCTION list_tenant_deletions() RETURNS SETOF tenant_deletions
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
            SELECT * FROM tenant_deletions d ORDER BY d.created_at DESC
        $$
    """,
}

# Of suspended tenants nothing is handed over: their processes would only wait, and be looked for again and again.
CLAIM_MESSAGES = """
    CREATE OR REPLACE FUNCTION claim_unaccepted_messages(after interval, at_most integer)
        RETURNS TABLE (tenant_id uuid, conversation_id uuid, message_id uuid)
        LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        UPDATE messages m SET handovers = m.handovers + 1, handed_over_at = now()
        FROM (
            SELECT c.tenant_id, c.id FROM messages c
            WHERE c.status = 'stored'
                AND c.created_at < now() - after
                AND (c.handed_over_at IS NULL OR c.handed_over_at < now() - after * (2 ^ least(c.handovers, 8)))
                {not_suspended}
            ORDER BY c.created_at LIMIT at_most FOR UPDATE OF c SKIP LOCKED
        ) due
        WHERE m.tenant_id = due.tenant_id AND m.id = due.id
        RETURNING m.tenant_id, m.conversation_id, m.id
    $$
"""
CLAIM_MAILS = """
    CREATE OR REPLACE FUNCTION claim_unsent_mails(after interval, at_most integer)
        RETURNS TABLE (tenant_id uuid, mail_id uuid)
        LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        UPDATE mails m SET handovers = m.handovers + 1, handed_over_at = now()
        FROM (
            SELECT c.tenant_id, c.id FROM mails c
            WHERE c.sent_at IS NULL AND c.failed_at IS NULL
                AND c.created_at < now() - after AND c.created_at > now() - interval '3 days'
                AND (c.handed_over_at IS NULL OR c.handed_over_at < now() - after * (2 ^ least(c.handovers, 8)))
                {not_suspended}
            ORDER BY c.created_at LIMIT at_most FOR UPDATE OF c SKIP LOCKED
        ) due
        WHERE m.tenant_id = due.tenant_id AND m.id = due.id
        RETURNING m.tenant_id, m.id
    $$
"""
NOT_SUSPENDED = "AND NOT EXISTS (SELECT FROM tenants t WHERE t.id = c.tenant_id AND t.suspended)"


def of_tenant(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        *stamps(),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{table}")),
    )


def stamps() -> tuple[sa.Column[object], sa.Column[object]]:
    return (
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )


def upgrade() -> None:
    op.add_column("tenants", sa.Column("suspended_at", sa.DateTime(timezone=True)))
    op.add_column("tenants", sa.Column("suspension_reason", sa.Text()))
    op.create_table(
        "tenant_exports",
        *of_tenant("tenant_exports"),
        sa.Column(
            "status",
            sa.Enum("waiting", "running", "done", name="status", native_enum=False, create_constraint=True, length=32),
            server_default="waiting",
            nullable=False,
        ),
        sa.Column("position", JSONB()),
        sa.Column("row_counts", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("parts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
    )
    op.create_index(
        "uq_tenant_exports_unfinished",
        "tenant_exports",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("status <> 'done'"),
    )
    op.create_table(
        "tenant_export_parts",
        *of_tenant("tenant_export_parts"),
        sa.Column("export_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source_table", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "export_id"],
            ["tenant_exports.tenant_id", "tenant_exports.id"],
            name=op.f("fk_tenant_export_parts_tenant_id_export_id"),
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "tenant_id", "export_id", "number", name=op.f("uq_tenant_export_parts_tenant_id_export_id_number")
        ),
    )
    op.create_table(
        "tenant_deletions",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        *stamps(),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column(
            "asked_by_kind",
            sa.Enum(*ACTORS, name="asked_by_kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("asked_by", sa.UUID()),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("was_suspended", sa.Boolean(), nullable=False),
        sa.Column("taken_up_at", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("cancelled_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("row_counts", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("processes", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_tenant_deletions")),
    )
    op.create_index(
        "uq_tenant_deletions_open",
        "tenant_deletions",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("cancelled_at IS NULL"),
    )
    confine("tenant_exports")
    confine("tenant_export_parts")
    confine("tenant_deletions", may="SELECT")
    for signature, statement in ACROSS_TENANTS.items():
        op.execute(statement)
        hand_out(signature)
    for statement in (CLAIM_MESSAGES, CLAIM_MAILS):
        op.execute(statement.format(not_suspended=NOT_SUSPENDED))


def downgrade() -> None:
    for statement in (CLAIM_MESSAGES, CLAIM_MAILS):
        op.execute(statement.format(not_suspended=""))
    for signature in ACROSS_TENANTS:
        op.execute(f"DROP FUNCTION {signature}")
    for table in ("tenant_deletions", "tenant_export_parts", "tenant_exports"):
        op.drop_table(table)
    for column in ("suspension_reason", "suspended_at"):
        op.drop_column("tenants", column)
