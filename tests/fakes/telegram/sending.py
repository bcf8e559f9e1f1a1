"""Methods of the Bot API that send: what is refused, and what becomes a message."""

import time
from collections.abc import Callable
from typing import Any

from tests.fakes.faults import Json
from tests.fakes.telegram import requests as rq
from tests.fakes.telegram.markup import MarkupError, clean, parse, trimmed, units
from tests.fakes.telegram.rooms import room_to_read, room_to_write
from tests.fakes.telegram.world import (
    CONTENT,
    FILE_KINDS,
    Asked,
    RefusalError,
    Room,
    Sent,
    World,
    bad,
    marks,
    now,
)
from tests.fakes.upload import Upload

PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM")
TEXT_UNITS = 4_096
CAPTION_UNITS = 1_024
PHOTO_BYTES = 10 * 2**20
UPLOAD_BYTES = 50 * 2**20


def send(world: World, asked: Asked, request: rq.Sending) -> Json:
    room = room_to_write(world, asked.bot, request.chat_id, request.message_thread_id)
    content, upload = _content(world, asked, request)
    content |= _around(room, request)
    _spend(world, asked, room)
    return _keep(world, asked, room, request.message_thread_id, content, upload).message


def send_media_group(world: World, asked: Asked, request: rq.SendMediaGroup) -> list[Json]:
    room = room_to_write(world, asked.bot, request.chat_id, request.message_thread_id)
    if not 2 <= len(request.media) <= 10:
        raise bad("media group must include 2-10 items")
    kinds = {item.type for item in request.media}
    if len(kinds) > 1 and kinds != {"photo", "video"}:
        raise bad("Can't use the media of the specified type in the album")
    parts = [(_file(world, asked, item.type, item.media), caption(item)) for item in request.media]
    around = _around(room, request) | {"media_group_id": str(time.monotonic_ns())}
    _spend(world, asked, room, len(parts))
    return [
        _keep(world, asked, room, request.message_thread_id, content | said | around, upload).message
        for (content, upload), said in parts
    ]


def forward_message(world: World, asked: Asked, request: rq.ForwardMessage) -> Json:
    room = room_to_write(world, asked.bot, request.chat_id, request.message_thread_id)
    original = _original(world, asked, request, "message to forward not found")
    origin = {"type": "user", "date": original["date"], "sender_user": original["from"]}
    _spend(world, asked, room)
    shown = content_of(original) | {"forward_origin": origin}
    return _keep(world, asked, room, request.message_thread_id, shown, _upload_of(world, original)).message


def copy_message(world: World, asked: Asked, request: rq.CopyMessage) -> Json:
    room = room_to_write(world, asked.bot, request.chat_id, request.message_thread_id)
    original = _original(world, asked, request, "message to copy not found")
    shown = content_of(original)
    if "caption" in request.model_fields_set and "text" not in shown:
        shown = {name: value for name, value in shown.items() if not name.startswith("caption")} | caption(request)
    shown |= _around(room, request)
    _spend(world, asked, room)
    sent = _keep(world, asked, room, request.message_thread_id, shown, _upload_of(world, original))
    return {"message_id": sent.id}


def send_chat_action(world: World, asked: Asked, request: rq.SendChatAction) -> bool:
    room_to_write(world, asked.bot, request.chat_id, request.message_thread_id)
    return True


def text(request: rq.SendMessage | rq.EditMessageText) -> Json:
    """A message's text and entities. Raises RefusalError for what is empty, too long or badly marked up."""
    said, entities = _marked(request.text, request.parse_mode, request.entities)
    if not said:
        raise bad("message text is empty")
    if units(said) > TEXT_UNITS:
        raise bad("message is too long")
    return {"text": said, **({"entities": entities} if entities else {})}


def caption(request: rq.Caption) -> Json:
    """A file's caption and its entities; nothing when it has none. Raises RefusalError."""
    said, entities = _marked(request.caption, request.parse_mode, request.caption_entities)
    if units(said) > CAPTION_UNITS:
        raise bad("message caption is too long")
    named = {"caption": said, "caption_entities": entities}
    return {name: value for name, value in named.items() if value}


def keyboard(asked_for: rq.Keyboard | None) -> Json:
    """A message's buttons; nothing when it has none. Raises RefusalError."""
    if asked_for is None or not asked_for.inline_keyboard:
        return {}
    rows = asked_for.inline_keyboard
    if sum(len(row) for row in rows) > 100 or any(len(row) > 8 for row in rows):
        raise bad("reply markup is too long")
    for button in (button for row in rows for button in row):
        if not button.text.strip() or (button.callback_data is None) == (button.url is None):
            raise bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
        if button.callback_data is not None and not 1 <= len(button.callback_data.encode()) <= 64:
            raise bad("BUTTON_DATA_INVALID")
        if button.url is not None and not button.url.startswith(("http://", "https://", "tg://")):
            raise bad("BUTTON_URL_INVALID")
    return {"reply_markup": asked_for.model_dump(mode="json", exclude_unset=True)}


def content_of(message: Json) -> Json:
    return {name: message[name] for name in CONTENT if name in message}


