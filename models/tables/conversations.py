"""What is said: customers, conversations, messages, escalations, drafts, previews and sends."""

import sqlalchemy as sa
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from models.contracts.channels import ChatKind, FileState, MediaKind
from models.contracts.enums import (
    Author,
    ConversationState,
    Direction,
    EscalationReason,
    EscalationStatus,
    LadderStep,
    Language,
    MessageStatus,
    ReplyKind,
    SendStatus,
)
from models.tables.base import choice, instant, metadata, reference, stamps, tenant_id, tenant_table, within_tenant

customers = tenant_table(
    "customers",
    Column("external_id", sa.Text),
    Column("name", sa.Text),
    choice("language", Language, nullable=True),
    Column("attributes", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    # Only staff write these: a code that tells who a customer is goes to the address that is on file here.
    Column("email", sa.Text),
    Column("phone", sa.Text),
    # Until when the customer is known to be who they say, and in which conversation.
    instant("verified_until"),
    Column("verified_in", UUID(as_uuid=True)),
    # An erasure was asked for. The name, addresses and external id are gone from then on.
    instant("erased_at"),
    sa.UniqueConstraint("tenant_id", "external_id"),
)

conversations = tenant_table(
    "conversations",
    reference("channel_account_id"),
    reference("customer_id"),
    # The provider's name of the chat. Unique per account, so that two webhooks can never open two conversations.
    Column("chat_id", sa.Text, nullable=False),
    choice("state", ConversationState, default=ConversationState.BOT_ACTIVE),
    choice("language", Language, nullable=True),
    Column("one_shot", sa.Boolean, nullable=False, server_default=sa.false()),
    # Who answers. Null: the branch's, else the tenant's default.
    reference("assistant_id", nullable=True),
    # What the workflow remembers, written by it alone; a reopened conversation starts from here.
    Column("version", sa.BigInteger, nullable=False, server_default="0"),
    # Whose steps they are: the first run of the chain of workflow runs that wrote the last one.
    Column("run", sa.Text),
    Column("turn", sa.Integer, nullable=False, server_default="0"),
    Column("unsure", sa.Integer, nullable=False, server_default="0"),
    Column("opt_outs", sa.Integer, nullable=False, server_default="0"),
    instant("opted_out_at"),
    instant("muted_until"),
    # When a customer or a manager wrote last, by the workflow's clock.
    instant("spoke_at"),
    # The customer was asked to write slower, and is not answered until they do.
    Column("slowed", sa.Boolean, nullable=False, server_default=sa.false()),
    instant("last_message_at"),
    instant("closed_at"),
    choice("chat_kind", ChatKind, default=ChatKind.PRIVATE),
    # Nobody can be written to there any more, and the provider's word for why.
    instant("unreachable_at"),
    Column("unreachable_code", sa.Text),
    within_tenant("channel_account_id", "channel_accounts"),
    within_tenant("customer_id", "customers"),
    within_tenant("assistant_id", "assistants", ondelete="SET NULL (assistant_id)"),
    sa.UniqueConstraint("tenant_id", "channel_account_id", "chat_id"),
    sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_has_a_time"),
    sa.Index("ix_conversations_recent", "tenant_id", sa.text("last_message_at DESC")),
    sa.Index("ix_conversations_customer", "tenant_id", "customer_id"),
)

messages = tenant_table(
    "messages",
    reference("conversation_id"),
    Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False),
    choice("direction", Direction),
    choice("author", Author),
    choice("status", MessageStatus),
    choice("kind", ReplyKind, nullable=True),
    reference("member_id", nullable=True),
    Column("provider_message_id", sa.Text),
    Column("text", sa.Text, nullable=False),
    choice("language", Language, nullable=True),
    Column("citations", JSONB, nullable=False, server_default=sa.text("'[]'::jsonb")),
    Column("confidence", sa.Float),
    # The turn that handled an inbound message, or that wrote an outbound one.
    Column("turn", sa.Integer),
    # Left unanswered because the customer wrote too much within a minute.
    Column("flooded", sa.Boolean, nullable=False, server_default=sa.false()),
    # How often, and when last, reconcile handed an unaccepted message over again.
    Column("handovers", sa.Integer, nullable=False, server_default="0"),
    instant("handed_over_at"),
    # A place, a contact, the kind that could not be shown: what is neither text nor file (see models/contracts/channels.py).
    Column("extras", JSONB),
    instant("edited_at"),
    instant("deleted_at"),
    within_tenant("conversation_id", "conversations", ondelete="CASCADE"),
    within_tenant("member_id", "members"),
    sa.CheckConstraint(
        "(direction = 'inbound') = (status IN ('stored', 'handled'))", name="inbound_is_stored_or_handled"
    ),
    sa.CheckConstraint("(direction = 'inbound') = (author = 'customer')", name="customers_write_inbound"),
    sa.CheckConstraint("(author = 'manager') = (member_id IS NOT NULL)", name="managers_have_a_member"),
    sa.CheckConstraint("status <> 'handled' OR turn IS NOT NULL", name="handled_has_a_turn"),
    sa.Index(
        "uq_messages_provider_message_id",
        "tenant_id",
        "conversation_id",
        "provider_message_id",
        unique=True,
        postgresql_where=sa.text("direction = 'inbound'"),
    ),
    # What answers cite is counted from here.
    sa.Index(
        "ix_messages_answers",
        "tenant_id",
        "created_at",
        postgresql_where=sa.text("kind IN ('answer', 'quote')"),
    ),
    sa.Index("ix_messages_conversation", "tenant_id", "conversation_id", "seq"),
    sa.Index(
        "ix_messages_stored", "tenant_id", "conversation_id", "seq", postgresql_where=sa.text("status = 'stored'")
    ),
    sa.Index("ix_messages_unaccepted", "created_at", postgresql_where=sa.text("status = 'stored'")),
)

