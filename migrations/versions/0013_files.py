"""Files that come in, and what became of each; passages that say the same know it.

Revision: 0013, after: 0012
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from migrations.tenancy import confine

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

FIGURES = ("files_total", "files_done", "files_failed")


def upgrade() -> None:
    op.add_column("documents", sa.Column("file_hash", sa.Text(), nullable=True))
    op.add_column("chunks", sa.Column("likeness", sa.Text(), nullable=True))
    op.create_index("ix_chunks_content", "chunks", ["tenant_id", "content_hash"])
    op.create_index("ix_chunks_likeness", "chunks", ["tenant_id", "likeness"])
    for figure in FIGURES:
        op.add_column("ingest_jobs", sa.Column(figure, sa.Integer(), server_default="0", nullable=False))
    _create_files()
    _create_bands()
    for table in ("ingest_files", "chunk_bands"):
        confine(table)


def _stamps() -> list[sa.Column[object]]:
    return [
        sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
        for name in ("created_at", "updated_at")
    ]


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"
    )


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{other}.tenant_id", f"{other}.id"],
        name=op.f(f"fk_{table}_tenant_id_{column}"),
        ondelete="CASCADE",
    )


def _create_files() -> None:
    statuses = sa.Enum(
        *("queued", "read", "unchanged", "skipped", "failed"),
        name="status",
        native_enum=False,
        create_constraint=True,
        length=32,
    )
    op.create_table(
        "ingest_files",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        *_stamps(),
        sa.Column("job_id", sa.UUID(), nullable=False),
        sa.Column("source_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("status", statuses, server_default="queued", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("advice", sa.Text(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("characters", sa.Integer(), nullable=True),
        sa.Column("chunks", sa.Integer(), nullable=True),
        sa.Column("duplicates", sa.Integer(), nullable=True),
        sa.Column("notes", ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_ingest_files")),
        _of_tenant("ingest_files"),
        _refers("ingest_files", "job_id", "ingest_jobs"),
        _refers("ingest_files", "source_id", "sources"),
        sa.CheckConstraint(
            "(status = 'queued') = (content IS NOT NULL)", name=op.f("ck_ingest_files_content_while_queued")
        ),
    )
    # Most files are compressed already, and all are read once and dropped.
    op.execute("ALTER TABLE ingest_files ALTER COLUMN content SET STORAGE EXTERNAL")
    op.create_index("ix_ingest_files_job", "ingest_files", ["tenant_id", "job_id", "id"])
    op.create_index(
        "ix_ingest_files_queued",
        "ingest_files",
        ["tenant_id", "source_id", "id"],
        postgresql_where=sa.text("status = 'queued'"),
    )


def _create_bands() -> None:
    op.create_table(
        "chunk_bands",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("band", sa.BigInteger(), nullable=False),
        sa.Column("chunk_id", sa.UUID(), nullable=False),
        *_stamps(),
        sa.PrimaryKeyConstraint("tenant_id", "band", "chunk_id", name=op.f("pk_chunk_bands")),
        _of_tenant("chunk_bands"),
        _refers("chunk_bands", "chunk_id", "chunks"),
    )
    op.create_index("ix_chunk_bands_chunk", "chunk_bands", ["tenant_id", "chunk_id"])


def downgrade() -> None:
    op.drop_table("chunk_bands")
    op.drop_table("ingest_files")
    for figure in FIGURES:
        op.drop_column("ingest_jobs", figure)
    op.drop_index("ix_chunks_likeness", "chunks")
    op.drop_index("ix_chunks_content", "chunks")
    op.drop_column("chunks", "likeness")
    op.drop_column("documents", "file_hash")
