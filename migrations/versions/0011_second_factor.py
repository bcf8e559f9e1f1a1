"""The second factor: sealed keys of authenticator apps, and recovery codes.

Revision: 0011, after: 0010
"""

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import confine

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# What a caller may do can hang on whether they have a second factor, and on whether the tenant asks for one.
TRIGGERS = (
    """
    CREATE TRIGGER announce_change AFTER UPDATE ON second_factors FOR EACH ROW
        WHEN ((OLD.confirmed_at IS NULL) <> (NEW.confirmed_at IS NULL)) EXECUTE FUNCTION announce_access()
    """,
    """
    CREATE TRIGGER announce_removal AFTER DELETE ON second_factors FOR EACH ROW EXECUTE FUNCTION announce_access()
    """,
    """
    CREATE FUNCTION announce_rule_of_sign_in() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('mainstay_access', NEW.tenant_id || ' -');
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER announce_rule_of_sign_in AFTER UPDATE ON tenant_settings FOR EACH ROW
        WHEN (OLD.body -> 'require_second_factor' IS DISTINCT FROM NEW.body -> 'require_second_factor')
        EXECUTE FUNCTION announce_rule_of_sign_in()
    """,
)


def upgrade() -> None:
    op.create_table(
        "second_factors",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("member_id", sa.UUID(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("wrong_codes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("wrong_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["members.tenant_id", "members.id"],
            name=op.f("fk_second_factors_tenant_id_member_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_second_factors_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "member_id", name=op.f("pk_second_factors")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("member_id", sa.UUID(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["second_factors.tenant_id", "second_factors.member_id"],
            name=op.f("fk_recovery_codes_tenant_id_member_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_recovery_codes_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "member_id", "hash", name=op.f("pk_recovery_codes")),
    )
    confine("second_factors")
    confine("recovery_codes")
    for statement in TRIGGERS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER announce_rule_of_sign_in ON tenant_settings")
    op.execute("DROP FUNCTION announce_rule_of_sign_in()")
    op.drop_table("recovery_codes")
    op.drop_table("second_factors")
