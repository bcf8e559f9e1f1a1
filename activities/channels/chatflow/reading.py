"""What ChatFlow delivers, as events. Pure. A delivery is one message."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StrictBool, StrictStr, ValidationError

from activities.channels.fields import Id, Maybe, Text
from models.contracts.base import Frozen
from models.contracts.channels import Arrived, Attachment, Chat, MediaKind, MessageArrived, Person

NUMBER = re.compile(r"([0-9]{5,20})(?::[0-9]+)?@(?:s\.whatsapp\.net|c\.us)")
HIDDEN = re.compile(r"[0-9]{5,30}@lid")
"""Somebody whose number WhatsApp does not tell."""
KIND = re.compile(r"[a-z_]{1,40}")
KINDS = {
    "image": MediaKind.IMAGE,
    "video": MediaKind.VIDEO,
    "audio": MediaKind.AUDIO,
    "ptt": MediaKind.VOICE,
    "voice": MediaKind.VOICE,
    "document": MediaKind.DOCUMENT,
    "file": MediaKind.DOCUMENT,
    "sticker": MediaKind.STICKER,
}
ENCRYPTED_HOST = ".whatsapp.net/"
"""What lies there is encrypted for the phone alone."""
LONGEST_DATA = 4 * 1024 * 1024
"""Characters of base64 that are kept with a message until its file is stored."""


class Metadata(Frozen):
    message_id: Id = Field(alias="messageId")
    jid: Id = Field(alias="remoteJid")
    timestamp: AwareDatetime
    sender: Maybe[Text] = None
    from_me: Maybe[StrictBool] = Field(None, alias="fromMe")


class MediaData(Frozen):
    type: Maybe[Text] = None
    url: Maybe[Text] = None
    base64: Maybe[Text] = None
    mimetype: Maybe[Text] = None
    name: Maybe[Text] = Field(None, alias="fileName")
    size: Maybe[Annotated[int, Field(ge=0, le=2**40)]] = None
    caption: Maybe[Text] = None
    ptt: Maybe[StrictBool] = None


class Delivery(Frozen):
    metadata: Metadata
    type: StrictStr = Field(alias="messageType")
    message: Maybe[Text] = None
    media: Maybe[MediaData] = Field(None, alias="mediaData")


def read(payload: Mapping[str, Any]) -> Sequence[Arrived]:
    """The message of a delivery; none for a probe with an empty body, for groups, and for what we wrote ourselves.

    Raises ValueError when it is no delivery of ChatFlow.
    """
    if not payload:
        return []
    try:
        delivery = Delivery.model_validate(payload)
    except ValidationError:
        raise ValueError("not a delivery of ChatFlow") from None
    told, kind = delivery.metadata, delivery.type.strip().lower()
    chat = _chat(told.jid)
    if chat is None or told.from_me or kind == "reaction":
        return []
    attachment = None if delivery.media is None else _attachment(kind, delivery.media)
    text = (delivery.media and delivery.media.caption) or delivery.message or ""
    readable = attachment is not None or (text and kind not in KINDS)
    return [
        MessageArrived(
            id=told.message_id,
            chat=chat,
            sender=Person(id=chat.id, name=told.sender),
            sent_at=told.timestamp,
            text=text if readable else "",
            attachments=() if attachment is None else (attachment,),
            unsupported=None if readable else (kind if KIND.fullmatch(kind) else "unknown"),
        )
    ]


def _chat(jid: str) -> Chat | None:
    """Who writes, by their number as other providers call them; None for groups, channels and broadcasts."""
    if number := NUMBER.fullmatch(jid):
        return Chat(id=number[1])
    return Chat(id=jid) if HIDDEN.fullmatch(jid) else None


def _attachment(kind: str, media: MediaData) -> Attachment | None:
    ref = _ref(media)
    if ref is None:
        return None
    found = _kind(media.type) or _kind(kind) or _kind(media.mimetype) or MediaKind.DOCUMENT
    if media.ptt and found is MediaKind.AUDIO:
        found = MediaKind.VOICE
    return Attachment(kind=found, ref=ref, name=media.name, mime=media.mimetype, size=media.size)


def _kind(told: str | None) -> MediaKind | None:
    """Of a word such as `image`, or a type such as `image/jpeg`."""
    return KINDS.get((told or "").partition("/")[0].strip().lower())


def _ref(media: MediaData) -> str | None:
    """Where the file is, or the file itself where it comes along."""
    if media.url and media.url.startswith(("https://", "http://")) and ENCRYPTED_HOST not in media.url:
        return media.url
    data = (media.base64 or "").rpartition(",")[2]
    if not data or len(data) > LONGEST_DATA:
        return None
    return f"data:{media.mimetype or 'application/octet-stream'};base64,{data}"