escalations = tenant_table(
    "escalations",
    reference("conversation_id"),
    Column("number", sa.Integer, nullable=False),
    choice("status", EscalationStatus),
    choice("reason", EscalationReason),
    # The customer's message that led here: what the manager reads first, and the question that may be learned.
    reference("message_id", nullable=True),
    # Whether the customer had proved who they are when a person was asked for, or has since.
    Column("customer_verified", sa.Boolean, nullable=False, server_default=sa.false()),
    reference("offered_to", nullable=True),
    reference("taken_by", nullable=True),
    instant("taken_at"),
    reference("closed_by", nullable=True),
    instant("closed_at"),
    within_tenant("conversation_id", "conversations", ondelete="CASCADE"),
    within_tenant("message_id", "messages"),
    within_tenant("offered_to", "members"),
    within_tenant("taken_by", "members"),
    within_tenant("closed_by", "members"),
    sa.UniqueConstraint("tenant_id", "conversation_id", "number"),
    sa.CheckConstraint("status <> 'active' OR taken_by IS NOT NULL", name="active_has_a_manager"),
    sa.CheckConstraint("(status IN ('pending', 'active')) = (closed_at IS NULL)", name="finished_has_a_time"),
    sa.Index(
        "uq_escalations_one_open",
        "tenant_id",
        "conversation_id",
        unique=True,
        postgresql_where=sa.text("status IN ('pending', 'active')"),
    ),
    sa.Index("ix_escalations_status", "tenant_id", "status", "created_at"),
)

# A rung of an escalation's ladder that was climbed. A manager who passes an escalation on starts a new round.
notices = tenant_table(
    "notices",
    reference("escalation_id"),
    Column("round", sa.Integer, nullable=False),
    choice("step", LadderStep),
    within_tenant("escalation_id", "escalations", ondelete="CASCADE"),
    sa.UniqueConstraint("tenant_id", "escalation_id", "round", "step"),
)

