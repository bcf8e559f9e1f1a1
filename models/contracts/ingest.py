"""Knowledge in: a source's files become staged documents, those become chunks, vectors, and then the current version."""

from uuid import UUID

from models.contracts.base import Activity, Frozen, Signal, Workflow


class Ingested(Frozen):
    """What a run has published so far."""

    documents: int = 0
    chunks: int = 0


class IngestInput(Frozen):
    """`job_id` is the job that started the run; the run finishes every job of the source. `done` carries the
    totals across continue-as-new. `reads_files` is false where the release that started the run knew no files, so that
    its history replays."""

    tenant_id: UUID
    source_id: UUID
    job_id: UUID
    done: Ingested = Ingested()
    reads_files: bool = False


class DocumentsStaged(Frozen):
    """More was staged for a source whose run may be about to end. `reads_files` as in IngestInput: from here on."""

    job_id: UUID
    reads_files: bool = False


class ReadInput(Frozen):
    """Read the next files of a source, `limit` at a time: few, as nothing is embedded before the first are read."""

    tenant_id: UUID
    source_id: UUID
    limit: int = 4


class Read(Frozen):
    """`failed` is how many of `files` could not be read."""

    files: int
    failed: int
    remaining: int


class SplitInput(Frozen):
    """Split the next staged documents of a source, `limit` at a time."""

    tenant_id: UUID
    source_id: UUID
    limit: int = 50


class Split(Frozen):
    documents: int
    chunks: int
    remaining: int


class EmbedInput(Frozen):
    """Embed the next chunks of a source that have no vector yet, `limit` at a time."""

    tenant_id: UUID
    source_id: UUID
    limit: int = 128


class Embedded(Frozen):
    chunks: int
    remaining: int


class PublishInput(Frozen):
    tenant_id: UUID
    source_id: UUID
    error: str | None = None
    """Set when the run failed: the kind of failure, never text. Nothing is published then."""


class Published(Frozen):
    """`remaining` counts staged documents that are not ready: they came after the last split."""

    documents: int
    chunks: int
    remaining: int


class HandOverInput(Frozen):
    """Hand stored, unaccepted messages to their conversations, `limit` at a time."""

    after_seconds: int
    limit: int = 200


class HandedOver(Frozen):
    messages: int
    mails: int = 0
    lanes: int = 0


INGEST = Workflow("ingest", IngestInput, Ingested)
STAGED = Signal("documents_staged", DocumentsStaged)
READ = Activity("read_files", ReadInput, Read)
SPLIT = Activity("split_documents", SplitInput, Split)
EMBED = Activity("embed_chunks", EmbedInput, Embedded)
PUBLISH = Activity("publish_documents", PublishInput, Published)

RECONCILE = Workflow("reconcile", HandOverInput, HandedOver)
HAND_OVER = Activity("hand_over", HandOverInput, HandedOver)
