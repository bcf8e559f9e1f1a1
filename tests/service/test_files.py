"""Files from upload to knowledge: what becomes of each, what is read twice and what is not, and what passages repeat."""

import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import sqlalchemy as sa

from activities.embedding.nano import NanoEmbedder
from activities.ingestion.read_files import Room
from models.contracts.enums import EventType, FileStatus, IngestStatus
from models.repositories import events, ingest_files, knowledge, staging
from models.repositories.ingest_files import NewFile
from models.repositories.retrieval import CANDIDATES
from models.tables import chunk_bands
from models.tables import ingest_files as table
from runtime.database import Database
from tests.service.library import Library, open_library, page


@pytest.fixture(scope="module")
async def embedder() -> AsyncIterator[NanoEmbedder]:
    embedder = NanoEmbedder()
    yield embedder
    await embedder.close()


@pytest.fixture
async def library(database: Database, tenant: UUID, embedder: NanoEmbedder) -> Library:
    return await open_library(database, tenant, embedder)


def text(name: str, said: str, uri: str | None = None) -> NewFile:
    return NewFile(name=name, content=said.encode(), uri=uri)


def said_of(number: int) -> str:
    return f"Delivery to town {number} costs {100 * number} tenge and takes {number} days."


async def test_a_file_that_cannot_be_read_stops_no_other(library: Library) -> None:
    source, job = await library.upload(
        text("one.txt", said_of(1)),
        NewFile(name="empty.txt", content=b" \n"),
        NewFile(name="broken.pdf", content=b"%PDF-1.7\nno more than that"),
        NewFile(name="picture.png", content=b"\x89PNG\r\n\x1a\n\x00"),
        text("two.txt", said_of(2), uri="https://example.com/two"),
    )
    read = await library.read(source)
    assert (read.files, read.failed, read.remaining) == (5, 3, 0)
    await library.embed(source)
    assert (await library.publish(source)).documents == 2
    report = {file.name: file for file in await library.report(job)}
    assert {name: file.status.value for name, file in report.items()} == {
        "one.txt": "read", "empty.txt": "failed", "broken.pdf": "failed", "picture.png": "failed", "two.txt": "read",
    }  # fmt: skip
    assert {name: file.reason for name, file in report.items() if file.reason} == {
        "empty.txt": "empty", "broken.pdf": "damaged", "picture.png": "unsupported",
    }  # fmt: skip
    assert all(file.advice for file in report.values() if file.status is FileStatus.FAILED)
    one = report["one.txt"]
    assert (one.media_type, one.chunks, one.duplicates, one.characters) == ("text/plain", 1, 0, len(said_of(1)) + 1)
    assert await library.names() == {"one.txt": 1, "two.txt": 1}
    done = await library.job(job)
    assert (done.status, done.documents_total, done.documents_changed) == (IngestStatus.DONE, 5, 2)
    assert (done.files_total, done.files_done, done.files_failed) == (5, 5, 3)
    (found, *_) = await library.search("How long does delivery to town 2 take?")
    assert (found.title, found.uri) == ("two", "https://example.com/two")


async def test_the_bytes_go_when_the_file_is_settled(library: Library) -> None:
    source, _ = await library.upload(text("one.txt", said_of(1)), NewFile(name="empty.txt", content=b""))
    async with library.database.tenant(library.tenant) as tx:
        waiting = (await knowledge.held(tx)).bytes
    await library.read(source)
    async with library.database.tenant(library.tenant) as tx:
        kept = (await tx.connection.scalars(sa.select(table.c.content))).all()
        # The text that was read ends with its line.
        assert (await knowledge.held(tx)).bytes == waiting + 1 == len(said_of(1)) + 1
    assert kept == [None, None]


async def test_what_has_not_changed_is_not_read_again(library: Library) -> None:
    await library.add_files(text("one.txt", said_of(1)), text("two.txt", said_of(2)))
    again = await library.upload(text("one.txt", said_of(1)), text("two.txt", said_of(3)))
    before = {file.name: file.status for file in await library.report(again[1])}
    assert before == {"one.txt": FileStatus.UNCHANGED, "two.txt": FileStatus.QUEUED}
    assert (await library.read(again[0])).files == 1
    await library.embed(again[0])
    await library.publish(again[0])
    assert await library.names() == {"one.txt": 1, "two.txt": 2}
    (other_bytes,) = await library.add_files(text("one.txt", f"  {said_of(1)}\r\n\r\n"))
    assert other_bytes.status is FileStatus.UNCHANGED
    assert await library.names() == {"one.txt": 1, "two.txt": 2}


