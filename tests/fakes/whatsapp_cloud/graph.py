"""What each request of the Graph API does to the world, and when it refuses."""

import hashlib
import secrets
import time

import httpx

from tests.fakes.faults import Json
from tests.fakes.upload import Upload
from tests.fakes.whatsapp_cloud.notices import TITLES, status
from tests.fakes.whatsapp_cloud.requests import File, GraphError, Message, Read, WrongRequestError, judged
from tests.fakes.whatsapp_cloud.world import WINDOW, Number, Sent, World

ADDRESS_SECONDS = 300
"""How long a file can be fetched from the address that was told."""

MEBIBYTE = 2**20
OFFICE = "application/vnd.openxmlformats-officedocument"
TYPES = {
    **dict.fromkeys(("audio/aac", "audio/amr", "audio/mp4", "audio/mpeg", "audio/ogg"), 16 * MEBIBYTE),
    **dict.fromkeys(("image/jpeg", "image/png"), 5 * MEBIBYTE),
    **dict.fromkeys(("video/mp4", "video/3gpp"), 16 * MEBIBYTE),
    "image/webp": MEBIBYTE // 2,
    **dict.fromkeys(("text/plain", "application/pdf", "application/msword"), 100 * MEBIBYTE),
    **dict.fromkeys(("application/vnd.ms-excel", "application/vnd.ms-powerpoint"), 100 * MEBIBYTE),
    f"{OFFICE}.wordprocessingml.document": 100 * MEBIBYTE,
    f"{OFFICE}.spreadsheetml.sheet": 100 * MEBIBYTE,
    f"{OFFICE}.presentationml.presentation": 100 * MEBIBYTE,
}
"""What may be uploaded, up to how many bytes."""

SHOWN_AS = {
    "image": ("image/jpeg", "image/png"),
    "sticker": ("image/webp",),
    "audio": ("audio/",),
    "video": ("video/",),
}
NUMBER_FIELDS = ("id", "display_phone_number", "verified_name", "quality_rating", "name_status", "platform_type")


async def post_message(world: World, client: httpx.AsyncClient, number: Number, fields: Json) -> Json:
    """Take a message, or mark one as read."""
    request = judged(fields)
    if isinstance(request, Read):
        return _read(world, number, request)
    to = request.to.removeprefix("+")
    data = await _file(world, client, request)
    if request.context is not None and request.context.message_id not in _known(world, number):
        raise GraphError(400, 131_009, "Parameter value is not valid", "context: no such message")
    if request.template is not None:
        _check_template(world, request)
    code = _undeliverable(world, number, request, to)
    if code is not None and code not in world.late:
        raise GraphError(400, code, TITLES[code])
    sent = Sent(world.wamid(), number, to, request, time.monotonic(), data)
    if code is None:
        world.sends.append(sent)
    else:
        number.tell(status(sent.id, to, "failed", code))
    world.watch.changed()
    known = {"input": request.to, "wa_id": to}
    return {"messaging_product": "whatsapp", "contacts": [known], "messages": [{"id": sent.id}]}


def _undeliverable(world: World, number: Number, request: Message, to: str) -> int | None:
    if to not in world.people:
        return 131_026
    closed = world.now() - number.heard.get(to, 0) >= WINDOW.total_seconds()
    return 131_047 if closed and request.template is None else None


def _check_template(world: World, request: Message) -> None:
    assert request.template is not None
    template = request.template.name, request.template.language.code
    if code := world.refused.get(template):
        raise GraphError(400, code, "Template is paused or disabled")
    wanted = world.templates.get(template)
    if wanted is None:
        raise GraphError(404, 132_001, "Template name does not exist in the translation")
    if wanted != request.template.parameters:
        raise GraphError(400, 132_000, "Number of parameters does not match the expected number of params")


def _known(world: World, number: Number) -> set[str]:
    return number.received | {sent.id for sent in world.sends if sent.number is number}


def _read(world: World, number: Number, request: Read) -> Json:
    if request.message_id not in number.received:
        raise GraphError(400, 131_009, "Parameter value is not valid", "message_id: no such message")
    number.read.append(request.message_id)
    if request.typing_indicator is not None:
        number.typing.append(request.message_id)
    world.watch.changed()
    return {"success": True}


async def _file(world: World, client: httpx.AsyncClient, request: Message) -> bytes | None:
    """The bytes of the file that a message names. Meta fetches a link itself."""
    file: File | None = request.file
    if file is None:
        return None
    if file.link:
        answer = await client.get(file.link, follow_redirects=True)
        upload = Upload(answer.content, mime=answer.headers.get("content-type", "").partition(";")[0])
        if not answer.is_success or upload.mime not in TYPES:
            raise GraphError(400, 131_053, TITLES[131_053])
    elif file.id in world.media:
        upload = world.media[file.id]
    else:
        raise GraphError(400, 100, "Invalid parameter", f"{request.type}.id: no such media")
    if not upload.mime.startswith(SHOWN_AS.get(request.type, ("",))):
        raise GraphError(400, 131_053, TITLES[131_053], f"{upload.mime} is no {request.type}")
    return upload.data


def upload_media(world: World, fields: Json, file: Upload | None) -> Json:
    if fields.get("messaging_product") != "whatsapp":
        raise WrongRequestError("messaging_product is missing")
    if file is None:
        raise WrongRequestError("file is missing")
    # The type that is named may carry parameters: audio/ogg; codecs=opus.
    mime = str(fields.get("type", file.mime)).partition(";")[0].strip()
    if mime not in TYPES:
        raise WrongRequestError(f"Param file must be a file with one of the following types: {', '.join(TYPES)}")
    if not file.data or len(file.data) > TYPES[mime]:
        raise GraphError(400, 131_053, TITLES[131_053], f"{len(file.data)} bytes")
    return {"id": world.keep(Upload(file.data, file.name, mime))}


def tell_media(world: World, origin: str, media_id: str) -> Json:
    upload = world.media[media_id]
    token = secrets.token_urlsafe(16)
    world.addresses[token] = (media_id, world.now() + ADDRESS_SECONDS)
    return {
        "messaging_product": "whatsapp",
        "id": media_id,
        "url": f"{origin}/whatsapp_business/attachments/{token}",
        "mime_type": upload.mime,
        "sha256": hashlib.sha256(upload.data).hexdigest(),
        "file_size": upload.told_size,
    }


def delete_media(world: World, media_id: str) -> Json:
    del world.media[media_id]
    world.watch.changed()
    return {"success": True}


def download(world: World, token: str) -> Upload | None:
    """None: the address was never told, or has expired."""
    media_id, until = world.addresses.get(token, ("", 0.0))
    return world.media.get(media_id) if world.now() < until else None


def tell_number(number: Number, wanted: str) -> Json:
    known = dict(
        zip(
            NUMBER_FIELDS,
            (number.id, number.phone, number.name, number.quality, "APPROVED", "CLOUD_API"),
            strict=True,
        )
    )
    names = wanted.split(",") if wanted else ["id", "display_phone_number", "verified_name", "quality_rating"]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise WrongRequestError(f"Tried accessing nonexisting field ({unknown[0]})")
    return {name: known[name] for name in ["id", *names]}
