"""A tenant moves to another embedding space: nothing is lost on the way, and no search fails or mixes two spaces."""

import asyncio
from collections.abc import Sequence
from hashlib import blake2b
from uuid import UUID

import pytest
import sqlalchemy as sa

from activities.embedding.port import EmbeddingSpace, Vector
from activities.ingestion.reindex import fill_space
from activities.retrieval.retrieve import Retriever
from models.contracts.enums import IngestStatus
from models.contracts.reindex import FillInput
from models.repositories import reindexing, spaces
from runtime.database import Database
from runtime.ids import new_id
from tests.service.conftest import new_tenant
from tests.service.library import Library, open_library, page


class Hashed:
    """A model at the far end: words to places of a vector, the same for the same word. It tells its passages apart by
    words, so a vector of another space finds nothing right."""

    def __init__(self, model: str, dimension: int) -> None:
        self.space = EmbeddingSpace("test", model, dimension)
        self.passages: list[str] = []
        self.asked = 0

    async def warm(self) -> None: ...

    async def embed_query(self, text: str) -> Vector:
        self.asked += 1
        return self._vector(text)

    async def embed_queries(self, texts: Sequence[str]) -> list[Vector]:
        return [self._vector(text) for text in texts]

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        self.passages += texts
        return [self._vector(text) for text in texts]

    async def close(self) -> None: ...

    def _vector(self, text: str) -> Vector:
        vector = [1e-3] * self.space.dimension
        for word in text.lower().split():
            seed = blake2b(f"{self.space.model} {word}".encode(), digest_size=4).digest()
            vector[int.from_bytes(seed, "big") % self.space.dimension] += 1.0
        length = sum(value * value for value in vector) ** 0.5
        return [value / length for value in vector]


@pytest.fixture
async def moving(database: Database, tenant: UUID) -> tuple[Library, Library]:
    """One tenant's knowledge as processes with the old model alone see it, and as those with both do."""
    old, new = Hashed("old", 64), Hashed("new", 96)
    return await open_library(database, tenant, old), await open_library(database, tenant, old, new)


async def begin(library: Library) -> UUID:
    async with library.database.tenant(library.tenant) as tx:
        wanted = new_id()
        found, _ = await reindexing.request(tx, f"reindex/{library.tenant}/{wanted}", wanted)
        assert await reindexing.begin(tx, found, library.spaces.target)
    return found


async def fill(library: Library, reindex: UUID, limit: int = 10_000) -> None:
    after = None
    while True:
        given = FillInput(tenant_id=library.tenant, reindex_id=reindex, after=after, limit=limit)
        after = (await fill_space(library.database, library.spaces, given)).after
        if after is None:
            return


async def switch(library: Library, reindex: UUID) -> int:
    async with library.database.tenant(library.tenant) as tx:
        return await reindexing.switch(tx, reindex)


async def drop(library: Library) -> int:
    async with library.database.tenant(library.tenant) as tx:
        return await reindexing.drop_vectors(tx, 10_000)


async def vectors(library: Library) -> dict[int, int]:
    """How many there are, by space."""
    async with library.database.tenant(library.tenant) as tx:
        rows = await tx.connection.execute(sa.text("SELECT space_id, count(*) FROM embeddings GROUP BY space_id"))
        return {row[0]: row[1] for row in rows}


async def test_a_tenant_moves_and_its_old_vectors_go(moving: tuple[Library, Library]) -> None:
    before, both = moving
    await before.add(*(page(f"{n}.md", f"Article number {n} costs {n * 7} tenge.") for n in range(40)))
    assert await vectors(both) == {both.spaces.usual: 40}
    reindex = await begin(both)
    await fill(both, reindex, limit=16)
    assert await vectors(both) == {both.spaces.usual: 40, both.spaces.target: 40}
    assert await switch(both, reindex) == 0
    async with both.database.tenant(both.tenant) as tx:
        assert await spaces.active(tx) == both.spaces.target
        job = await reindexing.get(tx, reindex)
    assert job is not None
    assert (job.status, job.space, job.chunks_total, job.chunks_embedded) == (IngestStatus.DONE, "test/new/96", 40, 40)
    assert await drop(both) == 40
    assert await vectors(both) == {both.spaces.target: 40}
    assert await drop(both) == 0


async def test_what_comes_meanwhile_gets_both_and_a_late_one_holds_up_the_switch(
    moving: tuple[Library, Library],
) -> None:
    before, both = moving
    await before.add(page("a.md", "Apples are red."))
    reindex = await begin(both)
    await fill(both, reindex)
    await both.add(page("b.md", "Bananas are yellow."))
    assert await vectors(both) == {both.spaces.usual: 2, both.spaces.target: 2}
    # A worker of the release before knows nothing of the new space.
    await before.add(page("c.md", "Cherries are dark."))
    assert await switch(both, reindex) == 1
    async with both.database.tenant(both.tenant) as tx:
        assert await spaces.active(tx) == both.spaces.usual
    await fill(both, reindex)
    assert await switch(both, reindex) == 0


