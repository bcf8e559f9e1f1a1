"""The first step of ingestion: files become staged documents with their chunks, a few at a time, and a report.

Each file is read in a process of its own, which may die (see activities/reading), and settled in one transaction:
its document, its chunks, its line in the report and the end of its bytes. What is done shows in the rows, so a step
that died goes on with the files at hand. A file that cannot be read holds up no other.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

import structlog
from temporalio import activity

from activities.ingestion import chunking
from activities.ingestion.beating import beating
from activities.ingestion.chunking import Cut
from activities.ingestion.ingest import classified
from activities.reading.port import Reader, Reading, UnreadableError
from models.contracts.enums import FileStatus
from models.contracts.ingest import READ, Read, ReadInput
from models.documents import TITLE_CHARACTERS, title_of
from models.repositories import ingest_files, knowledge, staging
from models.repositories.ingest_files import Outcome, Unread
from models.repositories.staging import StagedDocument
from runtime.characters import beginning
from runtime.database import Database, TenantTx
from runtime.outages import is_outage

log = structlog.get_logger(__name__)

AT_ONCE = 2
"""Files in memory, and processes that read."""
KNOWLEDGE_FULL = "knowledge_full"
FULL = "The tenant's knowledge has no room for what the file says. Remove a source, or ask the operator for more."
DEFECTIVE = Outcome(
    FileStatus.FAILED, reason="defect", advice="Reading it failed here; the worker's log says more to the operator."
)


@dataclass(frozen=True, slots=True)
class Room:
    """What a tenant's knowledge may have: bytes of text, and chunks."""

    bytes: int
    chunks: int


class ReadFiles:
    """Holds what the step needs."""

    def __init__(self, database: Database, reader: Reader, room: Room):
        self._database = database
        self._reader = reader
        self._room = room

    @activity.defn(name=READ.name)
    async def read_files(self, given: ReadInput) -> Read:
        """See ReadInput."""
        with classified():
            return await read_files(self._database, self._reader, self._room, given, activity.heartbeat)


async def read_files(
    database: Database, reader: Reader, room: Room, given: ReadInput, beat: Callable[[], None]
) -> Read:
    done = failed = 0
    while done < given.limit:
        async with database.tenant(given.tenant_id) as tx:
            files = await ingest_files.next_unread(tx, given.source_id, min(AT_ONCE, given.limit - done))
        if not files:
            break
        outcomes = await asyncio.gather(*(_take_in(database, reader, room, given, file, beat) for file in files))
        done += len(outcomes)
        failed += sum(outcome.status is FileStatus.FAILED for outcome in outcomes)
        beat()
    async with database.tenant(given.tenant_id) as tx:
        remaining = await ingest_files.count_unread(tx, given.source_id)
    return Read(files=done, failed=failed, remaining=remaining)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a file says, cut into chunks."""

    reading: Reading
    pieces: list[Cut]


async def _take_in(
    database: Database, reader: Reader, room: Room, given: ReadInput, file: Unread, beat: Callable[[], None]
) -> Outcome:
    found = await _read(reader, file, beat)
    try:
        return await _settle(database, room, given, file, found)
    except Exception as error:
        if is_outage(error):
            raise
        _log(file, error)
        return await _settle(database, room, given, file, DEFECTIVE)


async def _read(reader: Reader, file: Unread, beat: Callable[[], None]) -> _Said | Outcome:
    try:
        reading = await beating(reader.read(file.content, file.name), beat)
        return _Said(reading, await asyncio.to_thread(chunking.cut, reading.text, "markdown", file.language))
    except UnreadableError as error:
        return Outcome(FileStatus.FAILED, reason=error.reason.value, advice=str(error))
    except Exception as error:  # noqa: BLE001  # whatever it is, the files behind this one are read
        _log(file, error)
        return DEFECTIVE


def _log(file: Unread, error: Exception) -> None:
    """The kind alone: messages may quote the file."""
    log.warning("file_not_taken_in", file_id=str(file.id), cause=type(error).__name__)


async def _settle(database: Database, room: Room, given: ReadInput, file: Unread, found: _Said | Outcome) -> Outcome:
    """Write what became of a file, unless that is done or nobody wants to know any more."""
    async with database.tenant(given.tenant_id) as tx:
        if not await staging.lock(tx, given.source_id) or not await ingest_files.claim(tx, file.id):
            return Outcome(FileStatus.SKIPPED)
        outcome = found if isinstance(found, Outcome) else await _stage(tx, room, given.source_id, file, found)
        await ingest_files.settle(tx, file.id, outcome)
    return outcome


async def _stage(tx: TenantTx, room: Room, source: UUID, file: Unread, said: _Said) -> Outcome:
    reading = said.reading
    report = Outcome(
        FileStatus.UNCHANGED,
        media_type=reading.media_type,
        pages=reading.pages,
        characters=len(reading.text),
        notes=reading.notes,
    )
    held = await knowledge.held(tx)
    # The file itself is among what is held, and goes.
    size = held.bytes - len(file.content) + len(reading.text.encode())
    if size > room.bytes or held.chunks + len(said.pieces) > room.chunks:
        return replace(report, status=FileStatus.FAILED, reason=KNOWLEDGE_FULL, advice=FULL)
    title = beginning(reading.title or title_of(reading.text, file.name), TITLE_CHARACTERS)
    document = StagedDocument(name=file.name, title=title, text=reading.text, uri=file.uri, language=file.language)
    version = await staging.stage_file(tx, source, document, file.sha256)
    if version is None:
        return report
    written = await chunking.write(tx, version, said.pieces)
    return replace(report, status=FileStatus.READ, chunks=written.chunks, duplicates=written.duplicates)
