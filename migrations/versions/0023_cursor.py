"""Where an account's news were read up to, where its provider does not remember that itself.

Revision: 0023, after: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("channel_accounts", sa.Column("cursor", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("channel_accounts", "cursor")