async def test_a_publication_that_began_before_is_complete_after_the_switch(moving: tuple[Library, Library]) -> None:
    before, both = moving
    await before.add(page("a.md", "Apples are red."))
    source, _ = await before.stage(page("b.md", "Bananas are yellow."))
    await before.split(source)
    await before.embed(source)
    reindex = await begin(both)
    # Embedded where the tenant is, and not where it goes to: shown when it is in both.
    published = await both.publish(source)
    assert (published.documents, published.remaining) == (0, 1)
    await fill(both, reindex)
    assert await switch(both, reindex) == 0
    published = await both.publish(source)
    assert (published.documents, published.remaining) == (0, 1)
    await both.embed(source)
    assert (await both.publish(source)).documents == 1


async def test_a_killed_walk_goes_on_and_embeds_nothing_twice(moving: tuple[Library, Library]) -> None:
    before, both = moving
    await before.add(*(page(f"{n}.md", f"Article number {n}.") for n in range(40)))
    reindex = await begin(both)
    given = FillInput(tenant_id=both.tenant, reindex_id=reindex, limit=16)
    await fill_space(both.database, both.spaces, given)
    # As if its worker had died without a heartbeat: from the beginning.
    await fill(both, reindex)
    new = both.spaces.by_id[both.spaces.target]
    assert isinstance(new, Hashed)
    assert len(new.passages) == len(set(new.passages)) == 40
    assert await switch(both, reindex) == 0


async def test_one_reindex_at_a_time_and_a_failed_one_leaves_everything(moving: tuple[Library, Library]) -> None:
    before, both = moving
    await before.add(page("a.md", "Apples are red."))
    reindex = await begin(both)
    async with both.database.tenant(both.tenant) as tx:
        assert await reindexing.request(tx, "reindex/other") == (reindex, False)
        await reindexing.fail(tx, reindex, "OverloadedError")
        assert await spaces.active(tx) == both.spaces.usual
        job = await reindexing.get(tx, reindex)
        assert job is not None
        assert (job.status, job.error) == (IngestStatus.FAILED, "OverloadedError")
    assert await switch(both, reindex) == 0
    async with both.database.tenant(both.tenant) as tx:
        assert await spaces.active(tx) == both.spaces.usual
        again, ours = await reindexing.request(tx, "reindex/other")
    assert (again != reindex, ours) == (True, True)


async def test_without_a_next_model_only_what_is_missing_or_older_is_embedded(database: Database) -> None:
    library = await open_library(database, await new_tenant(database), Hashed("old", 64))
    await library.add(page("a.md", "Apples."), page("b.md", "Bananas."), page("c.md", "Cherries."))
    async with database.tenant(library.tenant) as tx:
        await tx.connection.execute(
            sa.text("UPDATE embeddings e SET version = 0 FROM chunks c WHERE c.id = e.chunk_id AND c.text = 'Apples.'")
        )
        await tx.connection.execute(
            sa.text("DELETE FROM embeddings e USING chunks c WHERE c.id = e.chunk_id AND c.text = 'Bananas.'")
        )
    embedder = library.embedder
    assert isinstance(embedder, Hashed)
    embedder.passages.clear()
    reindex = await begin(library)
    await fill(library, reindex)
    assert sorted(text.splitlines()[-1] for text in embedder.passages) == ["Apples.", "Bananas."]
    assert await switch(library, reindex) == 0
    assert await drop(library) == 0


async def test_searches_go_on_through_the_switch_and_ask_the_right_model(moving: tuple[Library, Library]) -> None:
    before, both = moving
    texts = [f"thing{n} stuff{n}" for n in range(30)]
    await before.add(*(page(f"{n}.md", text) for n, text in enumerate(texts)))
    retriever = Retriever(both.database, both.spaces)
    reindex = await begin(both)
    moved = asyncio.Event()
    searched = [0, 0]

    async def ask(number: int) -> None:
        while True:
            # Read before the search: what it finds is of then or later.
            after = moved.is_set()
            text = texts[number % len(texts)]
            found = await retriever.find(both.tenant, text, None, outgoing=text)
            assert found.passages[0].text == text
            # Of the space that was searched: a vector of the other one would be nowhere near.
            assert found.passages[0].similarity > 0.4
            searched[after] += 1
            if after and searched[1] >= 20:
                return

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(ask(number * 7))
        await fill(both, reindex)
        assert await switch(both, reindex) == 0
        moved.set()
    assert await drop(both) == 30
    new = both.spaces.by_id[both.spaces.target]
    assert isinstance(new, Hashed)
    assert min(searched) > 0
    assert new.asked >= 20


async def test_a_space_without_its_model_leaves_the_words(moving: tuple[Library, Library]) -> None:
    """Processes that do not know the new model find by words what they cannot find by meaning."""
    before, both = moving
    await before.add(page("a.md", "Apples are red."), page("b.md", "Bananas are yellow."))
    reindex = await begin(both)
    await fill(both, reindex)
    await switch(both, reindex)
    await drop(both)
    found = await Retriever(before.database, before.spaces).find(before.tenant, "bananas", None, outgoing="bananas")
    assert [passage.text for passage in found.passages] == ["Bananas are yellow."]
