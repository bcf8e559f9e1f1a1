"""Since when a provider is away, and which messages their customers have waited for meanwhile.

Revision: 0026, after: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("channel_accounts", sa.Column("away_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("send_ledger", sa.Column("late", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("send_ledger", "late")
    op.drop_column("channel_accounts", "away_since")
