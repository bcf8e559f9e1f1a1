"""What people are sent, and the tokens in it."""

import sqlalchemy as sa
from sqlalchemy import Column

from models.contracts.people import MailPurpose, TokenPurpose
from models.tables.base import choice, instant, reference, tenant_table, within_tenant

# One of a purpose for a member: a new one voids the one before. Using it deletes it.
one_time_tokens = tenant_table(
    "one_time_tokens",
    reference("member_id"),
    choice("purpose", TokenPurpose),
    # SHA-256 of a token with 256 random bits.
    Column("hash", sa.LargeBinary, nullable=False, unique=True),
    instant("expires_at", nullable=False),
    within_tenant("member_id", "members", ondelete="CASCADE"),
    sa.UniqueConstraint("tenant_id", "member_id", "purpose"),
)

# Neither texts nor tokens: a mail is written when it is sent.
mails = tenant_table(
    "mails",
    reference("member_id"),
    choice("purpose", MailPurpose),
    Column("attempts", sa.Integer, nullable=False, server_default="0"),
    # Reconcile has had it started again so often, the last time then.
    Column("handovers", sa.Integer, nullable=False, server_default="0"),
    instant("handed_over_at"),
    instant("sent_at"),
    # Refused for good, or there was nobody to send it to.
    instant("failed_at"),
    within_tenant("member_id", "members", ondelete="CASCADE"),
    sa.Index("ix_mails_member", "tenant_id", "member_id"),
    sa.Index("ix_mails_unsent", "created_at", postgresql_where=sa.text("sent_at IS NULL AND failed_at IS NULL")),
)
