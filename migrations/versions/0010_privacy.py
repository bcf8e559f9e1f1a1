"""Customers' privacy: addresses on file, codes that tell who a customer is, erasures.

Revision: 0010, after: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import confine, hand_out

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KINDS_BEFORE = (
    "answer quote clarify escalated person_coming escalation_cancelled muted reengage greeting thanks decline rule "
    "delayed manager"
).split()
KINDS = [*KINDS_BEFORE, "identify", "wrong_code", "verified"]

# Erasures whose process did not start, or has not ended for long: started again, which a running one does not notice.
CLAIM = """
    CREATE FUNCTION claim_running_erasures(after interval, at_most integer)
        RETURNS TABLE (tenant_id uuid, erasure_id uuid)
        LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        UPDATE erasures e SET handed_over_at = now()
        FROM (
            SELECT r.tenant_id, r.id FROM erasures r
            WHERE r.status = 'running' AND r.created_at < now() - after
                AND (r.handed_over_at IS NULL OR r.handed_over_at < now() - interval '10 minutes')
            ORDER BY r.created_at LIMIT at_most FOR UPDATE SKIP LOCKED
        ) due
        WHERE e.tenant_id = due.tenant_id AND e.id = due.id
        RETURNING e.tenant_id, e.id
    $$
"""


def upgrade() -> None:
    op.add_column("customers", sa.Column("email", sa.Text(), nullable=True))
    op.add_column("customers", sa.Column("phone", sa.Text(), nullable=True))
    op.add_column("customers", sa.Column("verified_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("customers", sa.Column("verified_in", sa.UUID(), nullable=True))
    op.add_column("customers", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "escalations", sa.Column("customer_verified", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    _say_kinds(KINDS)
    _create_codes()
    _create_checks()
    _create_erasures()
    for table in ("identity_codes", "identity_checks", "erasures"):
        confine(table)
    op.execute(CLAIM)
    hand_out("claim_running_erasures(interval, integer)")


def _say_kinds(words: list[str]) -> None:
    op.drop_constraint("ck_messages_kind", "messages")
    listed = ", ".join(f"'{word}'" for word in words)
    # Not checked against the rows there are: no word is taken away, and downgrade has removed what would not fit.
    op.execute(f"ALTER TABLE messages ADD CONSTRAINT ck_messages_kind CHECK (kind IN ({listed})) NOT VALID")
    op.execute("ALTER TABLE messages VALIDATE CONSTRAINT ck_messages_kind")


def _keys() -> list[sa.Column[object]]:
    return [
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    ]


def _of_tenant(table: str) -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{table}")),
    ]


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{other}.tenant_id", f"{other}.id"],
        name=op.f(f"fk_{table}_tenant_id_{column}"),
        ondelete="CASCADE",
    )


def _create_codes() -> None:
    op.create_table(
        "identity_codes",
        *_keys(),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=True),
        sa.Column("message_id", sa.UUID(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        *_of_tenant("identity_codes"),
        _refers("identity_codes", "customer_id", "customers"),
        _refers("identity_codes", "conversation_id", "conversations"),
        _refers("identity_codes", "message_id", "messages"),
        sa.CheckConstraint(
            "(hash IS NULL) = (sealed_key IS NULL) AND (hash IS NULL) = (expires_at IS NULL)",
            name=op.f("ck_identity_codes_made"),
        ),
    )
    for index, columns in {
        "customer": ["tenant_id", "customer_id", "created_at"],
        "conversation": ["tenant_id", "conversation_id", "created_at"],
        "message": ["tenant_id", "message_id"],
    }.items():
        op.create_index(f"ix_identity_codes_{index}", "identity_codes", columns)


def _create_checks() -> None:
    op.create_table(
        "identity_checks",
        *_keys(),
        sa.Column("code_id", sa.UUID(), nullable=False),
        sa.Column("message_id", sa.UUID(), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(
                "right",
                "wrong",
                "expired",
                "exhausted",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        *_of_tenant("identity_checks"),
        _refers("identity_checks", "code_id", "identity_codes"),
        _refers("identity_checks", "message_id", "messages"),
        sa.UniqueConstraint("tenant_id", "message_id", name=op.f("uq_identity_checks_tenant_id_message_id")),
    )
    op.create_index("ix_identity_checks_code", "identity_checks", ["tenant_id", "code_id"])


def _create_erasures() -> None:
    op.create_table(
        "erasures",
        *_keys(),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column(
            "status",
            sa.Enum("running", "done", name="status", native_enum=False, create_constraint=True, length=32),
            server_default="running",
            nullable=False,
        ),
        sa.Column("removed", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        *_of_tenant("erasures"),
        sa.UniqueConstraint("tenant_id", "customer_id", name=op.f("uq_erasures_tenant_id_customer_id")),
        sa.CheckConstraint("(status = 'done') = (finished_at IS NOT NULL)", name=op.f("ck_erasures_done_has_a_time")),
    )
    op.create_index("ix_erasures_running", "erasures", ["created_at"], postgresql_where=sa.text("status = 'running'"))


def downgrade() -> None:
    op.execute("DROP FUNCTION claim_running_erasures(interval, integer)")
    for table in ("erasures", "identity_checks", "identity_codes"):
        op.drop_table(table)
    # What was said stays, under the nearest word that is left.
    op.execute("UPDATE messages SET kind = 'rule' WHERE kind IN ('identify', 'wrong_code', 'verified')")
    _say_kinds(KINDS_BEFORE)
    op.drop_column("escalations", "customer_verified")
    for column in ("erased_at", "verified_in", "verified_until", "phone", "email"):
        op.drop_column("customers", column)
