"""How a part is written in the Cloud API's JSON (POST /{phone number}/messages). Pure."""

from collections.abc import Sequence
from typing import Any

from activities.channels.port import RefusedError
from models.contracts.channels import Button, Chat, ContactCard, Media, MediaKind, Part, Place
from runtime.characters import beginning, ending

CAPTIONS = frozenset({MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.DOCUMENT})

MEBIBYTE = 1024 * 1024
OFFICE = "application/vnd.openxmlformats-officedocument"
IMAGES = frozenset({"image/jpeg", "image/png"})
AUDIO = frozenset({"audio/aac", "audio/amr", "audio/mp4", "audio/mpeg", "audio/ogg"})
VIDEOS = frozenset({"video/mp4", "video/3gpp"})
STICKERS = frozenset({"image/webp"})
DOCUMENTS = frozenset(
    {
        *("text/plain", "application/pdf", "application/msword"),
        *("application/vnd.ms-excel", "application/vnd.ms-powerpoint"),
        *(
            f"{OFFICE}.{kind}"
            for kind in ("wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation")
        ),
    }
)
LIMITS = {
    **dict.fromkeys(IMAGES, 5 * MEBIBYTE),
    **dict.fromkeys(AUDIO | VIDEOS, 16 * MEBIBYTE),
    **dict.fromkeys(STICKERS, 500 * 1024),
    **dict.fromkeys(DOCUMENTS, 100 * MEBIBYTE),
}
"""The types that Meta takes, each up to how many bytes. It refuses all others."""
LARGEST_FILE = max(LIMITS.values())
NATIVE = {
    MediaKind.IMAGE: IMAGES,
    MediaKind.VOICE: frozenset({"audio/ogg"}),
    MediaKind.AUDIO: AUDIO,
    MediaKind.VIDEO: VIDEOS,
    MediaKind.STICKER: STICKERS,
}
"""What it shows as the kind itself; whatever else goes as a document, and is shown by its name."""

NAME_LIMIT = 240
BODY_LIMIT, BUTTONS, ROWS, BUTTON_LIMIT, ROW_LIMIT, DESCRIPTION_LIMIT = 1_024, 3, 10, 20, 24, 72
OPENS_LIST = "⋯"
"""On the button that opens a list: there is no word of ours in the customer's language here."""


def message(chat: Chat, part: Part, media_id: str | None) -> dict[str, Any]:
    """The request that sends `part`; `media_id` is what its file was uploaded as. Raises RefusedError."""
    body = _addressed(chat) | _content(part, media_id)
    if part.reply_to is not None:
        body["context"] = {"message_id": part.reply_to}
    return body


def template(chat: Chat, name: str, language: str, parameters: Sequence[str] = ()) -> dict[str, Any]:
    """`parameters` stand in its body for {{1}}, {{2}}, …"""
    wanted: dict[str, Any] = {"name": name, "language": {"policy": "deterministic", "code": language}}
    if parameters:
        filled = [{"type": "text", "text": text} for text in parameters]
        wanted["components"] = [{"type": "body", "parameters": filled}]
    return _addressed(chat) | {"type": "template", "template": wanted}


def typing(message_id: str) -> dict[str, Any]:
    """The request that shows that it is read, and answered."""
    read = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id}
    return read | {"typing_indicator": {"type": "text"}}


def sent_as(media: Media) -> MediaKind:
    """The kind that Meta takes the file as. Raises RefusedError."""
    mime = media.mime.partition(";")[0].strip().lower()
    if mime not in LIMITS:
        raise RefusedError("unsupported_type")
    if media.size > LIMITS[mime]:
        raise RefusedError("too_large")
    return media.kind if mime in NATIVE.get(media.kind, ()) else MediaKind.DOCUMENT


def _addressed(chat: Chat) -> dict[str, Any]:
    # Who hides their number behind a user name is known by an id of Meta's, which has a field of its own.
    whom = {"recipient_type": "individual", "to": chat.id} if chat.id.isdigit() else {"recipient": chat.id}
    return {"messaging_product": "whatsapp", **whom}


def _content(part: Part, media_id: str | None) -> dict[str, Any]:
    buttons = [button for row in part.buttons for button in row]
    if part.media is not None:
        assert media_id is not None, "a file is uploaded first"
        return _file(part.media, media_id, _with_choices(part.text, buttons))
    if part.place is not None:
        return {"type": "location", "location": _location(part.place)}
    if part.contact is not None:
        return {"type": "contacts", "contacts": [_contact(part.contact)]}
    if not part.text:
        raise RefusedError("empty")
    if buttons and (interactive := _interactive(part.text, buttons)) is not None:
        return {"type": "interactive", "interactive": interactive}
    return {"type": "text", "text": {"body": _with_choices(part.text, buttons), "preview_url": False}}


def _file(media: Media, media_id: str, caption: str) -> dict[str, Any]:
    kind = sent_as(media)
    content: dict[str, Any] = {"id": media_id}
    if caption:
        if kind not in CAPTIONS:
            raise RefusedError("no_caption")
        content["caption"] = caption
    if kind is MediaKind.DOCUMENT:
        content["filename"] = ending(media.name, NAME_LIMIT)
    if kind is MediaKind.VOICE:
        return {"type": "audio", "audio": content | {"voice": True}}
    return {"type": kind.value, kind.value: content}


def _location(place: Place) -> dict[str, str]:
    texts = {"name": place.title, "address": place.address}
    # Seven digits are a centimetre, and never an exponent.
    point = {"latitude": f"{place.latitude:.7f}", "longitude": f"{place.longitude:.7f}"}
    return point | {name: text for name, text in texts.items() if text}


def _contact(card: ContactCard) -> dict[str, Any]:
    # Meta wants a part of the name beside the whole.
    return {
        "name": {"formatted_name": card.name, "first_name": card.name},
        "phones": [{"phone": phone} for phone in card.phones],
    }


def _interactive(text: str, buttons: Sequence[Button]) -> dict[str, Any] | None:
    """Buttons, or a list where there are too many or they are too long; None when neither can hold them."""
    distinct = len({each.text for each in buttons}) == len({each.data for each in buttons}) == len(buttons)
    if len(text) > BODY_LIMIT or not distinct:
        return None
    if len(buttons) <= BUTTONS and all(len(button.text) <= BUTTON_LIMIT for button in buttons):
        replies = [{"type": "reply", "reply": {"id": button.data, "title": button.text}} for button in buttons]
        return {"type": "button", "body": {"text": text}, "action": {"buttons": replies}}
    rows = [_row(button) for button in buttons]
    if len(rows) > ROWS or len({row["title"] for row in rows}) < len(rows):
        return None
    return {"type": "list", "body": {"text": text}, "action": {"button": OPENS_LIST, "sections": [{"rows": rows}]}}


def _row(button: Button) -> dict[str, str]:
    if len(button.text) <= ROW_LIMIT:
        return {"id": button.data, "title": button.text}
    shown, whole = beginning(button.text, ROW_LIMIT - 1) + "…", beginning(button.text, DESCRIPTION_LIMIT)
    return {"id": button.data, "title": shown, "description": whole}


def _with_choices(text: str, buttons: Sequence[Button]) -> str:
    """Choices as lines, for a customer to answer in words: nothing is lost where there is no place for buttons."""
    return "\n".join(filter(None, (text, *(f"• {button.text}" for button in buttons))))