async def test_what_was_withdrawn_comes_back(library: Library) -> None:
    await library.add_files(text("one.txt", said_of(1)), text("two.txt", said_of(2)))
    source, _ = await library.stage(keep=["two.txt"])
    await library.split(source)
    await library.publish(source)
    assert await library.names() == {"two.txt": 1}
    (back,) = await library.add_files(text("one.txt", said_of(1)))
    assert back.status is FileStatus.READ
    assert (await library.names()).keys() == {"one.txt", "two.txt"}


async def test_a_newer_file_of_the_same_name_is_read_instead(library: Library) -> None:
    source, first = await library.upload(text("one.txt", said_of(1)), text("two.txt", said_of(2)))
    _, second = await library.upload(text("one.txt", said_of(3)))
    assert (await library.read(source)).files == 2
    await library.embed(source)
    await library.publish(source)
    skipped = {file.name: (file.status, file.reason) for file in await library.report(first)}
    assert skipped == {"one.txt": (FileStatus.SKIPPED, "superseded"), "two.txt": (FileStatus.READ, None)}
    assert [(await library.job(job)).status for job in (first, second)] == [IngestStatus.DONE] * 2
    (found, *_) = await library.search("How much is delivery to town 3?")
    assert found.text == said_of(3)


async def test_what_is_current_answers_until_all_that_came_with_it_is_ready(library: Library) -> None:
    await library.add_files(text("one.txt", said_of(1)), text("two.txt", said_of(2)))
    source, job = await library.upload(text("one.txt", said_of(11)), text("two.txt", said_of(12)))
    await library.read(source, limit=1)
    await library.embed(source)
    assert {found.text for found in await library.search("delivery")} == {said_of(1), said_of(2)}
    await library.read(source)
    await library.embed(source)
    assert {found.text for found in await library.search("delivery")} == {said_of(1), said_of(2)}
    await library.publish(source)
    assert {found.text for found in await library.search("delivery")} == {said_of(11), said_of(12)}
    assert (await library.job(job)).status is IngestStatus.DONE


async def test_a_job_is_not_done_before_its_files_are(library: Library) -> None:
    source, job = await library.upload(text("one.txt", said_of(1)))
    assert (await library.publish(source)).documents == 0
    assert (await library.job(job)).status is IngestStatus.QUEUED


async def test_a_file_for_which_there_is_no_room_is_reported(library: Library) -> None:
    source, job = await library.upload(*(text(f"{number}.txt", said_of(number)) for number in range(1, 5)))
    await library.read(source, Room(bytes=10_000, chunks=2))
    assert sorted(str(file.reason) for file in await library.report(job)) == ["None", "None", *["knowledge_full"] * 2]
    source, job = await library.upload(text("5.txt", said_of(5)))
    await library.read(source, Room(bytes=2 * len(said_of(5)), chunks=100))
    (refused,) = await library.report(job)
    assert refused.reason == "knowledge_full"


async def test_a_source_that_goes_takes_its_files_with_it(library: Library) -> None:
    source, job = await library.upload(text("one.txt", said_of(1)))
    async with library.database.tenant(library.tenant) as tx:
        assert await knowledge.delete_source(tx, source)
    assert (await library.read(source)).files == 0
    assert await library.report(job) == []


async def test_subscribers_hear_how_many_files_are_read_and_nothing_of_them(library: Library) -> None:
    await library.add_files(*(text(f"secret-{number}.txt", said_of(number)) for number in range(1, 5)))
    async with library.database.tenant(library.tenant) as tx:
        heard = [event.data for event in await events.after(tx, 0) if event.type is EventType.INGEST]
    assert [data["files"] for data in heard if "files" in data] == [1, 2, 3, 4]
    assert {data["files_total"] for data in heard if "files" in data} == {4}
    assert "secret" not in json.dumps(heard)


