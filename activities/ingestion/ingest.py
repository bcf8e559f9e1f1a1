"""The steps of ingestion: split staged documents, embed what has no vector, publish what is complete.

What is done shows in the rows, so a step that died anywhere simply goes on: at most the batch at hand is done again.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.embedding.port import Vector
from activities.embedding.spaces import Spaces
from activities.ingestion import chunking
from activities.ingestion.splitting import Chunk, Markup
from activities.provider.errors import ProviderError
from models.contracts.ingest import (
    EMBED,
    PUBLISH,
    SPLIT,
    Embedded,
    EmbedInput,
    Published,
    PublishInput,
    Split,
    SplitInput,
)
from models.repositories import ingestion
from models.repositories.ingestion import Unembedded
from models.repositories.knowledge import MARKDOWN
from runtime.database import Database
from runtime.outages import is_outage

log = structlog.get_logger(__name__)

STORED_TOGETHER = 16
"""Chunks embedded between two commits: what a killed worker loses, one or two seconds' work."""
GIVE_UP_AFTER = 5
"""Attempts at a step that is broken here before the job is failed. Outages are waited out for ever."""


class Ingest:
    """Holds what the steps need."""

    def __init__(self, database: Database, spaces: Spaces):
        self._database = database
        self._spaces = spaces

    @activity.defn(name=SPLIT.name)
    async def split_documents(self, given: SplitInput) -> Split:
        """See SplitInput."""
        with classified():
            return await split_documents(self._database, self._spaces, given, activity.heartbeat)

    @activity.defn(name=EMBED.name)
    async def embed_chunks(self, given: EmbedInput) -> Embedded:
        """See EmbedInput."""
        with classified():
            return await embed_chunks(self._database, self._spaces, given, activity.heartbeat)

    @activity.defn(name=PUBLISH.name)
    async def publish_documents(self, given: PublishInput) -> Published:
        """See PublishInput."""
        with classified():
            return await publish_documents(self._database, self._spaces, given)


async def split_documents(database: Database, spaces: Spaces, given: SplitInput, beat: Callable[[], None]) -> Split:
    """One transaction a document: a document has all its chunks or none."""
    done = written = 0
    while done < given.limit:
        async with database.tenant(given.tenant_id) as tx:
            document = await ingestion.next_unsplit(tx, given.source_id)
            if document is None:
                break
            markup: Markup = "markdown" if document.media_type == MARKDOWN else "text"
            pieces = await asyncio.to_thread(chunking.cut, document.text, markup, document.language)
            chunks = await chunking.write(tx, document.id, pieces)
        done += 1
        written += chunks.chunks
        beat()
    async with database.tenant(given.tenant_id) as tx:
        remaining = await ingestion.count_unsplit(tx, given.source_id)
        await ingestion.report_progress(tx, given.source_id, await spaces.wanted(tx))
    return Split(documents=done, chunks=written, remaining=remaining)


async def embed_chunks(database: Database, spaces: Spaces, given: EmbedInput, beat: Callable[[], None]) -> Embedded:
    """Space by space: of two, while the tenant changes from one to the other.

    Counting takes as long as the source is large, so it is done twice, and in between what is embedded is added.
    """
    done = 0
    async with database.tenant(given.tenant_id) as tx:
        wanted = await spaces.wanted(tx)
        await ingestion.report_progress(tx, given.source_id, wanted)
    for space in wanted:
        after = None
        while batch := await _next_batch(database, space, given, given.limit - done, after):
            vectors = await embedded(spaces, space, batch)
            async with database.tenant(given.tenant_id) as tx:
                await ingestion.put_vectors(tx, space, vectors)
                # A chunk counts when it is in every space.
                if space == wanted[-1]:
                    await ingestion.advance(tx, given.source_id, len(batch))
            done += len(batch)
            after = batch[-1].id
            beat()
    async with database.tenant(given.tenant_id) as tx:
        remaining = await ingestion.report_progress(tx, given.source_id, wanted)
    return Embedded(chunks=done, remaining=remaining)


async def _next_batch(
    database: Database, space: int, given: EmbedInput, limit: int, after: UUID | None
) -> list[Unembedded]:
    if limit <= 0:
        return []
    async with database.tenant(given.tenant_id) as tx:
        return await ingestion.unembedded(tx, given.source_id, space, min(STORED_TOGETHER, limit), after=after)


async def embedded(spaces: Spaces, space: int, batch: Sequence[Unembedded]) -> list[tuple[UUID, Vector]]:
    """The vectors of some chunks, by chunk id. No transaction may be open while the model works."""
    vectors = await spaces.by_id[space].embed_passages(
        [Chunk(chunk.ordinal, chunk.heading, chunk.text).embedded_text(chunk.title) for chunk in batch]
    )
    return [(chunk.id, vector) for chunk, vector in zip(batch, vectors, strict=True)]


async def publish_documents(database: Database, spaces: Spaces, given: PublishInput) -> Published:
    async with database.tenant(given.tenant_id) as tx:
        if given.error is None:
            return await ingestion.publish(tx, given.source_id, await spaces.wanted(tx))
        await ingestion.fail(tx, given.source_id, given.error)
    return Published(documents=0, chunks=0, remaining=0)


@contextmanager
def classified() -> Iterator[None]:
    """Turn every failure into one that says its kind and no more: messages of databases and providers may quote
    what they were given, and workflow history keeps what activities raise."""
    try:
        yield
    except ProviderError as error:
        log.warning("provider failed", cause=type(error).__name__)
        raise ApplicationError(
            str(error),
            type=type(error).__name__,
            non_retryable=not error.retryable,
            next_retry_delay=None if error.retry_after is None else timedelta(seconds=error.retry_after),
        ) from None
    except Exception as error:
        log.warning("ingest step failed", exc_info=True)
        final = not is_outage(error) and activity.info().attempt >= GIVE_UP_AFTER
        raise ApplicationError(
            "the step failed; the worker's log says where", type=type(error).__name__, non_retryable=final
        ) from None
