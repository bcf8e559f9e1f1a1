"""Managers' desks: groups with a topic for each conversation, and who the people in them are."""

import sqlalchemy as sa
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import ARRAY

from models.contracts.channels import HealthState
from models.tables.base import choice, instant, reference, tenant_table, within_tenant

desks = tenant_table(
    "desks",
    reference("branch_id"),
    # The bot that is in the group.
    reference("channel_account_id"),
    # The provider's name of the group. Null: none is linked yet.
    Column("chat_id", sa.Text),
    # The last event that was made posts of.
    Column("last_seq", sa.BigInteger, nullable=False, server_default="0"),
    # When somebody last looked for events, to the minute.
    instant("followed_at"),
    choice("health", HealthState, default=HealthState.UNCHECKED),
    Column("health_code", sa.Text),
    Column("health_advice", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    instant("checked_at"),
    # Proves, in a group, that it is to be this desk's. Used once.
    Column("link_hash", sa.LargeBinary),
    instant("link_expires_at"),
    within_tenant("branch_id", "branches", ondelete="CASCADE"),
    within_tenant("channel_account_id", "channel_accounts", ondelete="CASCADE"),
    sa.UniqueConstraint("tenant_id", "branch_id"),
    sa.UniqueConstraint("tenant_id", "channel_account_id", "chat_id"),
)

desk_topics = tenant_table(
    "desk_topics",
    reference("desk_id"),
    reference("conversation_id"),
    Column("topic_id", sa.Text, nullable=False),
    # The card that stands there, and whose it is. A later escalation gets one of its own.
    reference("card_of", nullable=True),
    Column("card_message_id", sa.Text),
    within_tenant("desk_id", "desks", ondelete="CASCADE"),
    within_tenant("conversation_id", "conversations", ondelete="CASCADE"),
    sa.UniqueConstraint("tenant_id", "conversation_id"),
    sa.UniqueConstraint("tenant_id", "desk_id", "topic_id"),
    sa.CheckConstraint("(card_of IS NULL) = (card_message_id IS NULL)", name="card_stands_somewhere"),
)

# Who a member is at the provider. A row with a code and no person waits for the person.
desk_people = tenant_table(
    "desk_people",
    reference("member_id"),
    Column("person", sa.Text),
    Column("link_hash", sa.LargeBinary),
    instant("link_expires_at"),
    within_tenant("member_id", "members", ondelete="CASCADE"),
    sa.UniqueConstraint("tenant_id", "member_id"),
    sa.UniqueConstraint("tenant_id", "person"),
)
