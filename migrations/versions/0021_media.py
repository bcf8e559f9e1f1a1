"""Files that are uploaded before they are sent, and keys of the media store under which nothing is to be kept.

Revision: 0021, after: 0020
"""

import re

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import confine, hand_out

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

FUNCTIONS = {
    "due_media(integer)": """
    CREATE FUNCTION due_media(at_most integer) RETURNS TABLE (tenant_id uuid, id uuid)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        SELECT g.tenant_id, g.id FROM media_garbage g WHERE g.due_at <= now() ORDER BY g.due_at LIMIT at_most
    $$
    """,
    "forget_media(uuid[])": """
    CREATE FUNCTION forget_media(ids uuid[]) RETURNS void
        LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        DELETE FROM media_garbage g WHERE g.id = ANY(ids) AND g.due_at <= now()
    $$
    """,
}

# Whatever deletes the row of a file (an erasure, retention, a cascade, a tenant's end) leaves its key behind.
DISCARD = """
    CREATE FUNCTION discard_media() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        INSERT INTO media_garbage (tenant_id, id, due_at)
            VALUES (OLD.tenant_id, split_part(OLD.key, '/', 2)::uuid, now()) ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$
"""
TRIGGER = """
    CREATE TRIGGER discard_media AFTER DELETE ON attachments
        FOR EACH ROW WHEN (OLD.key IS NOT NULL) EXECUTE FUNCTION discard_media()
"""


def upgrade() -> None:
    _garbage()
    _uploads()
    op.execute(DISCARD)
    op.execute("REVOKE ALL ON FUNCTION discard_media() FROM PUBLIC")
    op.execute(TRIGGER)
    for signature, statement in FUNCTIONS.items():
        op.execute(statement)
        hand_out(signature)
    _events([*_event_words(), "attachment"])


def _garbage() -> None:
    now = sa.text("now()")
    op.create_table(
        "media_garbage",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_media_garbage")),
    )
    op.create_index("ix_media_garbage_due", "media_garbage", ["due_at"])
    confine("media_garbage")


def _uploads() -> None:
    """A file belongs to a conversation from the beginning, and to a message once it is sent with one."""
    op.add_column("attachments", sa.Column("conversation_id", sa.UUID(), nullable=True))
    op.execute(
        "UPDATE attachments f SET conversation_id = m.conversation_id FROM messages m "
        "WHERE m.tenant_id = f.tenant_id AND m.id = f.message_id"
    )
    op.alter_column("attachments", "conversation_id", nullable=False)
    op.alter_column("attachments", "message_id", nullable=True)
    op.create_foreign_key(
        op.f("fk_attachments_tenant_id_conversation_id"),
        "attachments",
        "conversations",
        ["tenant_id", "conversation_id"],
        ["tenant_id", "id"],
        ondelete="CASCADE",
    )
    op.create_index("ix_attachments_conversation", "attachments", ["tenant_id", "conversation_id"])
    op.create_index(
        "uq_attachments_key",
        "attachments",
        ["tenant_id", "key"],
        unique=True,
        postgresql_where=sa.text("key IS NOT NULL"),
    )
    # How much a tenant has is summed up from here.
    op.create_index(
        "ix_attachments_stored", "attachments", ["tenant_id", "size"], postgresql_where=sa.text("state = 'stored'")
    )
    op.create_index(
        "ix_attachments_unsent",
        "attachments",
        ["tenant_id", "created_at"],
        postgresql_where=sa.text("message_id IS NULL"),
    )


def downgrade() -> None:
    op.execute("DELETE FROM events WHERE type = 'attachment'")
    _events([word for word in _event_words() if word != "attachment"])
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    op.execute("DROP TRIGGER discard_media ON attachments")
    op.execute("DROP FUNCTION discard_media()")
    op.execute("DELETE FROM attachments WHERE message_id IS NULL")
    op.alter_column("attachments", "message_id", nullable=False)
    for index in ("unsent", "stored", "conversation"):
        op.drop_index(f"ix_attachments_{index}", "attachments")
    op.drop_index("uq_attachments_key", "attachments")
    op.drop_column("attachments", "conversation_id")
    op.drop_table("media_garbage")


def _event_words() -> list[str]:
    """What the constraint lists now: other migrations may have added to it."""
    definition = op.get_bind().scalar(
        sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_events_type'")
    )
    assert isinstance(definition, str)
    return re.findall(r"'(\w+)'", definition)


def _events(words: list[str]) -> None:
    op.drop_constraint(op.f("ck_events_type"), "events")
    op.create_check_constraint(op.f("ck_events_type"), "events", sa.column("type", sa.Text).in_(words))
