"""Files on their way into knowledge, and what tells that passages repeat one another."""

import sqlalchemy as sa
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from models.contracts.enums import FileStatus, Language
from models.tables.base import choice, metadata, reference, stamps, tenant_id, tenant_table, within_tenant

# A file on its way into knowledge, and the report of what became of it.
ingest_files = tenant_table(
    "ingest_files",
    reference("job_id"),
    reference("source_id"),
    # That of the document which it becomes.
    Column("name", sa.Text, nullable=False),
    Column("uri", sa.Text),
    # Where its owner has said it.
    choice("language", Language, nullable=True),
    Column("size", sa.BigInteger, nullable=False),
    Column("sha256", sa.Text, nullable=False),
    # Its bytes, as long as it is queued.
    Column("content", sa.LargeBinary),
    choice("status", FileStatus, default=FileStatus.QUEUED),
    # Why it was skipped or failed, in one word that stays the same, and in a sentence for its owner.
    Column("reason", sa.Text),
    Column("advice", sa.Text),
    Column("media_type", sa.Text),
    Column("pages", sa.Integer),
    Column("characters", sa.Integer),
    Column("chunks", sa.Integer),
    # Of its chunks, those that other passages of the tenant say too, word for word or nearly.
    Column("duplicates", sa.Integer),
    # What of it is not in its text.
    Column("notes", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    within_tenant("job_id", "ingest_jobs", ondelete="CASCADE"),
    within_tenant("source_id", "sources", ondelete="CASCADE"),
    sa.CheckConstraint("(status = 'queued') = (content IS NOT NULL)", name="content_while_queued"),
    sa.Index("ix_ingest_files_job", "tenant_id", "job_id", "id"),
    sa.Index("ix_ingest_files_queued", "tenant_id", "source_id", "id", postgresql_where=sa.text("status = 'queued'")),
)

# Numbers of a chunk, of which texts that are nearly the same share one at least (see activities/ingestion/likeness.py).
chunk_bands = Table(
    "chunk_bands",
    metadata,
    tenant_id(),
    Column("band", sa.BigInteger, primary_key=True),
    Column("chunk_id", UUID(as_uuid=True), primary_key=True),
    *stamps(),
    within_tenant("chunk_id", "chunks", ondelete="CASCADE"),
    sa.Index("ix_chunk_bands_chunk", "tenant_id", "chunk_id"),
)
