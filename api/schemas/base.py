"""What requests and responses are made of."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)

from api.problems import NOT_BLANK
from models.contracts.channels import ContactCard, FileState, MediaKind, Place
from models.contracts.enums import Author, Language, ReplyKind, SendStatus
from models.repositories.attachments import File
from models.repositories.messages import Message


class Request(BaseModel):
    """Base of everything a client sends: an unknown field is an error, not a silent no-op."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Response(BaseModel):
    """Base of everything a client gets. Fields may be added; clients must ignore what they do not know."""

    model_config = ConfigDict(frozen=True)


def storable(value: str) -> str:
    """Postgres texts can hold every character but NUL."""
    if "\x00" in value:
        raise ValueError("must not contain the character NUL (U+0000)")
    return value


Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=NOT_BLANK, strip_whitespace=True),
    AfterValidator(storable),
]
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(storable)]
# How long a text may be is a setting: see api.limits.
Text = Annotated[str, StringConstraints(min_length=1, pattern=NOT_BLANK), AfterValidator(storable)]
Instant = Annotated[datetime, PlainSerializer(lambda moment: moment.isoformat().replace("+00:00", "Z"), str)]


def _written_out(value: object) -> object:
    """A number would be read as seconds since 1970."""
    if isinstance(value, str) and ":" not in value:
        raise ValueError("must be a moment with a time zone, as 2026-01-31T09:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]

Item = TypeVar("Item")


class Page(Response, Generic[Item]):
    """One page of a list. `next` is the `cursor` of the page after it; null on the last one."""

    items: list[Item]
    next: str | None = None


def paged(items: list[Item], limit: int, cursors: list[object]) -> Page[Item]:
    """The first `limit` of `items`; pages are read one longer, to learn whether another follows."""
    more = len(items) > limit
    return Page(items=items[:limit], next=str(cursors[limit - 1]) if more else None)


class PageQuery(Request):
    """Paging of a list."""

    limit: int = Field(50, ge=1, le=200, description="Items per page.")


class Person(Response):
    """A member, as others see them."""

    id: UUID
    name: str


class Citation(Response):
    """A passage that an answer rests on."""

    model_config = ConfigDict(frozen=True, extra="allow")

    title: str | None = None
    uri: str | None = None
    quote: str | None = None


FileUrl = Callable[[str], str]
"""From a key of the media store to a signed address: `gateway.media.url`."""


class AttachmentOut(Response):
    """A file beside a message."""

    id: UUID
    kind: MediaKind
    name: str | None = Field(None, description="What its sender called it.")
    mime: str | None = Field(None, description="Its media type: once it is stored, by its content.")
    size: int | None = Field(None, description="Bytes.")
    seconds: float | None = Field(None, description="Of a recording.")
    state: FileState = Field(description="A file that a customer sent waits until it is fetched from its channel.")
    reason: str | None = Field(None, description="Why it was refused, in a word such as `too_large`.")
    url: str | None = Field(None, description="Where it can be fetched for an hour, without signing in.")

    @classmethod
    def of(cls, file: File, url: FileUrl) -> "AttachmentOut":
        return cls(
            id=file.id,
            kind=file.kind,
            name=file.name,
            mime=file.mime,
            size=file.size,
            seconds=file.seconds,
            state=file.state,
            reason=file.reason,
            url=None if file.key is None else url(file.key),
        )


class DeliveryOut(Response):
    """How far a message has come on its way through a channel's provider."""

    status: SendStatus
    error: str | None = Field(None, description="A word for why it waits, failed, or cannot be known.")


class ExtrasOut(Response):
    """What a message has beside words and files."""

    place: Place | None = None
    contact: ContactCard | None = None
    unsupported: str | None = Field(None, description="A kind of message that cannot be shown here.")
    transcribed: bool = Field(False, description="The words were heard in a voice message, by a machine.")


class MessageOut(Response):
    """One message of a conversation."""

    id: UUID
    conversation_id: UUID
    author: Author
    kind: ReplyKind | None = Field(None, description="What an outbound message is; null for a customer's.")
    member_id: UUID | None = Field(None, description="The manager who wrote it.")
    text: str
    language: Language | None = None
    citations: list[Citation] = []
    confidence: float | None = Field(None, description="0..1, of an answer from knowledge.")
    flooded: bool = Field(False, description="Left unanswered: the customer wrote too much within a minute.")
    created_at: Instant
    edited_at: Instant | None = Field(None, description="The customer has changed the words since.")
    deleted_at: Instant | None = Field(None, description="The customer has taken the message back.")
    extras: ExtrasOut | None = None
    attachments: list[AttachmentOut] = []
    delivery: DeliveryOut | None = Field(None, description="Of messages that a provider carries.")

    @classmethod
    def of(cls, message: Message, url: FileUrl) -> "MessageOut":
        return cls(
            id=message.id,
            conversation_id=message.conversation_id,
            author=message.author,
            kind=message.kind,
            member_id=message.member_id,
            text=message.text,
            language=message.language,
            citations=[Citation.model_validate(citation) for citation in message.citations],
            confidence=message.confidence,
            flooded=message.flooded,
            created_at=message.created_at,
            edited_at=message.edited_at,
            deleted_at=message.deleted_at,
            extras=None if message.extras is None else ExtrasOut.model_validate(message.extras),
            delivery=None if message.delivery is None else DeliveryOut.model_validate(message.delivery),
            attachments=[AttachmentOut.of(file, url) for file in message.files],
        )
