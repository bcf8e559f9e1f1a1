"""A tenant's knowledge under test: the real steps of ingestion and search, called one after another."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from activities.embedding.port import Embedder
from activities.embedding.spaces import Spaces
from activities.ingestion.ingest import embed_chunks, publish_documents, split_documents
from activities.ingestion.read_files import Room, read_files
from activities.reading.port import Limits
from activities.reading.process import ProcessReader
from activities.understanding.language import detect
from models.contracts.ingest import Embedded, EmbedInput, Published, PublishInput, Read, ReadInput, Split, SplitInput
from models.contracts.knowledge import Passage
from models.repositories import ingest_files, knowledge, retrieval, staging
from models.repositories.ingest_files import File, NewFile
from models.repositories.knowledge import Job
from models.repositories.staging import StagedDocument
from runtime.database import Database

SOURCE = "help"
READER = ProcessReader(
    Limits(unpacked_bytes=10_000_000, pages=100, seconds=20, memory_bytes=768 << 20, characters=100_000)
)
ROOM = Room(bytes=100_000_000, chunks=100_000)


def page(name: str, text: str, title: str | None = None) -> StagedDocument:
    return StagedDocument(name=name, title=title or name, text=text)


def quietly() -> None:
    """A heartbeat that nobody listens to."""


@dataclass(frozen=True)
class Library:
    database: Database
    tenant: UUID
    embedder: Embedder
    spaces: Spaces

    @property
    def space(self) -> int:
        return self.spaces.usual

    async def stage(
        self,
        *documents: StagedDocument,
        source: str = SOURCE,
        tags: Sequence[str] | None = None,
        keep: Collection[str] | None = None,
    ) -> tuple[UUID, UUID]:
        async with self.database.tenant(self.tenant) as tx:
            return await staging.stage(tx, source, tags, documents, keep=keep)

    async def upload(
        self, *files: NewFile, source: str = SOURCE, tags: Sequence[str] | None = None
    ) -> tuple[UUID, UUID]:
        async with self.database.tenant(self.tenant) as tx:
            found, job = await staging.open_job(tx, source, tags)
            for file in files:
                await ingest_files.add(tx, found, job, file)
            await staging.announce(tx, found, job)
        return found, job

    async def read(self, source: UUID, room: Room = ROOM, limit: int = 1000) -> Read:
        given = ReadInput(tenant_id=self.tenant, source_id=source, limit=limit)
        return await read_files(self.database, READER, room, given, quietly)

    async def add_files(self, *files: NewFile, source: str = SOURCE, tags: Sequence[str] | None = None) -> list[File]:
        """Upload files and make what they say current; the report."""
        found, job = await self.upload(*files, source=source, tags=tags)
        assert (await self.read(found)).remaining == 0
        await self.embed(found)
        assert (await self.publish(found)).remaining == 0
        return await self.report(job)

    async def report(self, job: UUID) -> list[File]:
        async with self.database.tenant(self.tenant) as tx:
            return await ingest_files.page(tx, job, limit=2000)

    async def split(self, source: UUID) -> Split:
        given = SplitInput(tenant_id=self.tenant, source_id=source)
        return await split_documents(self.database, self.spaces, given, quietly)

    async def embed(self, source: UUID, limit: int = 10_000) -> Embedded:
        given = EmbedInput(tenant_id=self.tenant, source_id=source, limit=limit)
        return await embed_chunks(self.database, self.spaces, given, quietly)

    async def publish(self, source: UUID, error: str | None = None) -> Published:
        given = PublishInput(tenant_id=self.tenant, source_id=source, error=error)
        return await publish_documents(self.database, self.spaces, given)

    async def add(
        self, *documents: StagedDocument, source: str = SOURCE, tags: Sequence[str] | None = None
    ) -> tuple[UUID, UUID]:
        """Stage documents and make them current."""
        staged, job = await self.stage(*documents, source=source, tags=tags)
        while (await self.split(staged)).remaining:
            pass
        await self.embed(staged)
        assert (await self.publish(staged)).remaining == 0
        return staged, job

    async def search(self, question: str, *, tags: Sequence[str] | None = None, limit: int = 5) -> list[Passage]:
        vector = await self.embedder.embed_query(question)
        async with self.database.tenant(self.tenant) as tx:
            return await retrieval.search(tx, question, vector, self.space, detect(question), tags=tags, limit=limit)

    async def job(self, job: UUID) -> Job:
        async with self.database.tenant(self.tenant) as tx:
            found = await knowledge.get_job(tx, job)
        assert found is not None
        return found

    async def names(self) -> dict[str, int]:
        """Current documents, and their versions."""
        async with self.database.tenant(self.tenant) as tx:
            return {document.name: document.version for document in await knowledge.list_documents(tx)}


async def open_library(
    database: Database, tenant: UUID, embedder: Embedder, following: Embedder | None = None
) -> Library:
    async with database.system() as tx:
        spaces = await Spaces.of(tx, embedder, following)
    return Library(database, tenant, embedder, spaces)
