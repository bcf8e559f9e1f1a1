"""Managers' desks: groups, their topics and people; and posts to them, in the queue of their bot.

Revision: 0024, after: 0023
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from migrations.tenancy import confine, hand_out

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

HEALTH = ("unchecked", "ok", "away", "dead")

FUNCTIONS = {
    # Accounts with a desk whose events nobody has read for a while: of reconcile.
    "unfollowed_desks(interval)": """
    CREATE FUNCTION unfollowed_desks(since interval)
        RETURNS TABLE (tenant_id uuid, channel_account_id uuid)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        SELECT DISTINCT d.tenant_id, d.channel_account_id
        FROM desks d
        JOIN channel_accounts a ON a.tenant_id = d.tenant_id AND a.id = d.channel_account_id
        JOIN tenants t ON t.id = d.tenant_id
        WHERE d.chat_id IS NOT NULL AND NOT a.disabled AND NOT t.suspended
            AND (d.followed_at IS NULL OR d.followed_at < now() - since)
    $$
    """,
}


def upgrade() -> None:
    _desks()
    _topics()
    _people()
    op.alter_column("send_ledger", "conversation_id", nullable=True)
    op.alter_column("send_ledger", "message_id", nullable=True)
    op.add_column("send_ledger", sa.Column("desk_id", sa.UUID(), nullable=True))
    op.add_column("send_ledger", sa.Column("post", JSONB(), nullable=True))
    op.create_foreign_key(
        op.f("fk_send_ledger_tenant_id_desk_id"),
        "send_ledger",
        "desks",
        ["tenant_id", "desk_id"],
        ["tenant_id", "id"],
        ondelete="CASCADE",
    )
    op.create_check_constraint(
        op.f("ck_send_ledger_says_something"),
        "send_ledger",
        "(post IS NULL) = (message_id IS NOT NULL) AND (post IS NOT NULL OR conversation_id IS NOT NULL)",
    )
    op.create_index(
        "ix_send_ledger_desk",
        "send_ledger",
        ["tenant_id", "desk_id", "seq"],
        postgresql_where=sa.text("desk_id IS NOT NULL"),
    )
    for signature, statement in FUNCTIONS.items():
        op.execute(statement)
        hand_out(signature)


def _desks() -> None:
    op.create_table(
        "desks",
        *_keys(),
        sa.Column("branch_id", sa.UUID(), nullable=False),
        sa.Column("channel_account_id", sa.UUID(), nullable=False),
        sa.Column("chat_id", sa.Text(), nullable=True),
        sa.Column("last_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("followed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "health",
            sa.Enum(*HEALTH, name="health", native_enum=False, create_constraint=True, length=32),
            server_default="unchecked",
            nullable=False,
        ),
        sa.Column("health_code", sa.Text(), nullable=True),
        sa.Column("health_advice", ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("link_hash", sa.LargeBinary(), nullable=True),
        sa.Column("link_expires_at", sa.DateTime(timezone=True), nullable=True),
        *_constraints("desks"),
        _reference("desks", "branch_id", "branches"),
        _reference("desks", "channel_account_id", "channel_accounts"),
        sa.UniqueConstraint("tenant_id", "branch_id", name=op.f("uq_desks_tenant_id_branch_id")),
        sa.UniqueConstraint(
            "tenant_id", "channel_account_id", "chat_id", name=op.f("uq_desks_tenant_id_channel_account_id_chat_id")
        ),
    )
    confine("desks")


def _topics() -> None:
    op.create_table(
        "desk_topics",
        *_keys(),
        sa.Column("desk_id", sa.UUID(), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("topic_id", sa.Text(), nullable=False),
        sa.Column("card_of", sa.UUID(), nullable=True),
        sa.Column("card_message_id", sa.Text(), nullable=True),
        *_constraints("desk_topics"),
        _reference("desk_topics", "desk_id", "desks"),
        _reference("desk_topics", "conversation_id", "conversations"),
        sa.UniqueConstraint("tenant_id", "conversation_id", name=op.f("uq_desk_topics_tenant_id_conversation_id")),
        sa.UniqueConstraint("tenant_id", "desk_id", "topic_id", name=op.f("uq_desk_topics_tenant_id_desk_id_topic_id")),
        sa.CheckConstraint(
            "(card_of IS NULL) = (card_message_id IS NULL)", name=op.f("ck_desk_topics_card_stands_somewhere")
        ),
    )
    confine("desk_topics")


def _people() -> None:
    op.create_table(
        "desk_people",
        *_keys(),
        sa.Column("member_id", sa.UUID(), nullable=False),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("link_hash", sa.LargeBinary(), nullable=True),
        sa.Column("link_expires_at", sa.DateTime(timezone=True), nullable=True),
        *_constraints("desk_people"),
        _reference("desk_people", "member_id", "members"),
        sa.UniqueConstraint("tenant_id", "member_id", name=op.f("uq_desk_people_tenant_id_member_id")),
        sa.UniqueConstraint("tenant_id", "person", name=op.f("uq_desk_people_tenant_id_person")),
    )
    confine("desk_people")


def downgrade() -> None:
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    op.execute("DELETE FROM send_ledger WHERE post IS NOT NULL")
    op.drop_index("ix_send_ledger_desk", "send_ledger")
    op.drop_constraint(op.f("ck_send_ledger_says_something"), "send_ledger")
    op.drop_column("send_ledger", "post")
    op.drop_column("send_ledger", "desk_id")
    op.alter_column("send_ledger", "message_id", nullable=False)
    op.alter_column("send_ledger", "conversation_id", nullable=False)
    for table in ("desk_people", "desk_topics", "desks"):
        op.drop_table(table)


def _keys() -> tuple[sa.Column[object], ...]:
    now = sa.text("now()")
    return (
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
    )


def _constraints(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{table}")),
    )


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{target}.tenant_id", f"{target}.id"],
        name=op.f(f"fk_{table}_tenant_id_{column}"),
        ondelete="CASCADE",
    )
