"""What of the Bot API's objects is read here. Fields that are of use only when they are right may be missing."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BaseModel, Field, StrictBool, StrictInt, StrictStr, ValidationError

from activities.channels.fields import Id, Maybe, Text
from models.contracts.base import Frozen
from models.contracts.channels import Attachment, Chat, ChatKind, MediaKind, Person

Wire = TypeVar("Wire", bound=BaseModel)

Number = Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]


class User(Frozen):
    id: Number
    is_bot: StrictBool = False
    first_name: Maybe[Text] = None
    last_name: Maybe[Text] = None
    language_code: Maybe[Text] = None

    @property
    def person(self) -> Person:
        name = " ".join(part for part in (self.first_name, self.last_name) if part)
        return Person(id=str(self.id), name=name or None, language=self.language_code)


class Room(Frozen):
    id: Number
    type: StrictStr
    title: Maybe[Text] = None

    def chat(self, topic: int | None = None) -> Chat:
        kind = ChatKind.PRIVATE if self.type == "private" else ChatKind.GROUP
        return Chat(id=str(self.id), kind=kind, topic=None if topic is None else str(topic))


class Topical(Frozen):
    """A message as far as it says where it stands."""

    message_id: Number
    chat: Room
    message_thread_id: Maybe[Number] = None
    is_topic_message: StrictBool = False

    @property
    def where(self) -> Chat:
        """Replies in groups without topics make threads, too; those are no topics."""
        return self.chat.chat(self.message_thread_id if self.is_topic_message else None)


class Replied(Frozen):
    message_id: Number


class Head(Topical):
    date: AwareDatetime
    sender: Maybe[User] = Field(None, alias="from")
    sender_chat: Maybe[Room] = None
    is_automatic_forward: StrictBool = False
    reply_to_message: Maybe[Replied] = None
    media_group_id: Maybe[Id] = None
    text: Maybe[Text] = None
    caption: Maybe[Text] = None

    @property
    def writer(self) -> Person | None:
        """Who wrote. Anonymous administrators and channels write as a chat. None: a bot, or nobody."""
        if self.sender_chat is not None:
            return Person(id=str(self.sender_chat.id), name=self.sender_chat.title)
        return None if self.sender is None or self.sender.is_bot else self.sender.person

    @property
    def replied(self) -> str | None:
        """A message in a topic that answers none is told as an answer to the one that made the topic."""
        answered = None if self.reply_to_message is None else self.reply_to_message.message_id
        if answered is None or (self.is_topic_message and answered == self.message_thread_id):
            return None
        return str(answered)


class File(Frozen):
    file_id: Id
    file_name: Maybe[Text] = None
    mime_type: Maybe[Text] = None
    file_size: Maybe[Annotated[Number, Field(ge=0)]] = None
    duration: Maybe[Annotated[float, Field(ge=0)]] = None
    width: Maybe[Number] = None
    height: Maybe[Number] = None

    def attachment(self, kind: MediaKind, mime: str | None) -> Attachment:
        return Attachment(
            kind=kind,
            ref=self.file_id,
            name=self.file_name,
            mime=self.mime_type or mime,
            size=self.file_size,
            seconds=self.duration,
        )


class Point(Frozen):
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class Venue(Frozen):
    location: Point
    title: Maybe[Text] = None
    address: Maybe[Text] = None


class Contact(Frozen):
    phone_number: Text
    first_name: Text
    last_name: Maybe[Text] = None


class Press(Frozen):
    id: Id
    sender: User = Field(alias="from")
    message: Topical
    data: Text


class Standing(Frozen):
    status: StrictStr
    is_member: StrictBool = False


class Reach(Frozen):
    chat: Room
    sender: User = Field(alias="from")
    new_chat_member: Standing


def understood(model: type[Wire], raw: Mapping[str, Any]) -> Wire:
    found = parsed(model, raw)
    if found is None:
        raise ValueError(f"{model.__name__.lower()}: not as the Bot API writes it")
    return found


def parsed(model: type[Wire], raw: object) -> Wire | None:
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None
