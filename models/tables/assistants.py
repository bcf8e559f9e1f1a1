"""Who answers: assistants, and their prompts by version."""

import sqlalchemy as sa
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB

from models.tables.base import reference, tenant_table, within_tenant

assistants = tenant_table(
    "assistants",
    Column("slug", sa.Text, nullable=False),
    Column("name", sa.Text, nullable=False),
    # models.contracts.assistants.Assistant, without what has its default.
    Column("body", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    # The prompt in force. Null: the template that every assistant begins with.
    Column("prompt_version", sa.Integer),
    sa.UniqueConstraint("tenant_id", "slug"),
)

# Never changed: a rollback puts an earlier one in force.
assistant_prompts = tenant_table(
    "assistant_prompts",
    reference("assistant_id"),
    Column("version", sa.Integer, nullable=False),
    Column("template", sa.Text, nullable=False),
    Column("note", sa.Text),
    reference("created_by", nullable=True),
    within_tenant("assistant_id", "assistants", ondelete="CASCADE"),
    within_tenant("created_by", "members"),
    sa.UniqueConstraint("tenant_id", "assistant_id", "version"),
)