def _marked(source: str, mode: str, given: list[Json]) -> tuple[str, list[Json]]:
    """A text without its markup and the entities in it: those that were named, and those that Telegram finds itself."""
    if mode.lower() not in ("", "html"):
        raise bad("unsupported parse_mode")
    try:
        said, entities = parse(clean(source)) if mode else (clean(source), given)
    except MarkupError as error:
        raise bad(f"can't parse entities: {error}") from None
    said, entities = trimmed(said, entities)
    return said, entities + marks(said)


def _content(world: World, asked: Asked, request: rq.Sending) -> tuple[Json, Upload | None]:
    match request:
        case rq.SendMessage():
            return text(request), None
        case rq.SendVenue():
            place = {"latitude": request.latitude, "longitude": request.longitude}
            venue = {"location": place, "title": request.title, "address": request.address}
            return {"venue": venue, "location": place}, None
        case rq.SendLocation():
            return {"location": {"latitude": request.latitude, "longitude": request.longitude}}, None
        case rq.SendContact():
            return {"contact": {"phone_number": request.phone_number, "first_name": request.first_name}}, None
        case _:
            return _sent_file(world, asked, request)


def _sent_file(world: World, asked: Asked, request: rq.Sending) -> tuple[Json, Upload]:
    kind = asked.method.removeprefix("send").lower()
    content, upload = _file(world, asked, kind, getattr(request, kind))
    return content | (caption(request) if isinstance(request, rq.SendingFile) else {}), upload


def _file(world: World, asked: Asked, kind: str, named: str) -> tuple[Json, Upload]:
    """A file that came with the request, or that Telegram has by its id. Raises RefusalError."""
    if named.startswith(("http://", "https://")):
        raise bad("failed to get HTTP URL content")
    if named in world.files.by_id:
        upload = world.files.by_id[named][1]
    elif named.removeprefix("attach://") in asked.files:
        upload = asked.files[named.removeprefix("attach://")]
    else:
        raise bad("wrong remote file identifier specified: Wrong string length")
    if not upload.data:
        raise bad("file must be non-empty")
    if len(upload.data) > UPLOAD_BYTES:
        raise RefusalError(413, "Request Entity Too Large")
    if kind == "photo" and len(upload.data) > PHOTO_BYTES:
        raise bad(
            f"file of size {len(upload.data)} bytes is too big for a photo; the maximum size is {PHOTO_BYTES} bytes"
        )
    if kind == "photo" and not upload.data.startswith(PICTURES):
        raise bad("IMAGE_PROCESS_FAILED")
    return world.files.content(kind, upload), upload


def _upload_of(world: World, message: Json) -> Upload | None:
    held = [message[kind] for kind in FILE_KINDS if kind in message]
    if not held:
        return None
    file = held[0][-1] if isinstance(held[0], list) else held[0]
    return world.files.by_id[file["file_id"]][1]


def _original(world: World, asked: Asked, request: rq.ForwardMessage | rq.CopyMessage, why: str) -> Json:
    original = room_to_read(world, asked.bot, request.from_chat_id).messages.get(request.message_id)
    if original is None:
        raise bad(why)
    if not content_of(original):
        raise bad(f"{why.removesuffix(' not found')} can't be copied")
    return original


def _around(room: Room, request: rq.Sending) -> Json:
    """What a message has beside its content: its buttons, and what it answers."""
    around = keyboard(request.reply_markup)
    reply = request.reply_parameters
    if reply is None:
        return around
    answered = room.messages.get(reply.message_id)
    if answered is not None:
        return around | {"reply_to_message": {k: v for k, v in answered.items() if k != "reply_to_message"}}
    if not reply.allow_sending_without_reply:
        raise bad("message to be replied not found")
    return around


def _spend(world: World, asked: Asked, room: Room, messages: int = 1) -> None:
    if world.limits is None:
        return
    at, group = time.monotonic(), room.person is None
    wait = world.limits.take(asked.bot.id, int(room.chat["id"]), group, at, messages)
    if wait is not None:
        raise RefusalError(429, f"Too Many Requests: retry after {wait}", retry_after=wait)


def _keep(world: World, asked: Asked, room: Room, thread_id: int, shown: Json, upload: Upload | None) -> Sent:
    message_id = next(room.ids)
    message: Json = {"message_id": message_id, "from": asked.bot.user, "chat": room.chat, "date": now(), **shown}
    if thread_id and room.chat.get("is_forum"):
        message |= {"message_thread_id": thread_id, "is_topic_message": True}
    room.messages[message_id] = message
    sent = Sent(asked.method, asked.bot, room, message, time.monotonic(), upload.data if upload else None)
    world.sends.append(sent)
    world.watch.changed()
    return sent


SENDING: dict[str, Callable[[World, Asked, Any], Any]] = {
    **dict.fromkeys(
        (
            "sendMessage", "sendPhoto", "sendDocument", "sendVoice", "sendAudio", "sendVideo", "sendAnimation",
            "sendSticker", "sendLocation", "sendVenue", "sendContact",
        ),
        send,
    ),
    "sendMediaGroup": send_media_group,
    "forwardMessage": forward_message,
    "copyMessage": copy_message,
    "sendChatAction": send_chat_action,
}  # fmt: skip
