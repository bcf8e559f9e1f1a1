"""What we know: sources, their documents by version, chunks, and vectors by embedding space."""

import sqlalchemy as sa
from pgvector.sqlalchemy import VECTOR
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR, UUID

from models.contracts.enums import IngestStatus, Language
from models.tables.base import choice, instant, metadata, reference, stamps, tenant_id, tenant_table, within_tenant

sources = tenant_table(
    "sources",
    Column("name", sa.Text, nullable=False),
    Column("tags", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    sa.UniqueConstraint("tenant_id", "name"),
)

documents = tenant_table(
    "documents",
    reference("source_id"),
    # What the source calls it (a path, a URL); versions of one document share it.
    Column("name", sa.Text, nullable=False),
    Column("title", sa.Text, nullable=False),
    Column("uri", sa.Text),
    # Null where nobody said it: each chunk's text tells.
    choice("language", Language, nullable=True),
    Column("media_type", sa.Text, nullable=False),
    # A version without a body withdraws the document when it is published.
    Column("body", sa.Text, nullable=False),
    Column("content_hash", sa.Text, nullable=False),
    # SHA-256 of the file that it was read from, in hex; null where it came as a text.
    Column("file_hash", sa.Text),
    Column("version", sa.Integer, nullable=False),
    # Null until the version is split.
    Column("chunk_count", sa.Integer),
    # Staged until its chunks are embedded; then it replaces the version before it in one transaction.
    Column("is_current", sa.Boolean, nullable=False, server_default=sa.false()),
    instant("archived_at"),
    within_tenant("source_id", "sources", ondelete="CASCADE"),
    sa.UniqueConstraint("tenant_id", "source_id", "name", "version"),
    sa.CheckConstraint("NOT is_current OR archived_at IS NULL", name="current_is_not_archived"),
    sa.Index(
        "uq_documents_current",
        "tenant_id",
        "source_id",
        "name",
        unique=True,
        postgresql_where=sa.text("is_current"),
    ),
)

chunks = tenant_table(
    "chunks",
    reference("document_id"),
    Column("ordinal", sa.Integer, nullable=False),
    Column("heading", sa.Text, nullable=False, server_default=""),
    Column("text", sa.Text, nullable=False),
    choice("language", Language),
    Column("content_hash", sa.Text, nullable=False),
    # Passages of a tenant that say the same, word for word or nearly, share it. Null in chunks from before it was kept.
    Column("likeness", sa.Text),
    Column("is_current", sa.Boolean, nullable=False, server_default=sa.false()),
    # Postgres has no Kazakh stemmer; `simple` still finds exact words there.
    Column(
        "words",
        TSVECTOR,
        sa.Computed(
            "CASE language "
            "WHEN 'en' THEN setweight(to_tsvector('english', heading), 'A') || to_tsvector('english', text) "
            "WHEN 'ru' THEN setweight(to_tsvector('russian', heading), 'A') || to_tsvector('russian', text) "
            "ELSE setweight(to_tsvector('simple', heading), 'A') || to_tsvector('simple', text) END",
            persisted=True,
        ),
    ),
    within_tenant("document_id", "documents", ondelete="CASCADE"),
    sa.UniqueConstraint("tenant_id", "document_id", "ordinal"),
    # Where the same passage has a vector already.
    sa.Index("ix_chunks_content", "tenant_id", "content_hash"),
    sa.Index("ix_chunks_likeness", "tenant_id", "likeness"),
    # Tells an exact search which vectors count, without reading the texts.
    sa.Index("ix_chunks_current", "tenant_id", "id", postgresql_where=sa.text("is_current")),
    sa.Index("ix_chunks_words", "words", postgresql_using="gin", postgresql_where=sa.text("is_current")),
)

embedding_spaces = Table(
    "embedding_spaces",
    metadata,
    Column("id", sa.SmallInteger, sa.Identity(always=True), primary_key=True),
    Column("provider", sa.Text, nullable=False),
    Column("model", sa.Text, nullable=False),
    Column("dimension", sa.Integer, nullable=False),
    *stamps(),
    sa.UniqueConstraint("provider", "model", "dimension"),
    sa.CheckConstraint("dimension BETWEEN 1 AND 4000", name="dimension_can_be_indexed"),
)

embeddings = Table(
    "embeddings",
    metadata,
    tenant_id(),
    # Before the space in the key, so that deleting a chunk finds its vectors by it.
    Column("chunk_id", UUID(as_uuid=True), primary_key=True),
    Column("space_id", sa.SmallInteger, sa.ForeignKey("embedding_spaces.id"), primary_key=True),
    # No dimension here: each space has its own, and its own HNSW index (see ensure_embedding_space).
    Column("embedding", VECTOR(), nullable=False),
    # How the text that was embedded is put together (EMBEDDED_TEXT_VERSION): a re-index replaces older ones.
    Column("version", sa.SmallInteger, nullable=False, server_default="1"),
    within_tenant("chunk_id", "chunks", ondelete="CASCADE"),
)

# The space that a tenant is searched in; without a row, that of the configured embedder.
tenant_spaces = Table(
    "tenant_spaces",
    metadata,
    tenant_id(),
    Column("space_id", sa.SmallInteger, sa.ForeignKey("embedding_spaces.id"), nullable=False),
    *stamps(),
)

reindexes = tenant_table(
    "reindexes",
    Column("workflow_id", sa.Text, nullable=False),
    # Where to; null until it has begun.
    Column("space_id", sa.SmallInteger, sa.ForeignKey("embedding_spaces.id")),
    choice("status", IngestStatus, default=IngestStatus.QUEUED),
    Column("chunks_total", sa.Integer, nullable=False, server_default="0"),
    Column("chunks_embedded", sa.Integer, nullable=False, server_default="0"),
    Column("error", sa.Text),
    # One at a time.
    sa.Index(
        "uq_reindexes_open", "tenant_id", unique=True, postgresql_where=sa.text("status IN ('queued', 'running')")
    ),
)

# Every word of letters that a source's chunks have, to find those like a mistyped or inflected one.
vocabulary = Table(
    "vocabulary",
    metadata,
    tenant_id(),
    Column("word", sa.Text, primary_key=True),
    Column("source_id", UUID(as_uuid=True), primary_key=True),
    within_tenant("source_id", "sources", ondelete="CASCADE"),
    sa.Index("ix_vocabulary_letters", "word", postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}),
)

ingest_jobs = tenant_table(
    "ingest_jobs",
    reference("source_id"),
    choice("status", IngestStatus, default=IngestStatus.QUEUED),
    Column("documents_total", sa.Integer, nullable=False, server_default="0"),
    Column("documents_changed", sa.Integer, nullable=False, server_default="0"),
    Column("chunks_total", sa.Integer, nullable=False, server_default="0"),
    Column("chunks_embedded", sa.Integer, nullable=False, server_default="0"),
    Column("files_total", sa.Integer, nullable=False, server_default="0"),
    # Those that are no longer queued, whatever became of them.
    Column("files_done", sa.Integer, nullable=False, server_default="0"),
    Column("files_failed", sa.Integer, nullable=False, server_default="0"),
    Column("error", sa.Text),
    within_tenant("source_id", "sources", ondelete="CASCADE"),
    sa.Index("ix_ingest_jobs_source", "tenant_id", "source_id", "id"),
)
