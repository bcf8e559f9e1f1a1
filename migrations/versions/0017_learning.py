"""Learned answers under review, and what knowledge could not answer.

Revision: 0017, after: 0016
"""

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
