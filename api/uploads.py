"""Files in a multipart form. What is large of it lies on disk, and it is read once it is known who sends it."""

import hashlib
import re

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from api.limits import MIB
from api.problems import invalid
from api.schemas.uploads import MAX_FILES, MAX_TAGS, UploadIn
from runtime.settings import Settings

KNOWLEDGE = "/v1/kb/upload"
ATTACHMENT = re.compile(r"/v1/conversations/[^/]+/attachments|/v1/widget/[^/]+/files")
MAILS = "/v1/channels/email/"
LARGEST_MAIL = 10 * MIB
"""Of those that a provider posts. Larger ones have to be asked for (IMAP)."""
SLOWEST = 262_144
"""Bytes a second that a client must send at least, when all of a large body is to arrive in time."""

FIELD_BYTES = 4096
READ_AT_ONCE = 1_048_576


FORM_BYTES = 65_536
"""What a form of one file may have besides the file."""


def largest_form(path: str, settings: Settings) -> int | None:
    """Bytes of the largest form, or mail, that this path takes. None: it takes no files, and bodies are as others are."""
    if path == KNOWLEDGE:
        return settings.kb_request_mib * MIB
    if ATTACHMENT.fullmatch(path):
        return settings.media_mib * MIB + FORM_BYTES
    if path.startswith(MAILS):
        # In base64, as JSON.
        return LARGEST_MAIL * 4 // 3 + FORM_BYTES
    return None


def arrival_seconds(body_seconds: float, largest: int | None) -> float:
    """How long a form of at most `largest` bytes may take to arrive, where other bodies may take `body_seconds`."""
    return body_seconds if largest is None else body_seconds + largest / SLOWEST


def is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data"


async def form_of(request: Request) -> FormData:
    """The form; the same one however often it is asked for. Raises HTTPException (400) where it is none."""
    return await request.form(max_files=MAX_FILES, max_fields=MAX_TAGS + 1, max_part_size=FIELD_BYTES)


async def form_hash(request: Request) -> bytes:
    """The same for two forms that say the same, whatever boundary each of them chose."""
    whole = hashlib.sha256()
    for name, value in (await form_of(request)).multi_items():
        if isinstance(value, str):
            whole.update(_digest(name, value))
            continue
        content = hashlib.sha256()
        while part := await value.read(READ_AT_ONCE):
            content.update(part)
        await value.seek(0)
        whole.update(_digest(name, value.filename or "", content.hexdigest()))
    return whole.digest()


def _digest(*parts: str) -> bytes:
    """Of a fixed length each, so that no two lists of parts run into one another."""
    return b"".join(hashlib.sha256(part.encode("utf-8", "surrogatepass")).digest() for part in parts)


async def upload_of(request: Request) -> tuple[UploadIn, list[UploadFile]]:
    """What the form says, and its files in the order of `UploadIn.files`, which has their names.

    Raises ProblemError and RequestValidationError (422) naming every wrong field.
    """
    form = await form_of(request)
    files = [value for value in form.getlist("files") if isinstance(value, UploadFile)]
    given: dict[str, object] = {name: form[name] for name in form if name not in {"files", "tags"}}
    if "tags" in form:
        given["tags"] = form.getlist("tags")
    if "files" in form:
        given["files"] = [value if isinstance(value, str) else value.filename for value in form.getlist("files")]
    if len(form.getlist("name")) > 1:
        raise invalid("name", "must be given once")
    try:
        upload = UploadIn.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_input=False)]
        ) from None
    if len(files) < len(upload.files):
        raise invalid("files", "must be files: parts of the form with a file name")
    return upload, files


async def file_of(request: Request) -> UploadFile:
    """The form's one part, `file`. Raises ProblemError (422) naming what is wrong."""
    parts = (await form_of(request)).multi_items()
    for name, _ in parts:
        if name != "file":
            raise invalid(name, "unknown field")
    if len(parts) != 1:
        raise invalid("file", "must be given once" if parts else "required")
    file = parts[0][1]
    if isinstance(file, str):
        raise invalid("file", "must be a file: a part of the form with a file name")
    return file
