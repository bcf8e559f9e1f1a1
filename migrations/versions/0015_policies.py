"""Policies by version, and what counts towards a flood.

Revision: 0015, after: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


KINDS_BEFORE = (
    "answer quote clarify escalated person_coming escalation_cancelled muted reengage greeting thanks decline rule "
    "delayed manager identify wrong_code verified"
).split()
KINDS = [*KINDS_BEFORE, "slow_down"]


def upgrade() -> None:
    op.add_column("policies", sa.Column("member_id", sa.UUID(), nullable=True))
    op.add_column("policies", sa.Column("note", sa.Text(), nullable=True))
    op.add_column("policies", sa.Column("restores", sa.Integer(), nullable=True))
    op.create_foreign_key(
        "fk_policies_tenant_id_member_id",
        "policies",
        "members",
        ["tenant_id", "member_id"],
        ["tenant_id", "id"],
    )
    # A version says for ever what it said.
    op.execute("REVOKE UPDATE ON policies FROM mainstay_app")
    op.add_column("conversations", sa.Column("spoke_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("conversations", sa.Column("slowed", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_index("ix_conversations_customer", "conversations", ["tenant_id", "customer_id"])
    op.add_column("messages", sa.Column("flooded", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    _say_kinds(KINDS)


def _say_kinds(words: list[str]) -> None:
    op.drop_constraint("ck_messages_kind", "messages")
    listed = ", ".join(f"'{word}'" for word in words)
    # Not checked against the rows there are: no word is taken away, and downgrade has removed what would not fit.
    op.execute(f"ALTER TABLE messages ADD CONSTRAINT ck_messages_kind CHECK (kind IN ({listed})) NOT VALID")
    op.execute("ALTER TABLE messages VALIDATE CONSTRAINT ck_messages_kind")


def downgrade() -> None:
    op.execute("UPDATE messages SET kind = 'decline' WHERE kind = 'slow_down'")
    _say_kinds(KINDS_BEFORE)
    op.drop_column("messages", "flooded")
    op.drop_index("ix_conversations_customer", table_name="conversations")
    op.drop_column("conversations", "slowed")
    op.drop_column("conversations", "spoke_at")
    op.execute("GRANT UPDATE ON policies TO mainstay_app")
    op.drop_constraint("fk_policies_tenant_id_member_id", "policies")
    for column in ("restores", "note", "member_id"):
        op.drop_column("policies", column)
