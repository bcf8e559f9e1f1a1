"""The steps of a re-index: fill the target space beside the one that is searched, switch when it is complete, drop the
old vectors. Documents that come meanwhile get vectors in both (see `Spaces.wanted`)."""

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.embedding.spaces import Spaces
from activities.ingestion.ingest import STORED_TOGETHER, classified, embedded
from models.contracts.reindex import (
    BEGIN_REINDEX,
    DROP_VECTORS,
    FILL_SPACE,
    SWITCH_SPACE,
    BeginReindexInput,
    Begun,
    DropInput,
    Dropped,
    Filled,
    FillInput,
    Switched,
    SwitchInput,
)
from models.repositories import ingestion, reindexing
from models.repositories.spaces import target
from runtime.database import Database


class ReindexSteps:
    """Holds what the steps need."""

    def __init__(self, database: Database, spaces: Spaces):
        self._database = database
        self._spaces = spaces

    @activity.defn(name=BEGIN_REINDEX.name)
    async def begin_reindex(self, given: BeginReindexInput) -> Begun:
        """Aim the re-index at the target space; a schedule's makes its record first, unless another one is open."""
        with classified():
            async with self._database.tenant(given.tenant_id) as tx:
                wanted = given.reindex_id
                if wanted is None:
                    wanted, ours = await reindexing.request(tx, activity.info().workflow_id or "")
                    if not ours:
                        return Begun()
                return Begun(reindex_id=wanted if await reindexing.begin(tx, wanted, self._spaces.target) else None)

    @activity.defn(name=FILL_SPACE.name)
    async def fill_space(self, given: FillInput) -> Filled:
        """See FillInput. Whoever takes over from a killed worker passes by what has its vector."""
        with classified():
            return await fill_space(self._database, self._spaces, given)

    @activity.defn(name=SWITCH_SPACE.name)
    async def switch_space(self, given: SwitchInput) -> Switched:
        """See SwitchInput."""
        with classified():
            async with self._database.tenant(given.tenant_id) as tx:
                if given.error is None:
                    return Switched(missing=await reindexing.switch(tx, given.reindex_id))
                await reindexing.fail(tx, given.reindex_id, given.error)
            return Switched()

    @activity.defn(name=DROP_VECTORS.name)
    async def drop_vectors(self, given: DropInput) -> Dropped:
        """See DropInput."""
        with classified():
            async with self._database.tenant(given.tenant_id) as tx:
                return Dropped(vectors=await reindexing.drop_vectors(tx, given.limit))


async def fill_space(database: Database, spaces: Spaces, given: FillInput) -> Filled:
    """The record says which space: a worker that was started with other settings must not mix two."""
    async with database.tenant(given.tenant_id) as tx:
        space = await target(tx)
    if space is None:
        return Filled(chunks=0)
    if space not in spaces.by_id:
        raise ApplicationError(
            "the embedder of the space to fill is not configured here", type="UnknownSpace", non_retryable=True
        )
    after, done, looked = given.after, 0, 0
    while looked < given.limit:
        async with database.tenant(given.tenant_id) as tx:
            batch, last = await reindexing.chunks_after(tx, after, space, STORED_TOGETHER)
        if last is None:
            return Filled(chunks=done)
        if batch:
            vectors = await embedded(spaces, space, batch)
            async with database.tenant(given.tenant_id) as tx:
                await ingestion.put_vectors(tx, space, vectors)
                await reindexing.report(tx, given.reindex_id, len(batch))
            done += len(batch)
        after = last
        looked += STORED_TOGETHER
    return Filled(chunks=done, after=after)
