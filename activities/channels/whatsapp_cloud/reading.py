"""What Meta delivers to a webhook, as events. Pure. One message that cannot be read never costs the others."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    Field,
    StrictBool,
    StrictStr,
    ValidationError,
)

from activities.channels.fields import Id, Maybe, Text
from activities.channels.whatsapp_cloud.errors import ACCOUNT, UNREACHABLE, word
from models.contracts.base import Frozen
from models.contracts.channels import (
    Arrived,
    Attachment,
    Chat,
    ChatMoved,
    ContactCard,
    DeliveryChanged,
    MediaKind,
    MessageArrived,
    MessageDeleted,
    MessageEdited,
    Person,
    Place,
)
from models.contracts.enums import SendStatus

Wire = TypeVar("Wire", bound=BaseModel)

STATUSES = frozenset({"sent", "delivered", "read", "failed"})
KIND = re.compile(r"[a-z_]{1,40}")


class Head(Frozen):
    """What every message has. A person who hides their number is known by an id of Meta's alone."""

    id: Id
    timestamp: AwareDatetime
    type: StrictStr
    number: Maybe[Id] = Field(None, alias="from")
    from_user_id: Maybe[Id] = None

    @property
    def sender(self) -> str | None:
        return self.number or self.from_user_id


class File(Frozen):
    id: Id
    mime_type: Maybe[Text] = None
    caption: Maybe[Text] = None
    filename: Maybe[Text] = None
    voice: Maybe[StrictBool] = None


class Location(Frozen):
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    name: Maybe[Text] = None
    address: Maybe[Text] = None


class Named(Frozen):
    formatted_name: Text


class Phone(Frozen):
    phone: Text


class Contact(Frozen):
    name: Named
    phones: tuple[Phone, ...] = ()


class TextBody(Frozen):
    body: Text


class TemplateButton(Frozen):
    text: Text


class Choice(Frozen):
    title: Text
    description: Maybe[Text] = None

    @property
    def said(self) -> str:
        """The whole of it: below a title that was too long to be shown stands all of it (see writing)."""
        whole = self.description or ""
        return whole if self.title.endswith("…") and whole.startswith(self.title[:-1]) else self.title


class Context(Frozen):
    id: Id


class Profile(Frozen):
    name: Text


class Sender(Frozen):
    profile: Profile
    wa_id: Maybe[Id] = None
    user_id: Maybe[Id] = None


class Moved(Frozen):
    wa_id: Id


class Revoked(Frozen):
    original_message_id: Id


class Edited(Frozen):
    original_message_id: Id
    message: dict[str, Any]


class Status(Frozen):
    id: Id
    status: StrictStr
    timestamp: AwareDatetime


def read(payload: Mapping[str, Any], number: str) -> Sequence[Arrived]:
    """The events of a delivery that are of the phone number with the id `number`, in their order.

    Raises ValueError when it is no delivery of a WhatsApp account.
    """
    if payload.get("object") != "whatsapp_business_account" or not isinstance(payload.get("entry"), list):
        raise ValueError("not a delivery of a WhatsApp account")
    return [event for value in _values(payload) if _number_of(value) == number for event in _events(value)]


