"""Knowledge in: a source's staged documents become chunks, vectors, and then the current version."""

from uuid import UUID

from models.contracts.base import Activity, Frozen, Workflow


class IngestInput(Frozen):
    tenant_id: UUID
    source_id: UUID
    job_id: UUID


class Ingested(Frozen):
    documents: int = 0
    unchanged: int = 0
    chunks: int = 0


class SplitInput(Frozen):
    """Split the next staged documents of a job, `limit` at a time."""

    tenant_id: UUID
    source_id: UUID
    job_id: UUID
    limit: int = 50


class Split(Frozen):
    documents: int
    unchanged: int
    chunks: int
    remaining: int


class EmbedInput(Frozen):
    """Embed the next chunks that have no vector yet, `limit` at a time."""

    tenant_id: UUID
    source_id: UUID
    job_id: UUID
    limit: int = 64


class Embedded(Frozen):
    chunks: int
    remaining: int


class PublishInput(Frozen):
    tenant_id: UUID
    source_id: UUID
    job_id: UUID
    error: str | None = None
    """Set when the job failed: the kind of failure, never text."""


class HandOverInput(Frozen):
    """Hand stored, unaccepted messages to their conversations, `limit` at a time."""

    after_seconds: int
    limit: int = 200


class HandedOver(Frozen):
    messages: int


INGEST = Workflow("ingest", IngestInput, Ingested)
SPLIT = Activity("split_documents", SplitInput, Split)
EMBED = Activity("embed_chunks", EmbedInput, Embedded)
PUBLISH = Activity("publish_documents", PublishInput, Ingested)

RECONCILE = Workflow("reconcile", HandOverInput, HandedOver)
HAND_OVER = Activity("hand_over", HandOverInput, HandedOver)
