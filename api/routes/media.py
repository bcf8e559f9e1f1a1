"""Files beside messages: uploaded to be sent, and fetched by whoever has a signed link."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.datastructures import UploadFile

from api import uploads
from api.gateway import Gateway, InGateway
from api.idempotency import IdempotentRoute
from api.identity.auth import Signed
from api.limits import MIB
from api.problems import ProblemError, documented, invalid, not_found, unavailable
from api.schemas.base import AttachmentOut
from models.contracts.channels import FileState, MediaKind
from models.repositories import attachments, conversations, media_garbage
from models.repositories.attachments import File, NewFile
from runtime.media.content import EXECUTABLE, INLINE, UNKNOWN, shown_name, type_of
from runtime.media.links import Standing
from runtime.media.port import MediaError, MissingError, Stored

router = APIRouter(tags=["media"], route_class=IdempotentRoute, responses=documented(404, 422, 503))

FORM = {
    "type": "object",
    "properties": {"file": {"type": "string", "format": "binary"}},
    "required": ["file"],
    "additionalProperties": False,
}
REQUEST = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM}}}}
KINDS = {"image": MediaKind.IMAGE, "audio": MediaKind.AUDIO, "video": MediaKind.VIDEO}
BYTES = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")


@router.post(
    "/v1/conversations/{conversation_id}/attachments",
    operation_id="uploadAttachment",
    status_code=201,
    responses=documented(400, 401, 403, 409, 413),
    openapi_extra=REQUEST,
)
async def upload(conversation_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> AttachmentOut:
    """Store a file that is then sent with a reply (`attachment_ids`). One that is not sent within a day is forgotten."""
    return await keep(gateway, caller.tenant_id, conversation_id, request)


async def keep(gateway: Gateway, tenant_id: UUID, conversation_id: UUID, request: Request) -> AttachmentOut:
    """Store the form's file for a message of this conversation. Raises ProblemError: 404, 409 full, 422, 503."""
    file = await uploads.file_of(request)
    size, largest = file.size or 0, gateway.settings.media_mib
    if not 0 < size <= largest * MIB:
        raise invalid("file", f"must have at most {largest} MiB" if size else "is empty")
    async with gateway.records.tenant(tenant_id) as tx:
        if await conversations.get(tx, conversation_id) is None:
            raise not_found("conversation")
        if await attachments.held(tx) + size > gateway.settings.media_tenant_mib * MIB:
            detail = f"The files of a tenant may have {gateway.settings.media_tenant_mib} MiB, and with this they would have more."
            raise ProblemError(409, detail, kind="media-full")
        key = await media_garbage.reserve(tx)
    stored = await _put(gateway, key, file)
    mime, name = type_of(stored.beginning), shown_name(file.filename or "")
    if mime == EXECUTABLE:
        # The key stays reserved, and so the file goes by itself.
        raise invalid("file", "is a program, which is not passed on")
    kind = KINDS.get(mime.partition("/")[0], MediaKind.DOCUMENT)
    new = NewFile(key=key, mime=mime, size=stored.size, sha256=stored.sha256)
    async with gateway.records.tenant(tenant_id) as tx:
        made = await attachments.upload(tx, conversation_id, kind, name, new)
    if made is None:
        raise not_found("conversation")
    stands = File(made, kind, FileState.STORED, name, mime, stored.size, None, None, key)
    return AttachmentOut.of(stands, gateway.media.url)


async def _put(gateway: Gateway, key: str, file: UploadFile) -> Stored:
    """Raises ProblemError (503) while the store is away."""
    try:
        return await gateway.media.put(key, _chunks(file), limit=gateway.settings.media_mib * MIB)
    except MediaError:
        raise unavailable("The file could not be stored now.") from None


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while part := await file.read(uploads.READ_AT_ONCE):
        yield part


@router.get(
    "/v1/media/{tenant_id}/{file_id}",
    operation_id="getMedia",
    response_class=StreamingResponse,
    responses={200: BYTES, 206: {"description": "The part that was asked for", **BYTES}, **documented(410, 416)},
)
async def get_media(
    tenant_id: UUID,
    file_id: UUID,
    gateway: InGateway,
    expires: Annotated[int, Query(ge=0, lt=2**63)],
    signature: Annotated[str, Query(max_length=100)],
    range_: Annotated[str | None, Header(alias="range")] = None,
) -> StreamingResponse:
    """A file, by a link that was signed here. Pictures, sounds and films of common kinds are shown; the rest is a
    download. Links are good for an hour (410 afterwards), and no longer than the file is kept."""
    key = f"{tenant_id}/{file_id}"
    standing = gateway.links.standing(key, expires, signature)
    if standing is Standing.EXPIRED:
        raise ProblemError(410, "This link has expired: read the message again for a new one.")
    found = None
    if standing is Standing.GOOD:
        async with gateway.records.tenant(tenant_id) as tx:
            found = await attachments.under(tx, key)
    if found is None:
        raise not_found("file")
    return await _answer(gateway, key, found, range_)


async def _answer(gateway: Gateway, key: str, file: File, asked: str | None) -> StreamingResponse:
    size = file.size or 0
    first, last = _part(asked, size)
    chunks = gateway.media.read(key, first=first, last=last)
    try:
        # Before anything is promised.
        beginning = await anext(chunks, b"")
    except MissingError:
        raise not_found("file") from None
    except MediaError:
        raise unavailable("The file cannot be read now.") from None
    shown = file.mime in INLINE
    name = quote(shown_name(file.name or ""), safe="")
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(last - first + 1),
        "Content-Disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{name}",
    }
    whole = (first, last) == (0, size - 1)
    if not whole:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    media_type = file.mime if shown else UNKNOWN
    return StreamingResponse(_resumed(beginning, chunks), 200 if whole else 206, headers, media_type)


def _part(asked: str | None, size: int) -> tuple[int, int]:
    """The first and the last byte that are asked for. What is no single range of bytes asks for all. Raises ProblemError
    (416) when there are no such bytes."""
    found = RANGE.fullmatch(asked or "")
    if found is None:
        return 0, size - 1
    begins, ends, tail = found.groups()
    first = max(0, size - int(tail)) if tail else int(begins)
    last = min(int(ends), size - 1) if ends else size - 1
    if first > last:
        raise ProblemError(416, "The file has no such bytes.", headers={"Content-Range": f"bytes */{size}"})
    return first, last


async def _resumed(beginning: bytes, chunks: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    async with aclosing(chunks):
        yield beginning
        async for part in chunks:
            yield part
