"""What goes through channels: what arrives, what is sent, and what a channel can do. No provider's format crosses here."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from models.contracts.base import Frozen
from models.contracts.enums import ChannelKind, SendStatus


class Provider(StrEnum):
    """Who carries a channel's messages. Each has an adapter under activities/channels, but the two that need none."""

    API = "api"
    WEB = "web"
    TELEGRAM = "telegram"
    WHATSAPP_CLOUD = "whatsapp_cloud"
    CHATFLOW = "chatflow"
    EMAIL = "email"

    @property
    def kind(self) -> ChannelKind:
        if self in (Provider.WHATSAPP_CLOUD, Provider.CHATFLOW):
            return ChannelKind.WHATSAPP
        return ChannelKind(self.value)


class MediaKind(StrEnum):
    IMAGE = "image"
    VOICE = "voice"
    AUDIO = "audio"
    VIDEO = "video"
    DOCUMENT = "document"
    STICKER = "sticker"


class FileState(StrEnum):
    """What became of a file that arrived: it waits to be fetched, is in the media store, or is not wanted there."""

    WAITING = "waiting"
    STORED = "stored"
    REFUSED = "refused"


class Attachment(Frozen):
    """A file beside a message, as its provider tells of it before it is fetched. `ref` is the provider's name for it,
    or its address; `size` in bytes."""

    kind: MediaKind
    ref: str
    name: str | None = None
    mime: str | None = None
    size: int | None = None
    seconds: float | None = None


class Place(Frozen):
    """A point on the map, in degrees."""

    latitude: float
    longitude: float
    title: str | None = None
    address: str | None = None


class ContactCard(Frozen):
    """Somebody's name and numbers, as a customer passes them on."""

    name: str
    phones: tuple[str, ...] = ()


class ChatKind(StrEnum):
    PRIVATE = "private"
    GROUP = "group"


class Chat(Frozen):
    """Where somebody writes, by the provider's name. `topic` names a thread of a group that has threads."""

    id: str
    kind: ChatKind = ChatKind.PRIVATE
    topic: str | None = None


class Person(Frozen):
    """Who writes, as their provider tells. `language` is what they set their app to, a BCP 47 tag."""

    id: str
    name: str | None = None
    language: str | None = None


class MessageArrived(Frozen):
    """`id` is the provider's, unique in its chat. `unsupported` names a kind of message that cannot be shown here,
    or what of it was left out. `album` is shared by messages that were sent as one. `thread` names the messages before it in
    its thread, the oldest first, and `subject` the thread, where a channel has threads."""

    type: Literal["message"] = "message"
    id: str
    chat: Chat
    sender: Person
    sent_at: datetime
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    place: Place | None = None
    contact: ContactCard | None = None
    reply_to: str | None = None
    album: str | None = None
    unsupported: str | None = None
    thread: tuple[str, ...] = ()
    subject: str | None = None
    read_bytes: int | None = None
    """How much of it was read, where it is larger than what is."""


class MessageEdited(Frozen):
    type: Literal["edited"] = "edited"
    id: str
    chat: Chat
    text: str


class MessageDeleted(Frozen):
    type: Literal["deleted"] = "deleted"
    id: str
    chat: Chat


class ButtonPressed(Frozen):
    """`id` is what an acknowledgement must name; `data` is what the button was given."""

    type: Literal["button"] = "button"
    id: str
    chat: Chat
    sender: Person
    data: str
    message_id: str | None = None


class DeliveryChanged(Frozen):
    """What became of a message of ours: `id` is the provider's. `code` says why it failed; `unreachable`: nobody is to
    be written to there any more; `account`: it is the account that is refused, as every message of it will be."""

    type: Literal["delivery"] = "delivery"
    id: str
    status: SendStatus
    at: datetime
    code: str | None = None
    unreachable: bool = False
    account: bool = False


class ChatMoved(Frozen):
    """A chat goes on under another name."""

    type: Literal["moved"] = "moved"
    chat: str
    to: str


