"""Keys of the media store under which nothing is to be kept."""

import sqlalchemy as sa
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import UUID

from models.tables.base import instant, metadata, stamps

# A key is here from before its file is written until a row of `attachments` says that it is wanted, and again from when
# that row is gone (a trigger) until the file is. No foreign key: files are deleted after their tenant too.
media_garbage = Table(
    "media_garbage",
    metadata,
    Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    # The key is `<tenant_id>/<id>`.
    Column("id", UUID(as_uuid=True), primary_key=True),
    *stamps(),
    instant("due_at", nullable=False),
    sa.Index("ix_media_garbage_due", "due_at"),
)
