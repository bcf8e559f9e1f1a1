"""Channels of providers: how an account is reached, what arrived at it, files, and sends that wait their turn.

Revision: 0020, after: 0019
"""

import re

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from migrations.tenancy import confine, hand_out

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

PROVIDERS = ("api", "web", "telegram", "whatsapp_cloud", "chatflow", "email")
HEALTH = ("unchecked", "ok", "away", "dead")
MEDIA = ("image", "voice", "audio", "video", "document", "sticker")
FILES = ("waiting", "stored", "refused")

FUNCTIONS = {
    # Accounts with work that nobody has taken up for a while: of reconcile, which wakes their lanes.
    "idle_lanes(interval, integer)": """
    CREATE FUNCTION idle_lanes(after interval, at_most integer)
        RETURNS TABLE (tenant_id uuid, channel_account_id uuid, lane text)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        SELECT w.tenant_id, w.channel_account_id, w.lane FROM (
            SELECT i.tenant_id, i.channel_account_id, 'in' AS lane, min(i.created_at) AS since
            FROM channel_inbox i WHERE i.error IS NULL GROUP BY 1, 2
            UNION ALL
            SELECT s.tenant_id, s.channel_account_id, 'out', min(coalesce(s.due_at, s.created_at))
            FROM send_ledger s WHERE s.status IN ('queued', 'sending') AND s.channel_account_id IS NOT NULL GROUP BY 1, 2
            UNION ALL
            SELECT f.tenant_id, f.channel_account_id, 'media', min(coalesce(f.due_at, f.created_at))
            FROM attachments f WHERE f.state = 'waiting' GROUP BY 1, 2
        ) w
        JOIN channel_accounts a ON a.tenant_id = w.tenant_id AND a.id = w.channel_account_id
        JOIN tenants t ON t.id = a.tenant_id
        WHERE w.since < now() - after AND NOT a.disabled AND NOT t.suspended
        ORDER BY w.since LIMIT at_most
    $$
    """,
    # Accounts that should be asked for news, and have not been for a while.
    "unpolled_accounts(interval)": """
    CREATE FUNCTION unpolled_accounts(since interval)
        RETURNS TABLE (tenant_id uuid, channel_account_id uuid)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        SELECT a.tenant_id, a.id FROM channel_accounts a JOIN tenants t ON t.id = a.tenant_id
        WHERE a.settings->>'receive' = 'poll' AND NOT a.disabled AND NOT t.suspended
            AND (a.polled_at IS NULL OR a.polled_at < now() - since)
    $$
    """,
}


NEW_WORDS = {"ck_events_type": ("events", "type", "delivery"), "ck_messages_kind": ("messages", "kind", "unreadable")}


def upgrade() -> None:
    for rule, (table, column, word) in NEW_WORDS.items():
        _allow(rule, table, column, [*_words(rule), word])
    _accounts()
    _inbox()
    _files()
    _sends()
    for signature, statement in FUNCTIONS.items():
        op.execute(statement)
        hand_out(signature)