class ReachChanged(Frozen):
    """Whether somebody lets us write to them (a blocked bot), or a group has us as a member."""

    type: Literal["reach"] = "reach"
    chat: Chat
    sender: Person
    reachable: bool


Arrived = Annotated[
    MessageArrived | MessageEdited | MessageDeleted | ButtonPressed | DeliveryChanged | ChatMoved | ReachChanged,
    Field(discriminator="type"),
]


class Button(Frozen):
    """`data` comes back when it is pressed: 64 bytes of UTF-8 at most."""

    text: str
    data: str


class Media(Frozen):
    """A stored file on its way out: where it lies in the media store, and what the receiver is told of it."""

    kind: MediaKind
    key: str
    name: str
    mime: str
    size: int


class Part(Frozen):
    """What one call of a provider sends. `text` is written as the channel renders it (see Capabilities.markup); with a
    `media` it is its caption. `buttons` are rows."""

    text: str = ""
    media: Media | None = None
    place: Place | None = None
    contact: ContactCard | None = None
    buttons: tuple[tuple[Button, ...], ...] = ()
    reply_to: str | None = None
    id: str | None = None
    """Ours: the same when it is sent once more. This and what follows only where a channel has threads."""
    thread: tuple[str, ...] = ()
    """What it answers, by the provider's names, the oldest first."""
    subject: str | None = None
    automatic: bool = False
    """Whether no person wrote it."""
    literal: bool = False
    """Whether the text has no markup, although the channel takes Markdown."""


class Markup(StrEnum):
    """How a channel writes what is bold, a link, a list or code."""

    PLAIN = "plain"
    TELEGRAM = "telegram"
    """The HTML of the Bot API."""
    WHATSAPP = "whatsapp"
    MARKDOWN = "markdown"
    """It renders Markdown itself, or whoever takes it does."""


class Unit(StrEnum):
    """What a channel counts as a character."""

    CODE_POINTS = "code_points"
    UTF16 = "utf16"
    BYTES = "bytes"


class Rates(Frozen):
    """What a provider allows. None: it names no limit."""

    account_per_second: float | None = None
    chat_per_second: float | None = None
    group_per_minute: float | None = None


class Capabilities(Frozen):
    """What a channel can carry, and what it refuses. Limits of texts are in `unit`s, of files in bytes.

    `window` is how long after a customer's last message they may be written to freely.
    """

    markup: Markup = Markup.PLAIN
    unit: Unit = Unit.CODE_POINTS
    text_limit: int = 4_096
    caption_limit: int = 1_024
    media: frozenset[MediaKind] = frozenset()
    captions: frozenset[MediaKind] = frozenset(MediaKind) - {MediaKind.STICKER}
    """Of these: which may have a text. With others the text goes before, as a part of its own."""
    media_bytes: int = 0
    received_bytes: int | None = None
    """How large a file of a customer's may be. None: the provider names no limit."""
    buttons: int = 0
    """How many buttons a message may have."""
    edits: bool = False
    deletes: bool = False
    typing_seconds: float | None = None
    """For how long it shows that an answer is being written, once it was told. None: it cannot."""
    receipts: bool = False
    """Whether it tells of messages that were delivered and read."""
    told_late: frozenset[str] = frozenset()
    """Causes for which an account is refused after its messages were taken: that one is taken disproves none of these."""
    threads: bool = False
    """Whether messages belong to threads, and are named by who sends them."""
    news_seconds: float = 25
    """How long one question for news may wait. The default is below what proxies cut off."""
    rates: Rates = Rates()
    window: timedelta | None = None


class HealthState(StrEnum):
    UNCHECKED = "unchecked"
    OK = "ok"
    AWAY = "away"
    """The provider cannot be reached; what is queued waits."""
    DEAD = "dead"
    """The provider refuses the account: somebody must act."""


class Health(Frozen):
    """`code` is a word for what is wrong, `advice` what a person can do about it; neither holds a secret.

    `external_id` is the provider's own name of the account, `name` what people see, where it tells.
    """

    state: HealthState
    code: str | None = None
    advice: tuple[str, ...] = ()
    external_id: str | None = None
    name: str | None = None
