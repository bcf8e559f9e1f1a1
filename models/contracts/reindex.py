"""A tenant's vectors made anew: in another embedding space beside the old one, or the same one brought up to date."""

from uuid import UUID

from models.contracts.base import Activity, Frozen, Workflow

EMBEDDED_TEXT_VERSION = 1
"""Of how a chunk's embedded text is put together (`Chunk.embedded_text`). Raise it with that: the next re-index
replaces what was embedded before."""


class ReindexInput(Frozen):
    """`reindex_id` None: a schedule asks, and the run makes its own record. `after` is carried
    across continue-as-new: where the walk over the chunks goes on."""

    tenant_id: UUID
    reindex_id: UUID | None = None
    after: UUID | None = None


class Reindexed(Frozen):
    """`reindex_id` None: another re-index of the tenant was under way."""

    reindex_id: UUID | None = None
    dropped: int = 0


class BeginReindexInput(Frozen):
    tenant_id: UUID
    reindex_id: UUID | None = None


class Begun(Frozen):
    """`reindex_id` None: another one is under way, or this one was ended."""

    reindex_id: UUID | None = None


class FillInput(Frozen):
    """Embed the current chunks after `after` that lack a vector in the target space, `limit` at most."""

    tenant_id: UUID
    reindex_id: UUID
    after: UUID | None = None
    limit: int = 256


class Filled(Frozen):
    """`after` is the last chunk that was looked at; None: there is none after it."""

    chunks: int
    after: UUID | None = None


class SwitchInput(Frozen):
    """Make the target space the tenant's, if it is complete. `error` ends the re-index instead: the kind of failure."""

    tenant_id: UUID
    reindex_id: UUID
    error: str | None = None


class Switched(Frozen):
    """`missing` counts chunks that came meanwhile and have no vector there; only 0 is a switch."""

    missing: int = 0


class DropInput(Frozen):
    """Delete vectors of spaces in which the tenant is not searched (any more), `limit` at a time."""

    tenant_id: UUID
    limit: int = 2_000


class Dropped(Frozen):
    vectors: int


REINDEX = Workflow("reindex", ReindexInput, Reindexed)
BEGIN_REINDEX = Activity("begin_reindex", BeginReindexInput, Begun)
FILL_SPACE = Activity("fill_space", FillInput, Filled)
SWITCH_SPACE = Activity("switch_space", SwitchInput, Switched)
DROP_VECTORS = Activity("drop_vectors", DropInput, Dropped)