def _accounts() -> None:
    op.add_column("channel_accounts", sa.Column("provider", _choice("provider", PROVIDERS), nullable=True))
    op.execute("UPDATE channel_accounts SET provider = kind")
    op.alter_column("channel_accounts", "provider", nullable=False)
    op.add_column(
        "channel_accounts", sa.Column("settings", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False)
    )
    op.add_column("channel_accounts", sa.Column("external_id", sa.Text(), nullable=True))
    op.add_column(
        "channel_accounts",
        sa.Column("health", _choice("health", HEALTH), server_default="unchecked", nullable=False),
    )
    op.add_column("channel_accounts", sa.Column("health_code", sa.Text(), nullable=True))
    op.add_column(
        "channel_accounts",
        sa.Column("health_advice", ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column("channel_accounts", sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("channel_accounts", sa.Column("last_number", sa.BigInteger(), nullable=True))
    op.add_column("channel_accounts", sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("channel_accounts", sa.Column("sender", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index("uq_channel_accounts_external_id", "channel_accounts", ["provider", "external_id"], unique=True)
    op.create_table(
        "channel_credentials",
        *_keys(),
        sa.Column("channel_account_id", sa.UUID(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        *_constraints("channel_credentials"),
        _reference("channel_credentials", "channel_account_id", "channel_accounts"),
        sa.UniqueConstraint(
            "tenant_id", "channel_account_id", name=op.f("uq_channel_credentials_tenant_id_channel_account_id")
        ),
    )
    confine("channel_credentials")


def _inbox() -> None:
    op.create_table(
        "channel_inbox",
        *_keys(),
        sa.Column("channel_account_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("payload", JSONB(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        *_constraints("channel_inbox"),
        _reference("channel_inbox", "channel_account_id", "channel_accounts"),
    )
    op.create_index(
        "ix_channel_inbox_waiting",
        "channel_inbox",
        ["tenant_id", "channel_account_id", "seq"],
        postgresql_where=sa.text("error IS NULL"),
    )
    confine("channel_inbox")


def _files() -> None:
    op.add_column("messages", sa.Column("extras", JSONB(), nullable=True))
    op.add_column("messages", sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("messages", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "attachments",
        *_keys(),
        sa.Column("message_id", sa.UUID(), nullable=False),
        sa.Column("channel_account_id", sa.UUID(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", _choice("kind", MEDIA), nullable=False),
        sa.Column("state", _choice("state", FILES), server_default="waiting", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("mime", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        *_constraints("attachments"),
        _reference("attachments", "message_id", "messages"),
        _reference("attachments", "channel_account_id", "channel_accounts"),
        sa.UniqueConstraint(
            "tenant_id", "message_id", "position", name=op.f("uq_attachments_tenant_id_message_id_position")
        ),
        sa.CheckConstraint("(state = 'stored') = (key IS NOT NULL)", name=op.f("ck_attachments_stored_somewhere")),
    )
    op.create_index(
        "ix_attachments_waiting",
        "attachments",
        ["tenant_id", "channel_account_id", "id"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    confine("attachments")


def _sends() -> None:
    op.add_column("conversations", sa.Column("chat_kind", sa.String(32), server_default="private", nullable=False))
    op.create_check_constraint(op.f("ck_conversations_chat_kind"), "conversations", "chat_kind IN ('private', 'group')")
    op.add_column("conversations", sa.Column("unreachable_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("conversations", sa.Column("unreachable_code", sa.Text(), nullable=True))
    op.add_column("send_ledger", sa.Column("channel_account_id", sa.UUID(), nullable=True))
    op.add_column("send_ledger", sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False))
    op.add_column("send_ledger", sa.Column("sent", ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False))
    op.add_column("send_ledger", sa.Column("repeats", sa.Integer(), server_default="0", nullable=False))
    op.add_column("send_ledger", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("send_ledger", sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("send_ledger", sa.Column("error", sa.Text(), nullable=True))
    op.create_foreign_key(
        op.f("fk_send_ledger_tenant_id_channel_account_id"),
        "send_ledger",
        "channel_accounts",
        ["tenant_id", "channel_account_id"],
        ["tenant_id", "id"],
    )
    # What there was before was delivered through events, and none of it waits.
    op.drop_index("ix_send_ledger_unfinished", "send_ledger")
    op.create_index(
        "ix_send_ledger_waiting",
        "send_ledger",
        ["tenant_id", "channel_account_id", "seq"],
        postgresql_where=sa.text("status IN ('queued', 'sending')"),
    )
    op.create_index(
        "ix_send_ledger_lately",
        "send_ledger",
        ["tenant_id", "channel_account_id", "sent_at"],
        postgresql_where=sa.text("sent_at IS NOT NULL"),
    )
    op.create_index(
        "ix_send_ledger_repeated",
        "send_ledger",
        ["tenant_id", "channel_account_id", "updated_at"],
        postgresql_where=sa.text("repeats > 0"),
    )
    op.create_index("ix_send_ledger_message", "send_ledger", ["tenant_id", "message_id"])
    op.create_index("ix_send_ledger_sent", "send_ledger", ["sent"], postgresql_using="gin")


def downgrade() -> None:
    op.execute("DELETE FROM events WHERE type = 'delivery'")
    op.execute("UPDATE messages SET kind = 'clarify' WHERE kind = 'unreadable'")
    for rule, (table, column, word) in NEW_WORDS.items():
        _allow(rule, table, column, [each for each in _words(rule) if each != word])
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    for index in (
        "ix_send_ledger_repeated",
        "ix_send_ledger_message",
        "ix_send_ledger_sent",
        "ix_send_ledger_lately",
        "ix_send_ledger_waiting",
    ):
        op.drop_index(index, "send_ledger")
    op.create_index(
        "ix_send_ledger_unfinished",
        "send_ledger",
        ["status", "created_at"],
        postgresql_where=sa.text("status IN ('queued', 'sending')"),
    )
    for column in ("channel_account_id", "seq", "sent", "repeats", "due_at", "sent_at", "error"):
        op.drop_column("send_ledger", column)
    for column in ("chat_kind", "unreachable_at", "unreachable_code"):
        op.drop_column("conversations", column)
    op.drop_table("attachments")
    for column in ("extras", "edited_at", "deleted_at"):
        op.drop_column("messages", column)
    op.drop_table("channel_inbox")
    op.drop_table("channel_credentials")
    for column in (
        "provider",
        "settings",
        "external_id",
        "health",
        "health_code",
        "health_advice",
        "checked_at",
        "last_number",
        "polled_at",
        "sender",
    ):
        op.drop_column("channel_accounts", column)


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


def _choice(name: str, words: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=32)


def _words(rule: str) -> list[str]:
    """The words that a check allows by now."""
    found = op.get_bind().scalar(
        sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :rule"), {"rule": rule}
    )
    return re.findall("'([^']*)'", found or "")


def _allow(rule: str, table: str, column: str, words: list[str]) -> None:
    listed = ", ".join(f"'{word}'" for word in words)
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {rule}")
    # Not checked against the rows there are while the table is locked: what they say is allowed.
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {rule} CHECK ({column} IN ({listed})) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {rule}")
