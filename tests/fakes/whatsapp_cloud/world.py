"""What Meta knows: numbers with their apps, people who use WhatsApp, files, templates and messages."""

import itertools
import time
from dataclasses import dataclass, field
from datetime import timedelta

from tests.fakes.faults import Json, Watch
from tests.fakes.outbox import Outbox
from tests.fakes.upload import Upload
from tests.fakes.whatsapp_cloud.notices import notice
from tests.fakes.whatsapp_cloud.requests import Message

WINDOW = timedelta(hours=24)


@dataclass(frozen=True)
class Person:
    """`id` is their number, as WhatsApp writes it: digits alone."""

    id: str
    name: str


@dataclass
class Number:
    """A business's number with the app that uses it. `heard`: when each person wrote last. `received`: the ids of what
    people wrote, `read` of those that were marked as read, `typing` of those below which an answer was being written.
    """

    id: str
    phone: str
    access_token: str
    app_secret: str
    verify_token: str
    outbox: Outbox
    account: str = "300000000000001"
    name: str = "Shop"
    quality: str = "GREEN"
    heard: dict[str, float] = field(default_factory=dict)
    received: set[str] = field(default_factory=set)
    read: list[str] = field(default_factory=list)
    typing: list[str] = field(default_factory=list)

    def tell(self, content: Json) -> None:
        metadata = {"display_phone_number": self.phone, "phone_number_id": self.id}
        self.outbox.put(notice(self.account, metadata, content))


@dataclass(frozen=True)
class Sent:
    """A message of a business that Meta took. `data` is the file that went with it."""

    id: str
    number: Number
    to: str
    request: Message
    at: float
    data: bytes | None = None

    @property
    def text(self) -> str:
        return self.request.said

    @property
    def buttons(self) -> dict[str, str]:
        """What buttons and rows of a list say, and the ids that they send."""
        return self.request.buttons

    @property
    def template(self) -> str | None:
        return self.request.template.name if self.request.template else None


@dataclass
class World:
    """`templates` says how many words go into each, by name and language, `refused` has the codes of refusals of those that
    are paused or switched off. `late` has the codes of refusals that are told
    by a status after the message was taken, as Meta mostly does it; the others are told at once. `addresses` is where
    files can be fetched, and until when."""

    watch: Watch
    numbers: dict[str, Number] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    sends: list[Sent] = field(default_factory=list)
    media: dict[str, Upload] = field(default_factory=dict)
    addresses: dict[str, tuple[str, float]] = field(default_factory=dict)
    templates: dict[tuple[str, str], int] = field(default_factory=dict)
    refused: dict[tuple[str, str], int] = field(default_factory=dict)
    late: set[int] = field(default_factory=lambda: {131_026})
    ahead: float = 0.0
    """Seconds by which the clock was set on."""
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def now(self) -> float:
        return time.time() + self.ahead

    def wamid(self) -> str:
        return f"wamid.HBgLNzcwMTAwMDAwMDAVAgARGBI{next(self.ids):012d}=="

    def keep(self, upload: Upload) -> str:
        media_id = str(500_000_000_000_000 + next(self.ids))
        self.media[media_id] = upload
        return media_id
