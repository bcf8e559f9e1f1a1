"""Requests and responses about conversations and their messages."""

from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, model_validator

from api.schemas.base import ExternalId, Instant, MessageOut, Name, PageQuery, Request, Response, Text
from api.schemas.branches import Slug
from models.contracts.enums import ChannelKind, ConversationState, Language
from models.repositories.conversations import Conversation


class CustomerIn(Request):
    """Who writes. With an `external_id` (your id of them) a customer has one conversation per channel."""

    external_id: ExternalId | None = None
    name: Name | None = None
    language: Language | None = None


class ConversationIn(Request):
    """Opens a conversation, with its first message if there is one already."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"customer": {"external_id": "c-42", "name": "Aigerim"}, "text": "How do I get a refund?"}]
        }
    )

    channel: Literal["api", "web"] = "api"
    customer: CustomerIn = CustomerIn()
    assistant: Slug | None = Field(
        None, description="Slug of who answers; left out, the branch's or the default one does."
    )
    text: Text | None = None
    one_shot: StrictBool = Field(
        False, description="A single question: it is answered or goes to a person, and is never asked back."
    )


class ConversationOpened(Response):
    id: UUID
    created: bool = Field(description="False: this customer's conversation was there already.")
    message_id: UUID | None = Field(None, description="The stored first message.")


class MessageIn(Request):
    """A customer's words, files (see `uploadAttachment`), or both. A repeated `client_message_id` is the same message,
    whatever is in it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "And how long does it take?"}]})

    text: Text | None = None
    client_message_id: ExternalId | None = None
    attachment_ids: list[UUID] = Field(default=[], max_length=10)

    @model_validator(mode="after")
    def _says_something(self) -> "MessageIn":
        if self.text is None and not self.attachment_ids:
            raise ValueError("must have a text, or attachment_ids")
        return self


class MessageReceipt(Response):
    """A stored message. `reply` is there when it was waited for and the bot has spoken."""

    message_id: UUID
    conversation_id: UUID
    duplicate: bool = Field(description="The message was delivered before; nothing was stored again.")
    state: ConversationState | None = Field(
        None, description="Where the conversation stands, when the turn is done and the bot stayed silent."
    )
    reply: MessageOut | None = None


class ConversationsQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")
    state: ConversationState | None = None


class MessagesQuery(PageQuery):
    cursor: int = Field(0, ge=0, lt=2**63, description="`next` of the page before.")


class CustomerOut(Response):
    id: UUID
    external_id: str | None
    name: str | None


class ConversationOut(Response):
    id: UUID
    channel: ChannelKind
    customer: CustomerOut
    state: ConversationState
    language: Language | None
    version: int = Field(description="Counts the steps that the conversation's process has taken.")
    muted_until: Instant | None
    created_at: Instant
    last_message_at: Instant | None
    closed_at: Instant | None
    customer_verified: bool = Field(
        description="The customer has lately given the code that was sent to the address on file."
    )
    unreachable_code: str | None = Field(
        description="Why nobody can be written to there, until the customer writes again: left, bounced_5.1.1, …"
    )

    @classmethod
    def of(cls, conversation: Conversation) -> "ConversationOut":
        return cls(
            id=conversation.id,
            channel=conversation.channel,
            customer=CustomerOut(
                id=conversation.customer_id,
                external_id=conversation.customer_external_id,
                name=conversation.customer_name,
            ),
            state=conversation.state,
            language=conversation.language,
            version=conversation.version,
            muted_until=conversation.muted_until,
            created_at=conversation.created_at,
            last_message_at=conversation.last_message_at,
            closed_at=conversation.closed_at,
            customer_verified=conversation.customer_verified,
            unreachable_code=conversation.unreachable_code,
        )
