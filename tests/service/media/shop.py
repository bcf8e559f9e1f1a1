"""A tenant whose customers send files, and the lane that fetches them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.testing import ActivityEnvironment

from activities.channels.accounts import Accounts
from activities.media.fetch import FetchMedia, Limits
from activities.media.sweep import Sweep
from activities.transcribing.openai import OpenAITranscriber
from activities.usage.counted import CountedTranscriber
from activities.usage.ledger import open_ledger, spent_by
from models.contracts.channels import Attachment, Chat, MediaKind, MessageArrived, Person
from models.contracts.enums import EventType
from models.contracts.lanes import Lane, LaneInput, LaneWork, Worked
from models.contracts.routing import conversation_id
from models.contracts.usage import Purpose, Spender
from models.pokes import Pokes
from models.repositories import (
    arrivals,
    attachments,
    deliveries,
    lanes,
    sends,
    usage,
)
from models.repositories.arrivals import Owner
from models.repositories.attachments import File
from models.repositories.intake import Accepted
from models.tables import attachments as table
from runtime.database import Database
from runtime.media.folder import FolderStore
from tests.fakes import transcription
from tests.fakes.site import Page, Site
from tests.fakes.transcription import FakeTranscriber

NUMBER = "123456789"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
OGG = b"OggS\x00\x02" + bytes(22) + b"OpusHead"
LIMITS = Limits(file=10_000, tenant=50_000, text=100)


@dataclass
class Shop:
    """A tenant with a number of WhatsApp's, whose provider is a server here."""

    tenant: UUID
    owner: Owner
    database: Database
    client: Client
    meta: Site
    store: FolderStore
    folder: Path
    accounts: Accounts
    transcriber: FakeTranscriber
    pokes: Pokes

    async def arrives(
        self, *files: Attachment, chat: str = "77001112233", text: str = "", album: str | None = None
    ) -> Accepted:
        message = MessageArrived(
            id=str(uuid4()),
            chat=Chat(id=chat),
            sender=Person(id=chat),
            sent_at=datetime.now(UTC),
            attachments=files,
            album=album,
        )
        async with self.database.tenant(self.tenant) as tx:
            return await arrivals.store(tx, self.owner, message, text=text)

    async def queued(self) -> list[str]:
        """What waits to be sent to customers."""
        async with self.database.tenant(self.tenant) as tx:
            return sorted(each.text for each in await sends.heads(tx, self.owner.account, (), 100))

    def has(self, ref: str, content: bytes, **changed: Any) -> None:
        """The provider has a file."""
        told = {"url": f"{self.meta.url}/files/{ref}", "mime_type": "image/jpeg", "file_size": len(content)}
        self.meta.pages[f"/v23.0/{ref}?phone_number_id={NUMBER}"] = Page(json.dumps(told).encode(), "application/json")
        self.meta.pages[f"/files/{ref}"] = Page(content, **changed)

    async def fetch(self, *, hears: bool = False, store: FolderStore | None = None) -> Worked:
        """What the lane does."""
        whisper = OpenAITranscriber(base_url=self.transcriber.url, model="whisper-1", api_key=transcription.KEY)
        async with open_ledger(self.database) as ledger:
            listens = CountedTranscriber(whisper, ledger, price=6)
            step = FetchMedia(
                self.database,
                self.client,
                self.accounts,
                store or self.store,
                listens if hears else None,
                self.pokes,
                LIMITS,
            )
            given = LaneWork(tenant_id=self.tenant, channel_account_id=self.owner.account)
            try:
                with spent_by(Spender(tenant_id=self.tenant)):
                    done: Worked = await ActivityEnvironment().run(step.fetch_media, given)
                return done
            finally:
                await listens.close()

    async def heard(self) -> list[tuple[str, int, int]]:
        """Voice messages that were paid for, as the usage report has them: outcome, calls, cost in millionths."""
        span = {"since": datetime.now(UTC) - timedelta(hours=1), "until": datetime.now(UTC) + timedelta(hours=1)}
        async with self.database.tenant(self.tenant) as tx:
            sums = await usage.report(tx, **span, group_by="outcome", purpose=Purpose.TRANSCRIBE)
        return [(each.key, each.calls, each.cost) for each in sums]

    async def sweep(self) -> int:
        gone: int = await ActivityEnvironment().run(Sweep(self.database, self.store).all)
        return gone

    async def files_of(self, accepted: Accepted) -> tuple[File, ...]:
        async with self.database.tenant(self.tenant) as tx:
            return await attachments.of_message(tx, accepted.message_id)

    async def change(self, **values: object) -> None:
        """Of every file of the tenant."""
        async with self.database.tenant(self.tenant) as tx:
            await tx.connection.execute(sa.update(table).where(table.c.tenant_id == tx.tenant_id).values(**values))

    async def told(self) -> list[deliveries.Delivery]:
        async with self.database.tenant(self.tenant) as tx:
            return [each for each in await deliveries.after(tx, 0) if each.type is EventType.ATTACHMENT]

    async def waits(self) -> bool:
        """Whether reconcile would wake the lane."""
        lane = LaneInput(tenant_id=self.tenant, channel_account_id=self.owner.account, lane=Lane.MEDIA)
        async with self.database.system() as tx:
            return lane in await lanes.idle(tx, after=timedelta(0), limit=10_000)

    async def handed_over(self, conversation: UUID) -> bool:
        process = conversation_id(self.tenant, conversation)
        try:
            await self.client.get_workflow_handle(process).describe()
        except RPCError:
            return False
        return True

    def kept(self) -> set[str]:
        """Keys of all files that lie in the store."""
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}


def image(ref: str, **told: Any) -> Attachment:
    return Attachment(kind=MediaKind.IMAGE, ref=ref, mime="image/jpeg", **told)


def voice(ref: str, seconds: float | None = 3) -> Attachment:
    return Attachment(kind=MediaKind.VOICE, ref=ref, seconds=seconds)
