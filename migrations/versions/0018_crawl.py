"""Sites as knowledge: what is crawled, and every address of it.

Revision: 0018, after: 0017
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from migrations.tenancy import confine

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

MODES = ("page", "site", "sitemap")
STATUSES = ("queued", "running", "done", "failed", "cancelled")
KINDS = ("page", "sitemap")
STATES = ("queued", "fetched", "unchanged", "gone", "skipped", "failed")
LANGUAGES = ("en", "ru", "kk")


def upgrade() -> None:
    op.add_column("ingest_files", sa.Column("language", sa.String(32), nullable=True))
    op.create_check_constraint(op.f("ck_ingest_files_language"), "ingest_files", "language IN ('en', 'ru', 'kk')")
    op.create_table(
        "crawls",
        *_keys(),
        sa.Column("source_id", sa.UUID(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("mode", _choice("mode", MODES), nullable=False),
        sa.Column("max_pages", sa.Integer(), nullable=False),
        sa.Column("max_depth", sa.Integer(), nullable=False),
        sa.Column("include", ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("exclude", ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("language", _choice("language", LANGUAGES), nullable=True),
        sa.Column("every_hours", sa.Integer(), nullable=True),
        sa.Column("status", _choice("status", STATUSES), server_default="queued", nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=True),
        sa.Column("job_id", sa.UUID(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        *_constraints("crawls"),
        _reference("crawls", "source_id", "sources", "CASCADE"),
        _reference("crawls", "job_id", "ingest_jobs", "SET NULL (job_id)"),
        sa.UniqueConstraint("tenant_id", "source_id", name=op.f("uq_crawls_tenant_id_source_id")),
        sa.CheckConstraint(
            "status <> 'running' OR workflow_id IS NOT NULL", name=op.f("ck_crawls_running_for_somebody")
        ),
    )
    op.create_table(
        "crawl_pages",
        *_keys(),
        sa.Column("crawl_id", sa.UUID(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kind", _choice("kind", KINDS), server_default="page", nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("state", _choice("state", STATES), server_default="queued", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("known", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        *_constraints("crawl_pages"),
        _reference("crawl_pages", "crawl_id", "crawls", "CASCADE"),
        sa.UniqueConstraint("tenant_id", "crawl_id", "url", name=op.f("uq_crawl_pages_tenant_id_crawl_id_url")),
    )
    op.create_index("ix_crawl_pages_crawl", "crawl_pages", ["tenant_id", "crawl_id", "id"])
    for table in ("crawls", "crawl_pages"):
        confine(table)


def downgrade() -> None:
    op.drop_table("crawl_pages")
    op.drop_table("crawls")
    op.drop_constraint(op.f("ck_ingest_files_language"), "ingest_files")
    op.drop_column("ingest_files", "language")


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


def _reference(table: str, column: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{target}.tenant_id", f"{target}.id"],
        name=op.f(f"fk_{table}_tenant_id_{column}"),
        ondelete=ondelete,
    )


def _choice(name: str, words: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=32)
