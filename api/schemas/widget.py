"""What pages of sites are told and send: a visitor sees their own conversation, and of it what was said to them."""

from uuid import UUID

from pydantic import Field, model_validator

from api.schemas.base import AttachmentOut, ExternalId, FileUrl, Instant, Name, Request, Response, Text
from models.contracts.enums import Author, ConversationState, Language, ReplyKind
from models.repositories.deliveries import SaidMessage
from models.repositories.messages import Message

MOST_FILES = 10
"""That one message may have."""


class SiteOut(Response):
    """How the widget looks on this site."""

    title: str = Field(description="Empty: the widget's own words.")
    color: str = Field(description="Of its button and of the visitor's messages, as `#2457d6`.")
    files: bool = Field(description="Visitors may send files.")
    file_mib: int = Field(description="The largest of them, in MiB.")
    language: Language = Field(description="For visitors whose browser asks for none that the widget has.")


class HashedUserIn(Request):
    """Who is signed in on the page, proved by an HMAC of their id."""

    id: ExternalId
    hash: str = Field(
        pattern=r"^[0-9a-f]{64}$",
        description="HMAC-SHA256 of `id` with the site's identity secret, in hexadecimal. It never ends: prefer `identity`.",
    )
    name: Name | None = None


class VisitIn(Request):
    """Opens a visit: a new one, one that is gone on with, or that of somebody whom the page knows."""

    resume: str | None = Field(
        None, pattern=r"^[A-Za-z0-9_-]{43}$", description="What an earlier visit gave: the same conversation."
    )
    identity: str | None = Field(
        None,
        max_length=4096,
        description="Who is signed in on the page: a JWT (HS256, the site's identity secret) with `sub`, `aud` (the "
        "account's id), `exp` within the next hour, and perhaps `name` and `email`.",
    )
    user: HashedUserIn | None = None
    language: Language | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "VisitIn":
        if sum(way is not None for way in (self.resume, self.identity, self.user)) > 1:
            raise ValueError("give one of resume, identity and user")
        return self


class VisitOut(Response):
    token: str = Field(description="Bearer token of this visitor, for their conversation only.")
    expires_in: int = Field(description="Seconds. Open the visit again before.")
    created: bool = Field(description="The conversation is new.")
    resume: str | None = Field(
        description="Opens this conversation again; null for who was identified: the page proves them anew."
    )


class VisitorMessageIn(Request):
    """Words, files, or both. A repeated `client_message_id` is the same message, whatever is in it."""

    text: Text | None = None
    client_message_id: ExternalId
    attachment_ids: list[UUID] = Field([], max_length=MOST_FILES, description="Of `uploadVisitorFile`.")

    @model_validator(mode="after")
    def _says_something(self) -> "VisitorMessageIn":
        if self.text is None and not self.attachment_ids:
            raise ValueError("text or attachment_ids must be there")
        return self


class VisitorReceipt(Response):
    message_id: UUID
    duplicate: bool = Field(description="The message was here before; nothing was stored again.")


class SourceOut(Response):
    """A passage that an answer rests on."""

    title: str | None = None
    uri: str | None = None
    quote: str | None = None


class VisitorMessageOut(Response):
    id: UUID
    author: Author
    kind: ReplyKind | None
    text: str
    language: Language | None
    citations: list[SourceOut]
    attachments: list[AttachmentOut]
    created_at: Instant

    @classmethod
    def of(cls, message: Message | SaidMessage, created_at: Instant, url: FileUrl) -> "VisitorMessageOut":
        return cls(
            id=message.id,
            author=message.author,
            kind=message.kind,
            text=message.text,
            language=message.language,
            # Titles and places; what else is noted of a passage is the tenant's own.
            citations=[SourceOut.model_validate(each, extra="ignore") for each in message.citations],
            attachments=[AttachmentOut.of(each, url) for each in message.files],
            created_at=created_at,
        )


class VisitorMessages(Response):
    """A page of the conversation, the oldest first. `last_event_id`: events after it are not in this page yet."""

    items: list[VisitorMessageOut]
    next: str | None
    state: ConversationState
    last_event_id: int
