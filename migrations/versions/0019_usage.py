"""A row of the usage ledger may be the sum of several calls.

Revision: 0019, after: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

SUMS = ("prompt_tokens", "completion_tokens", "milliseconds")


def upgrade() -> None:
    op.add_column("model_calls", sa.Column("calls", sa.BigInteger(), server_default="1", nullable=False))
    # In one statement: each by itself would write the table anew.
    op.execute("ALTER TABLE model_calls " + ", ".join(f"ALTER COLUMN {name} TYPE bigint" for name in SUMS))


def downgrade() -> None:
    """Sums that are greater than an integer stop it: nothing is cut off."""
    op.execute("ALTER TABLE model_calls " + ", ".join(f"ALTER COLUMN {name} TYPE integer" for name in SUMS))
    op.drop_column("model_calls", "calls")
