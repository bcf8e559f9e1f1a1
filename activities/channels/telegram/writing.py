"""What is sent, as the Bot API takes it. Pure."""

import html
import re
from dataclasses import dataclass
from typing import Any

from activities.channels.port import RefusedError
from models.contracts.channels import Button, Chat, ContactCard, Media, MediaKind, Part, Place

LARGEST_FILE = 50_000_000
LARGEST_PHOTO = 10_000_000

# What Telegram plays or shows in its own way, by MIME type. Everything else is a document.
SHOWN = {
    MediaKind.IMAGE: ("image/jpeg", "image/png", "image/webp"),
    MediaKind.VOICE: ("audio/ogg", "audio/opus", "audio/mpeg", "audio/mp4", "audio/x-m4a"),
    MediaKind.AUDIO: ("audio/mpeg", "audio/mp4", "audio/x-m4a"),
    MediaKind.VIDEO: ("video/mp4",),
    MediaKind.STICKER: ("image/webp", "video/webm", "application/x-tgsticker"),
}
METHODS = {
    MediaKind.IMAGE: ("sendPhoto", "photo"),
    MediaKind.VOICE: ("sendVoice", "voice"),
    MediaKind.AUDIO: ("sendAudio", "audio"),
    MediaKind.VIDEO: ("sendVideo", "video"),
    MediaKind.DOCUMENT: ("sendDocument", "document"),
    MediaKind.STICKER: ("sendSticker", "sticker"),
}
_TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Request:
    """A call of `method`. With a file, `name` is the field that it goes into."""

    method: str
    fields: dict[str, Any]
    name: str | None = None


def request(chat: Chat, part: Part) -> Request:
    """Raises RefusedError for what Telegram would not take."""
    method, content = _content(part)
    fields = {**address(chat), **content, **_replied(part)}
    if part.buttons:
        fields["reply_markup"] = keyboard(part.buttons)
    if part.media is None:
        return Request(method, fields)
    return Request(method, fields, METHODS[shown_as(part.media)][1])


def address(chat: Chat) -> dict[str, Any]:
    return {"chat_id": number(chat.id), **({} if chat.topic is None else {"message_thread_id": number(chat.topic)})}


def edited(chat: Chat, message_id: str, part: Part) -> Request:
    """The same message with this text, or caption, and these buttons; without a text, with these buttons alone."""
    fields: dict[str, Any] = {"chat_id": number(chat.id), "message_id": number(message_id)}
    if part.buttons or not part.text:
        fields["reply_markup"] = keyboard(part.buttons)
    if not part.text:
        return Request("editMessageReplyMarkup", fields)
    if part.media is not None:
        return Request("editMessageCaption", {**fields, "caption": part.text, "parse_mode": "HTML"})
    return Request("editMessageText", {**fields, **_text(part.text)})


def unmarked(call: Request) -> Request:
    """The same in plain text, for when the markup was not understood."""
    fields = {key: value for key, value in call.fields.items() if key != "parse_mode"}
    for name in ("text", "caption"):
        if name in fields:
            fields[name] = html.unescape(_TAG.sub("", fields[name]))
    return Request(call.method, fields, call.name)


def keyboard(rows: tuple[tuple[Button, ...], ...]) -> dict[str, Any]:
    buttons = [[{"text": button.text, "callback_data": button.data} for button in row] for row in rows]
    return {"inline_keyboard": buttons}


def shown_as(media: Media) -> MediaKind:
    """How Telegram shows a file: as what it is, where it can."""
    if media.size > LARGEST_FILE:
        raise RefusedError("too_large")
    mime = media.mime.partition(";")[0].strip().lower()
    if mime not in SHOWN.get(media.kind, ()) or (media.kind is MediaKind.IMAGE and media.size > LARGEST_PHOTO):
        return MediaKind.DOCUMENT
    return media.kind


def number(name: str) -> int:
    """Telegram's names are numbers."""
    try:
        return int(name)
    except ValueError:
        raise RefusedError("bad_name") from None


def _content(part: Part) -> tuple[str, dict[str, Any]]:
    if part.media is not None:
        kind = shown_as(part.media)
        captioned = bool(part.text) and kind is not MediaKind.STICKER
        return METHODS[kind][0], {"caption": part.text, "parse_mode": "HTML"} if captioned else {}
    if part.place is not None:
        return _place(part.place)
    if part.contact is not None:
        return "sendContact", _contact(part.contact)
    if not part.text.strip():
        raise RefusedError("empty")
    return "sendMessage", _text(part.text)


def _text(text: str) -> dict[str, Any]:
    return {"text": text, "parse_mode": "HTML", "link_preview_options": {"is_disabled": True}}


def _place(place: Place) -> tuple[str, dict[str, Any]]:
    point = {"latitude": place.latitude, "longitude": place.longitude}
    if not (place.title or place.address):
        return "sendLocation", point
    # A venue must have both.
    title, where = place.title or place.address, place.address or place.title
    return "sendVenue", {**point, "title": title, "address": where}


def _contact(card: ContactCard) -> dict[str, Any]:
    if not card.phones:
        raise RefusedError("no_number")
    fields = {"phone_number": card.phones[0], "first_name": card.name}
    if len(card.phones) > 1:
        lines = [
            "BEGIN:VCARD",
            "VERSION:3.0",
            f"FN:{card.name}",
            *(f"TEL:{phone}" for phone in card.phones),
            "END:VCARD",
        ]
        fields["vcard"] = "\n".join(lines)
    return fields


def _replied(part: Part) -> dict[str, Any]:
    if part.reply_to is None:
        return {}
    # What was answered may be deleted by now; the answer is to arrive all the same.
    return {"reply_parameters": {"message_id": number(part.reply_to), "allow_sending_without_reply": True}}
