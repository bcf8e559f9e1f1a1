"""Claims are made once a statement; what asked a customer to write has a name; what is heard is counted.

Postgres may run a sub-select of FROM more than once, and each time it finds other rows that nobody has locked: then more
than `at_most` are claimed. A materialized one is run once.

Revision: 0028, after: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0026"
branch_labels = None
depends_on = None

FUNCTION = """
    CREATE OR REPLACE FUNCTION {name}(after interval, at_most integer)
        RETURNS TABLE ({returns})
        LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        {body}
    $$
"""

DUE_MESSAGES = """
            SELECT c.tenant_id, c.id FROM messages c
            WHERE c.status = 'stored'
                AND c.created_at < now() - after
                AND (c.handed_over_at IS NULL OR c.handed_over_at < now() - after * (2 ^ least(c.handovers, 8)))
                AND NOT EXISTS (SELECT FROM tenants t WHERE t.id = c.tenant_id AND t.suspended)
            ORDER BY c.created_at LIMIT at_most FOR UPDATE OF c SKIP LOCKED
"""
DUE_MAILS = """
            SELECT c.tenant_id, c.id FROM mails c
            WHERE c.sent_at IS NULL AND c.failed_at IS NULL
                AND c.created_at < now() - after AND c.created_at > now() - interval '3 days'
                AND (c.handed_over_at IS NULL OR c.handed_over_at < now() - after * (2 ^ least(c.handovers, 8)))
                AND NOT EXISTS (SELECT FROM tenants t WHERE t.id = c.tenant_id AND t.suspended)
            ORDER BY c.created_at LIMIT at_most FOR UPDATE OF c SKIP LOCKED
"""
DUE_ERASURES = """
            SELECT c.tenant_id, c.id FROM erasures c
            WHERE c.status = 'running' AND c.created_at < now() - after
                AND (c.handed_over_at IS NULL OR c.handed_over_at < now() - interval '10 minutes')
            ORDER BY c.created_at LIMIT at_most FOR UPDATE SKIP LOCKED
"""
ONCE, AGAIN = "WITH due AS MATERIALIZED ({due})\n{claim}\nFROM due {where}", "{claim}\nFROM ({due}) due {where}"
CLAIMS = (
    (
        "claim_unaccepted_messages",
        "tenant_id uuid, conversation_id uuid, message_id uuid",
        DUE_MESSAGES,
        "UPDATE messages m SET handovers = m.handovers + 1, handed_over_at = now()",
        "WHERE m.tenant_id = due.tenant_id AND m.id = due.id RETURNING m.tenant_id, m.conversation_id, m.id",
    ),
    (
        "claim_unsent_mails",
        "tenant_id uuid, mail_id uuid",
        DUE_MAILS,
        "UPDATE mails m SET handovers = m.handovers + 1, handed_over_at = now()",
        "WHERE m.tenant_id = due.tenant_id AND m.id = due.id RETURNING m.tenant_id, m.id",
    ),
    (
        "claim_running_erasures",
        "tenant_id uuid, erasure_id uuid",
        DUE_ERASURES,
        "UPDATE erasures e SET handed_over_at = now()",
        "WHERE e.tenant_id = due.tenant_id AND e.id = due.id RETURNING e.tenant_id, e.id",
    ),
)


PURPOSES_BEFORE = "answer understand rewrite rerank embed".split()
PURPOSES = [*PURPOSES_BEFORE, "transcribe"]


def upgrade() -> None:
    _claim(ONCE)
    _count(PURPOSES)
    op.add_column("send_ledger", sa.Column("invitation", sa.Text(), nullable=True))
    op.create_index(
        "ix_send_ledger_invitation",
        "send_ledger",
        ["tenant_id", "invitation"],
        postgresql_where=sa.text("invitation IS NOT NULL"),
    )


def downgrade() -> None:
    # What was spent stays spent, under a word that is left.
    op.execute("UPDATE model_calls SET purpose = 'embed' WHERE purpose = 'transcribe'")
    _count(PURPOSES_BEFORE)
    op.drop_index("ix_send_ledger_invitation", "send_ledger")
    op.drop_column("send_ledger", "invitation")
    _claim(AGAIN)


def _count(purposes: list[str]) -> None:
    op.drop_constraint("ck_model_calls_purpose", "model_calls")
    listed = ", ".join(f"'{purpose}'" for purpose in purposes)
    op.execute(f"ALTER TABLE model_calls ADD CONSTRAINT ck_model_calls_purpose CHECK (purpose IN ({listed})) NOT VALID")
    op.execute("ALTER TABLE model_calls VALIDATE CONSTRAINT ck_model_calls_purpose")


def _claim(statement: str) -> None:
    for name, returns, due, claim, where in CLAIMS:
        body = statement.format(due=due, claim=claim, where=where)
        op.execute(FUNCTION.format(name=name, returns=returns, body=body))