async def test_pages_of_a_report(library: Library) -> None:
    _, job = await library.upload(*(text(f"{number}.txt", said_of(number)) for number in range(5)))
    async with library.database.tenant(library.tenant) as tx:
        first = await ingest_files.page(tx, job, limit=2)
        rest = await ingest_files.page(tx, job, after=first[-1].id)
        none = await ingest_files.page(tx, job, status=FileStatus.FAILED)
    assert [file.name for file in (*first, *rest)] == [f"{number}.txt" for number in range(5)]
    assert none == []


# Passages that repeat one another --------------------------------------------------------------------

TERMS = " ".join(
    f"The company {verb} the customer about every {noun} of the order."
    for verb, noun in zip(
        "tells informs warns reminds asks notifies".split(), "step change delay part cost return".split(), strict=True
    )
)


async def test_what_a_document_says_twice_is_kept_once(library: Library) -> None:
    (report,) = await library.add_files(
        text("a.md", f"# Terms\n\n{said_of(1)}\n\n# Prices\n\nx\n\n# Terms\n\n{said_of(1)}")
    )
    assert (report.chunks, report.duplicates) == (2, 1)


async def test_what_many_documents_say_is_counted_and_found_once(library: Library) -> None:
    (first,) = await library.add_files(text("a.txt", TERMS))
    (same,) = await library.add_files(text("b.txt", TERMS.upper()), source="other")
    (nearly,) = await library.add_files(text("c.txt", f"{TERMS} Indeed."), source="third")
    (another,) = await library.add_files(text("d.txt", f"{TERMS} Call 1490."), source="fourth")
    assert [file.duplicates for file in (first, same, nearly, another)] == [0, 1, 1, 0]
    found = await library.search("What does the company tell the customer about a delay?")
    assert len(found) == 2


async def test_a_passage_is_found_when_the_one_that_it_repeats_is_gone(library: Library) -> None:
    source, _ = await library.upload(text("a.txt", TERMS))
    await library.read(source)
    await library.embed(source)
    await library.publish(source)
    await library.add_files(text("a.txt", TERMS), source="other")
    async with library.database.tenant(library.tenant) as tx:
        assert await knowledge.delete_source(tx, source)
    (found,) = await library.search("What does the company tell the customer about a delay?")
    assert found.text == TERMS


async def test_what_stands_on_every_page_does_not_hide_the_others(library: Library) -> None:
    first, *copies = (page(f"{number}.txt", TERMS, "Terms") for number in range(CANDIDATES + 5))
    await library.add(first)  # its vector is the copies' too
    await library.add(*copies, page("delay", "When a parcel is late we call the day before."))
    found = await library.search("What does the company tell the customer about a delay?")
    assert "delay" in [passage.title for passage in found]
    assert len(found) == 2


async def test_a_copy_costs_no_embedding(library: Library) -> None:
    await library.add_files(text("a.txt", said_of(1)))
    source, _ = await library.upload(text("a.txt", said_of(1)), source="other")
    await library.read(source)
    assert (await library.embed(source)).chunks == 0
    assert (await library.publish(source)).documents == 1


async def test_an_edit_is_no_repetition_of_what_it_replaces(library: Library) -> None:
    await library.add_files(text("a.txt", f"{TERMS}"))
    (edited,) = await library.add_files(text("a.txt", f"{TERMS} Indeed."))
    assert edited.duplicates == 0
    async with library.database.tenant(library.tenant) as tx:
        bands = await tx.connection.scalar(sa.select(sa.func.count()).select_from(chunk_bands))
    assert bands == 5, "those of the version before are gone"


async def test_texts_that_come_without_a_file_are_compared_too(library: Library) -> None:
    await library.add(page("a.md", TERMS))
    (report,) = await library.add_files(text("b.txt", TERMS), source="other")
    assert report.duplicates == 1


async def test_what_was_staged_last_wins_whatever_way_it_came(library: Library) -> None:
    await library.add_files(text("a.txt", said_of(1)))
    await library.add(page("a.txt", said_of(2)))
    async with library.database.tenant(library.tenant) as tx:
        source, job = await staging.open_job(tx, "help", None)
        status = await ingest_files.add(tx, source, job, text("a.txt", said_of(1)))
    assert status is FileStatus.QUEUED, "the bytes are those of an older version"