def _values(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for entry in _objects(payload, "entry"):
        for change in _objects(entry, "changes"):
            if change.get("field") == "messages" and isinstance(value := change.get("value"), dict):
                yield value


def _events(value: Mapping[str, Any]) -> Iterator[Arrived]:
    names = _names(value)
    for raw in _objects(value, "messages"):
        head = _parsed(Head, raw)
        # In a group we are no partner of a conversation.
        if head is not None and head.sender is not None and "group_id" not in raw:
            event = _event(head, raw, Person(id=head.sender, name=names.get(head.sender)))
            if event is not None:
                yield event
    for raw in _objects(value, "statuses"):
        status = _parsed(Status, raw)
        if status is not None and status.status in STATUSES:
            code = next((word(error.get("code")) for error in _objects(raw, "errors")), None)
            yield DeliveryChanged(
                id=status.id,
                status=SendStatus(status.status),
                at=status.timestamp,
                code=code,
                unreachable=code in UNREACHABLE.values(),
                account=code in ACCOUNT.values(),
            )


def _event(head: Head, raw: Mapping[str, Any], sender: Person) -> Arrived | None:
    chat = Chat(id=sender.id)
    content = raw.get(head.type)
    match head.type:
        # Nothing that a person said: a sign under a message, a chat that was opened.
        case "reaction" | "request_welcome":
            return None
        case "system":
            moved = _parsed(Moved, content)
            return None if moved is None else ChatMoved(chat=chat.id, to=moved.wa_id)
        case "edit" if edited := _parsed(Edited, content):
            text = _said(edited.message.get("type"), edited.message).get("text")
            if text is not None:
                return MessageEdited(id=edited.original_message_id, chat=chat, text=text)
        case "revoke" if revoked := _parsed(Revoked, content):
            return MessageDeleted(id=revoked.original_message_id, chat=chat)
    said = _said(head.type, raw) or {"unsupported": head.type if KIND.fullmatch(head.type) else "unknown"}
    return MessageArrived(id=head.id, chat=chat, sender=sender, sent_at=head.timestamp, reply_to=_replied(raw), **said)


def _said(kind: object, raw: Mapping[str, Any]) -> dict[str, Any]:
    """What of a MessageArrived a message's content makes; nothing when it cannot be read."""
    content = raw.get(kind) if isinstance(kind, str) else None
    match kind:
        case "text" if text := _parsed(TextBody, content):
            return {"text": text.body}
        case "button" if button := _parsed(TemplateButton, content):
            return {"text": button.text}
        # What somebody chooses is what they say.
        case "interactive" if choice := _choice(content):
            return {"text": choice.said}
        case "image" | "video" | "audio" | "document" | "sticker" if file := _parsed(File, content):
            media = MediaKind.VOICE if file.voice else MediaKind(kind)
            attachment = Attachment(kind=media, ref=file.id, name=file.filename, mime=file.mime_type)
            return {"text": file.caption or "", "attachments": (attachment,)}
        case "location" if point := _parsed(Location, content):
            place = Place(latitude=point.latitude, longitude=point.longitude, title=point.name, address=point.address)
            return {"place": place}
        case "contacts" if cards := [card for each in _objects(raw, "contacts") if (card := _parsed(Contact, each))]:
            return _contacts(cards)
    return {}


def _contacts(cards: Sequence[Contact]) -> dict[str, Any]:
    """The first as a card; there is a place for one, so the others are written out."""
    first, *others = [
        ContactCard(name=card.name.formatted_name, phones=tuple(phone.phone for phone in card.phones)) for card in cards
    ]
    return {"contact": first, "text": "\n".join(" ".join((card.name, *card.phones)) for card in others)}


def _choice(content: object) -> Choice | None:
    if not isinstance(content, dict):
        return None
    return _parsed(Choice, content.get("button_reply")) or _parsed(Choice, content.get("list_reply"))


def _replied(raw: Mapping[str, Any]) -> str | None:
    context = _parsed(Context, raw.get("context"))
    return None if context is None else context.id


def _names(value: Mapping[str, Any]) -> dict[str, str]:
    """What people call themselves, by whichever id a message of theirs may come under."""
    contacts = [contact for raw in _objects(value, "contacts") if (contact := _parsed(Sender, raw))]
    return {name: contact.profile.name for contact in contacts for name in (contact.wa_id, contact.user_id) if name}


def _number_of(value: Mapping[str, Any]) -> object:
    metadata = value.get("metadata")
    return metadata.get("phone_number_id") if isinstance(metadata, dict) else None


def _objects(value: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    found = value.get(name)
    yield from (each for each in (found if isinstance(found, list) else ()) if isinstance(each, dict))


def _parsed(model: type[Wire], raw: object) -> Wire | None:
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None
