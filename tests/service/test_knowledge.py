"""Knowledge from upload to removal: versions, jobs, and what happens when two uploads or a failure meet."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import asyncpg
import pytest

from activities.embedding.nano import NanoEmbedder
from activities.embedding.port import Vector
from activities.ingestion.ingest import STORED_TOGETHER
from models.contracts.enums import EventType, IngestStatus, Language
from models.repositories import events, ingestion, knowledge
from runtime.database import Database
from runtime.embedded import Servers
from tests.service.library import Library, open_library, page


@pytest.fixture(scope="module")
async def embedder() -> AsyncIterator[NanoEmbedder]:
    embedder = NanoEmbedder()
    yield embedder
    await embedder.close()


@pytest.fixture
async def library(database: Database, tenant: UUID, embedder: NanoEmbedder) -> Library:
    return await open_library(database, tenant, embedder)


async def test_an_upload_becomes_knowledge(library: Library) -> None:
    source, job = await library.add(
        page("refunds.md", "# Refunds\n\nMoney is back within 14 days.\n\n# Exchange\n\nWe exchange sizes."),
        page("hours.md", "We are open from nine to six."),
    )
    assert await library.names() == {"refunds.md": 1, "hours.md": 1}
    done = await library.job(job)
    assert (done.status, done.documents_total, done.documents_changed) == (IngestStatus.DONE, 2, 2)
    assert (done.chunks_total, done.chunks_embedded) == (3, 3)
    async with library.database.tenant(library.tenant) as tx:
        (listed,) = await knowledge.list_sources(tx)
        heard = [event.data for event in await events.after(tx, 0) if event.type is EventType.INGEST]
    assert (listed.id, listed.documents, listed.chunks, listed.staged) == (source, 2, 3, 0)
    assert listed.last_job is not None
    assert listed.last_job.id == job
    assert [data["status"] for data in heard][:: len(heard) - 1] == ["queued", "done"]
    assert all(str(job) in data["job_ids"] for data in heard)
    assert "refunds" not in json.dumps(heard).lower()


async def test_a_job_shows_how_far_it_is_while_it_embeds(database: Database, tenant: UUID) -> None:
    seen: list[tuple[int, int]] = []

    class Watched(NanoEmbedder):
        async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
            now = await library.job(job)
            seen.append((now.chunks_embedded, now.chunks_total))
            return [[1.0] + [0.0] * 383 for _ in texts]

    library = await open_library(database, tenant, Watched())
    parts = 2 * STORED_TOGETHER + 3
    text = "\n\n".join(f"# Part {n}\n\nPart number {n} fits model {n * 7}." for n in range(parts))
    source, job = await library.stage(page("parts.md", text))
    await library.split(source)
    assert (await library.embed(source)).remaining == 0
    assert seen == [(0, parts), (STORED_TOGETHER, parts), (2 * STORED_TOGETHER, parts)]
    async with database.tenant(tenant) as tx:
        heard = [event.data["chunks"] for event in await events.after(tx, 0) if "chunks" in event.data]
    assert heard == [0, *(STORED_TOGETHER * n for n in (1, 2)), parts]


async def test_chunks_are_listed_in_order_and_say_their_language(library: Library) -> None:
    await library.add(
        page("faq.md", "# Оплата\n\nКак оплатить заказ картой?\n\n# Төлем\n\nТапсырысты қалай төлеуге болады?")
    )
    async with library.database.tenant(library.tenant) as tx:
        (document,) = await knowledge.list_documents(tx)
        found = await knowledge.list_chunks(tx, document.id)
        second = await knowledge.list_chunks(tx, document.id, after=0)
    assert [(chunk.ordinal, chunk.heading, chunk.language) for chunk in found] == [
        (0, "Оплата", Language.RU),
        (1, "Төлем", Language.KK),
    ]
    assert second == found[1:]


async def test_what_has_not_changed_is_not_staged_again(library: Library) -> None:
    await library.add(page("a.md", "One."), page("b.md", "Two."))
    _, job = await library.add(page("a.md", "One."), page("b.md", "Two, changed."))
    done = await library.job(job)
    assert (done.status, done.documents_total, done.documents_changed) == (IngestStatus.DONE, 2, 1)
    assert await library.names() == {"a.md": 1, "b.md": 2}


async def test_what_is_staged_and_not_yet_published_is_known_too(library: Library) -> None:
    source, _ = await library.stage(page("a.md", "One."))
    _, again = await library.stage(page("a.md", "One."))
    assert (await library.job(again)).documents_changed == 0
    await library.stage(page("a.md", "Two."))
    _, back = await library.stage(page("a.md", "One."))
    assert (await library.job(back)).documents_changed == 1
    await library.split(source)
    await library.embed(source)
    assert (await library.publish(source)).documents == 1
    (found,) = await library.search("one")
    assert found.text == "One."


async def test_an_edit_embeds_only_what_it_changed(library: Library) -> None:
    await library.add(page("a.md", "# One\n\nFirst.\n\n# Two\n\nSecond."))
    source, _ = await library.stage(page("a.md", "# One\n\nFirst.\n\n# Two\n\nSecond, edited."))
    await library.split(source)
    assert (await library.embed(source)).chunks == 1


async def test_uploads_at_once_agree_on_versions(library: Library) -> None:
    """Ten uploads of one new source, all with the same document and one of their own."""
    staged = await asyncio.gather(
        *(library.stage(page("shared.md", f"Text {n}."), page(f"own-{n}.md", f"Own {n}.")) for n in range(10))
    )
    (source,) = {source for source, _ in staged}
    await library.split(source)
    await library.embed(source)
    assert (await library.publish(source)).remaining == 0
    names = await library.names()
    assert set(names) == {"shared.md", *(f"own-{n}.md" for n in range(10))}
    assert names["shared.md"] == 10
    assert {(await library.job(job)).status for _, job in staged} == {IngestStatus.DONE}


async def test_a_reader_sees_one_version_never_both_or_none(library: Library) -> None:
    await library.add(page("a.md", "Delivery takes five days."))
    source, _ = await library.stage(page("a.md", "Delivery takes two days."))
    await library.split(source)
    await library.embed(source)

    async def seen() -> list[str]:
        return [passage.text for passage in await library.search("How long does delivery take?")]

    before = ["Delivery takes five days."]
    assert await seen() == before
    async with library.database.tenant(library.tenant) as tx:
        await ingestion.publish(tx, source, [library.space])
        assert await seen() == before
    assert await seen() == ["Delivery takes two days."]


async def test_an_archived_passage_can_still_be_quoted(library: Library) -> None:
    await library.add(page("a.md", "Old words."), page("b.md", "Other words."))
    old, other = await library.search("Old words")
    await library.add(page("a.md", "New words."))
    async with library.database.tenant(library.tenant) as tx:
        read = await knowledge.passages(tx, [other.chunk_id, UUID(int=0), old.chunk_id])
    assert [passage.text for passage in read] == ["Other words.", "Old words."]


async def test_a_late_upload_is_left_for_the_next_round(library: Library) -> None:
    source, first = await library.stage(page("a.md", "One."))
    await library.split(source)
    await library.embed(source)
    _, second = await library.stage(page("b.md", "Two."))
    published = await library.publish(source)
    assert (published.documents, published.remaining) == (1, 1)
    assert await library.names() == {"a.md": 1}
    assert (await library.job(second)).status is IngestStatus.QUEUED
    await library.split(source)
    await library.embed(source)
    assert (await library.publish(source)).remaining == 0
    assert {(await library.job(job)).status for job in (first, second)} == {IngestStatus.DONE}


async def test_a_failed_run_leaves_what_is_current_and_what_is_staged(library: Library) -> None:
    await library.add(page("a.md", "Old."))
    source, job = await library.stage(page("a.md", "New."))
    await library.split(source)
    await library.publish(source, error="RejectedError")
    failed = await library.job(job)
    assert (failed.status, failed.error) == (IngestStatus.FAILED, "RejectedError")
    assert [passage.text for passage in await library.search("old")] == ["Old."]
    # The next upload, even of the same, takes up what was left.
    _, again = await library.add(page("a.md", "New."))
    assert (await library.job(again)).status is IngestStatus.DONE
    assert [passage.text for passage in await library.search("new")] == ["New."]


async def test_documents_are_withdrawn_only_when_asked_and_with_the_job(library: Library) -> None:
    await library.add(page("kept.md", "Kept."), page("gone.md", "Gone."), page("edited.md", "Before."))
    await library.add(page("edited.md", "After."))
    assert set(await library.names()) == {"kept.md", "gone.md", "edited.md"}
    source, job = await library.stage(page("edited.md", "After."), keep=["kept.md"])
    assert (await library.job(job)).documents_changed == 1
    assert set(await library.names()) == {"kept.md", "gone.md", "edited.md"}
    await library.split(source)
    await library.embed(source)
    await library.publish(source)
    assert set(await library.names()) == {"kept.md", "edited.md"}
    assert all(passage.text != "Gone." for passage in await library.search("Gone"))
    await library.add(page("gone.md", "Back again."))
    assert (await library.names())["gone.md"] == 3


async def test_tags_stay_unless_given(library: Library) -> None:
    for tags, expected in ((["almaty", "vip"], ["almaty", "vip"]), (None, ["almaty", "vip"]), ([], [])):
        await library.stage(page("a.md", "One."), tags=tags)
        async with library.database.tenant(library.tenant) as tx:
            (source,) = await knowledge.list_sources(tx)
        assert source.tags == expected


async def test_bad_documents_are_refused_whole(library: Library) -> None:
    with pytest.raises(ValueError, match=r"documents\[1\].name: a.md is given twice"):
        await library.stage(page("a.md", "One."), page("a.md", "Two."))
    with pytest.raises(ValueError, match=r"documents\[1\].text: is blank"):
        await library.stage(page("a.md", "One."), page("b.md", " \n"))
    async with library.database.tenant(library.tenant) as tx:
        assert await knowledge.list_sources(tx) == []


async def test_removing_a_source_removes_all_of_it(library: Library, servers: Servers) -> None:
    await library.add(page("kept.md", "Kept."), source="kept")
    source, _ = await library.add(page("a.md", "One."), page("b.md", "Two."))
    await library.stage(page("a.md", "Staged."))
    async with library.database.tenant(library.tenant) as tx:
        assert await knowledge.delete_source(tx, source)
        assert not await knowledge.delete_source(tx, source)
    admin = await asyncpg.connect(servers.admin_database_url)
    try:
        left = {
            table: await admin.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", library.tenant)
            for table in ("sources", "documents", "chunks", "embeddings", "ingest_jobs")
        }
    finally:
        await admin.close()
    assert left == dict.fromkeys(left, 1)
    # A run that was under way finds nothing to do, and ends.
    assert (await library.split(source)).remaining == 0
    assert (await library.embed(source)).remaining == 0
    assert (await library.publish(source)).remaining == 0


async def test_pages_of_lists_join_without_gap_or_overlap(library: Library) -> None:
    source, _ = await library.stage(*(page(f"{n}.md", f"Page {n}.") for n in range(5)))
    await library.split(source)
    await library.embed(source)
    await library.publish(source)
    names: list[str] = []
    after = None
    async with library.database.tenant(library.tenant) as tx:
        while part := await knowledge.list_documents(tx, source=source, after=after, limit=2):
            names += [document.name for document in part]
            after = part[-1].id
        jobs = await knowledge.list_jobs(tx, source=source)
        assert await knowledge.list_jobs(tx, before=jobs[0].id) == []
    assert names == [f"{n}.md" for n in range(5)]
