"""What Telegram knows: bots, people, groups with their topics, the messages in them and files."""

import itertools
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.fakes.faults import Json, Watch
from tests.fakes.telegram.limits import Limits
from tests.fakes.telegram.markup import units
from tests.fakes.telegram.updates import Mailbox
from tests.fakes.upload import Upload

Standing = Literal["administrator", "member", "left", "kicked"]
FILE_KINDS = ("photo", "voice", "audio", "video", "video_note", "animation", "document", "sticker")
CONTENT = ("text", "entities", "caption", "caption_entities", "location", "venue", "contact", *FILE_KINDS)
"""What of a message is its content: what a copy takes over."""


class RefusalError(Exception):
    """What the API answers to what it does not do."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters


def bad(why: str, **parameters: int) -> RefusalError:
    return RefusalError(400, f"Bad Request: {why}", **parameters)


@dataclass(frozen=True)
class Person:
    id: int
    name: str
    username: str | None = None
    language: str | None = None

    @property
    def user(self) -> Json:
        told = {"username": self.username, "language_code": self.language}
        return {"id": self.id, "is_bot": False, "first_name": self.name, **{k: v for k, v in told.items() if v}}


@dataclass
class Room:
    """A chat with what was said in it. In a private chat the other side is `person`."""

    chat: Json
    ids: "itertools.count[int]"
    person: Person | None = None
    messages: dict[int, Json] = field(default_factory=dict)


@dataclass
class Topic:
    id: int
    name: str
    icon_color: int = 7_322_096
    closed: bool = False


@dataclass
class Membership:
    """What a bot is in a group. `muted`: it may read and not write."""

    standing: Standing = "member"
    manages_topics: bool = False
    deletes_messages: bool = False
    pins_messages: bool = False
    muted: bool = False


@dataclass
class Group:
    """A group; a forum has topics, by the id of their thread. `moved_to` is the supergroup that it became."""

    id: int
    title: str
    forum: bool = False
    supergroup: bool = True
    topics: dict[int, Topic] = field(default_factory=dict)
    bots: dict[int, Membership] = field(default_factory=dict)
    people: dict[int, tuple[Person, Standing]] = field(default_factory=dict)
    moved_to: int | None = None
    deleted: bool = False
    room: Room = field(init=False)

    def __post_init__(self) -> None:
        self.room = Room(self.chat, itertools.count(2))

    @property
    def type(self) -> str:
        return "supergroup" if self.supergroup else "group"

    @property
    def chat(self) -> Json:
        chat = {"id": self.id, "type": self.type, "title": self.title}
        return {**chat, "is_forum": True} if self.forum else chat


@dataclass
class Bot:
    """`privacy`: in groups it sees only what is meant for it, unless it is an administrator there."""

    token: str
    id: int
    username: str
    name: str
    privacy: bool
    mailbox: Mailbox
    rooms: dict[int, Room] = field(default_factory=dict)
    blocked_by: set[int] = field(default_factory=set)
    deactivated: set[int] = field(default_factory=set)
    commands: list[Json] = field(default_factory=list)
    queries: dict[str, float] = field(default_factory=dict)
    """Presses of buttons that wait for an answer, and since when."""
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def user(self) -> Json:
        return {"id": self.id, "is_bot": True, "first_name": self.name, "username": self.username}


@dataclass
class Sent:
    """A message that a bot sent. `message` is as it looks now: edits show in it. `data` is the file that was sent."""

    method: str
    bot: Bot
    room: Room
    message: Json
    at: float
    data: bytes | None = None
    deleted: bool = False

    @property
    def id(self) -> int:
        return int(self.message["message_id"])

    @property
    def text(self) -> str:
        """Of the message or of its file, as a reader sees it."""
        return str(self.message.get("text", self.message.get("caption", "")))

    @property
    def topic(self) -> int | None:
        return self.message.get("message_thread_id")

    @property
    def buttons(self) -> dict[str, str]:
        """What the inline buttons say, and what they send."""
        rows = self.message.get("reply_markup", {}).get("inline_keyboard", [])
        return {button["text"]: button.get("callback_data", "") for row in rows for button in row}


@dataclass
class Files:
    """Files by their id. A path to download by is made anew by every getFile."""

    by_id: dict[str, tuple[str, Upload]] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def keep(self, kind: str, upload: Upload) -> Json:
        """What a message tells of a file; of a photo, its largest size."""
        number = next(self._numbers)
        file_id = f"AgAC{kind}{number}"
        self.by_id[file_id] = (kind, upload)
        told: Json = {"file_id": file_id, "file_unique_id": f"u{number}", "file_size": upload.told_size}
        if kind in ("photo", "video", "animation", "sticker"):
            told |= {"width": 640, "height": 480}
        if kind in ("voice", "audio", "video", "video_note", "animation"):
            told |= {"duration": 3}
        if kind == "video_note":
            told |= {"length": 240}
        if kind == "sticker":
            told |= {"type": "regular", "is_animated": False, "is_video": False, "emoji": "👍"}
        if kind in ("document", "audio", "video", "animation"):
            told |= {"file_name": upload.name}
        if kind in ("document", "audio", "video", "animation", "voice"):
            told |= {"mime_type": upload.mime}
        return told

    def content(self, kind: str, upload: Upload) -> Json:
        """The part of a message that is the file: a photo in two sizes, the smaller first."""
        told = self.keep(kind, upload)
        if kind != "photo":
            return {kind: told}
        small = {**told, "file_id": f"{told['file_id']}s", "width": 90, "height": 67, "file_size": 1_000}
        self.by_id[small["file_id"]] = (kind, Upload(upload.data[:1_000], upload.name, upload.mime))
        return {"photo": [small, told]}

    def path(self, file_id: str) -> str:
        return f"{self.by_id[file_id][0]}s/{file_id}"


@dataclass
class World:
    """The whole installation. `sends` is every message of a bot in the order in which they were sent; `answers` what
    presses of buttons were answered with. `limits` None: Telegram has endless patience."""

    watch: Watch
    groups: dict[int, Group] = field(default_factory=dict)
    files: Files = field(default_factory=Files)
    sends: list[Sent] = field(default_factory=list)
    answers: dict[str, Json] = field(default_factory=dict)
    limits: Limits | None = None
    callback_seconds: float = 15.0
    """How long a press of a button can be answered."""


@dataclass(frozen=True)
class Asked:
    """Who calls which method, and the files that came with the request."""

    bot: Bot
    method: str
    files: Mapping[str, Upload]


def marks(text: str) -> list[Json]:
    """The entities that Telegram finds by itself: commands and mentions."""
    found = []
    for match in re.finditer(r"(?<!\S)(/[A-Za-z0-9_]{1,32}(?:@\w+)?)|(?<!\w)(@\w{4,32})", text):
        kind = "bot_command" if match[1] else "mention"
        found.append({"type": kind, "offset": units(text[: match.start()]), "length": units(match[0])})
    return found


def now() -> int:
    return int(time.time())