drafts = tenant_table(
    "drafts",
    reference("conversation_id"),
    Column("text", sa.Text, nullable=False),
    Column("usage", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    within_tenant("conversation_id", "conversations", ondelete="CASCADE"),
)

# What of an answer is shown while the rest is written. UNLOGGED: worth nothing a few seconds later.
previews = sa.Table(
    "previews",
    metadata,
    tenant_id(),
    Column("conversation_id", UUID(as_uuid=True), primary_key=True),
    Column("draft_id", UUID(as_uuid=True), nullable=False),
    # Of the conversation, when the answer was begun: its next step ends the preview.
    Column("version", sa.BigInteger, nullable=False),
    Column("text", sa.Text, nullable=False),
    *stamps(),
    within_tenant("conversation_id", "conversations", ondelete="CASCADE"),
    prefixes=["UNLOGGED"],
)

send_ledger = tenant_table(
    "send_ledger",
    reference("conversation_id", nullable=True),
    # What the customer is sent. Null: it is a post to the managers' desk.
    reference("message_id", nullable=True),
    reference("desk_id", nullable=True),
    Column("post", JSONB(none_as_null=True)),
    # conversation/turn/part: one logical send, however often it is tried.
    Column("key", sa.Text, nullable=False),
    choice("status", SendStatus),
    Column("attempts", sa.Integer, nullable=False, server_default="0"),
    Column("provider_message_id", sa.Text),
    # In whose lane it waits. Null: it was delivered through events.
    reference("channel_account_id", nullable=True),
    # The order of a chat.
    Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False),
    # The provider's names of the parts that have gone, in order.
    Column("sent", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    # How often a part was sent again because nobody knew whether it had gone.
    Column("repeats", sa.Integer, nullable=False, server_default="0"),
    # Not before then. Null: at once.
    instant("due_at"),
    # The customer has waited for it while the provider was away, and is to be told so first.
    Column("late", sa.Boolean, nullable=False, server_default=sa.false()),
    instant("sent_at"),
    # A word for why it failed, or waits.
    Column("error", sa.Text),
    # While it waits for the customer to write: the provider's name of what asked them to.
    Column("invitation", sa.Text),
    within_tenant("conversation_id", "conversations", ondelete="CASCADE"),
    within_tenant("message_id", "messages", ondelete="CASCADE"),
    within_tenant("channel_account_id", "channel_accounts"),
    within_tenant("desk_id", "desks", ondelete="CASCADE"),
    sa.UniqueConstraint("tenant_id", "key"),
    sa.CheckConstraint(
        "(post IS NULL) = (message_id IS NOT NULL) AND (post IS NOT NULL OR conversation_id IS NOT NULL)",
        name="says_something",
    ),
    sa.Index("ix_send_ledger_desk", "tenant_id", "desk_id", "seq", postgresql_where=sa.text("desk_id IS NOT NULL")),
    sa.Index(
        "ix_send_ledger_waiting",
        "tenant_id",
        "channel_account_id",
        "seq",
        postgresql_where=sa.text("status IN ('queued', 'sending')"),
    ),
    sa.Index(
        "ix_send_ledger_lately",
        "tenant_id",
        "channel_account_id",
        "sent_at",
        postgresql_where=sa.text("sent_at IS NOT NULL"),
    ),
    sa.Index(
        "ix_send_ledger_repeated",
        "tenant_id",
        "channel_account_id",
        "updated_at",
        postgresql_where=sa.text("repeats > 0"),
    ),
    sa.Index("ix_send_ledger_message", "tenant_id", "message_id"),
    # A provider tells by its own names what became of a message.
    sa.Index("ix_send_ledger_sent", "sent", postgresql_using="gin"),
    sa.Index(
        "ix_send_ledger_invitation", "tenant_id", "invitation", postgresql_where=sa.text("invitation IS NOT NULL")
    ),
)

# Files beside messages. `ref` is the provider's name of one until it is fetched, `key` where it then lies in the media store.
attachments = tenant_table(
    "attachments",
    reference("conversation_id"),
    # Null: it was uploaded, and nothing was sent with it yet.
    reference("message_id", nullable=True),
    reference("channel_account_id"),
    Column("position", sa.Integer, nullable=False),
    choice("kind", MediaKind),
    choice("state", FileState, default=FileState.WAITING),
    # A word for why it is not here.
    Column("reason", sa.Text),
    Column("ref", sa.Text),
    Column("name", sa.Text),
    Column("mime", sa.Text),
    Column("size", sa.BigInteger),
    Column("seconds", sa.Float),
    Column("key", sa.Text),
    Column("sha256", sa.Text),
    Column("attempts", sa.Integer, nullable=False, server_default="0"),
    instant("due_at"),
    within_tenant("conversation_id", "conversations", ondelete="CASCADE"),
    within_tenant("message_id", "messages", ondelete="CASCADE"),
    within_tenant("channel_account_id", "channel_accounts", ondelete="CASCADE"),
    sa.UniqueConstraint("tenant_id", "message_id", "position"),
    sa.Index("ix_attachments_conversation", "tenant_id", "conversation_id"),
    sa.Index("uq_attachments_key", "tenant_id", "key", unique=True, postgresql_where=sa.text("key IS NOT NULL")),
    # How much a tenant has is summed up from here.
    sa.Index("ix_attachments_stored", "tenant_id", "size", postgresql_where=sa.text("state = 'stored'")),
    sa.Index("ix_attachments_unsent", "tenant_id", "created_at", postgresql_where=sa.text("message_id IS NULL")),
    sa.CheckConstraint("(state = 'stored') = (key IS NOT NULL)", name="stored_somewhere"),
    sa.Index(
        "ix_attachments_waiting",
        "tenant_id",
        "channel_account_id",
        "id",
        postgresql_where=sa.text("state = 'waiting'"),
    ),
)
