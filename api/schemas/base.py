"""What requests and responses are made of."""

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
from models.contracts.enums import Author, Language, ReplyKind
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

    @classmethod
    def of(cls, message: Message) -> "MessageOut":
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
        )
