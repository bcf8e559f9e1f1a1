"""A tenant's knowledge under test: the real steps of ingestion and search, called one after another."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from activities.embedding.port import Embedder
from activities.embedding.spaces import Spaces
from activities.ingest import embed_chunks, publish_documents, split_documents
from activities.understanding.language import detect
from models.contracts.ingest import Embedded, EmbedInput, Published, PublishInput, Split, SplitInput
from models.contracts.knowledge import Passage
from models.repositories import knowledge, retrieval, staging
from models.repositories.knowledge import Job
from models.repositories.staging import StagedDocument
from runtime.database import Database

SOURCE = "help"


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
