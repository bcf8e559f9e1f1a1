"""Files of mails, had again from where the mail is.

`imap/<numbering>/<mail>/<place>/<section>/<size>` lies in the mailbox, `stored/<key>/<place>` in the media store for a while
(see api/webhooks/mails.py).
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from email import message_from_bytes
from email.message import Message

from activities.channels.email.letter import File
from activities.channels.email.mailbox import Mailbox
from activities.channels.email.parsing import content, leaves
from activities.channels.port import Fetched, Files, RefusedError
from runtime.media.port import MissingError

CHUNK = 256 * 1024
CUT = "cut"
"""What a file is called whose end was not read with its mail."""

_IN_MAILBOX = re.compile(r"imap/([0-9]{1,10})/([0-9]{1,10})/([0-9]{1,5})(?:/([0-9.]+)/([0-9]{1,9}))?")
_STORED = re.compile(r"stored/([0-9a-f-]{36}/[0-9a-f-]{36})/([0-9]{1,5})")

Open = Callable[[], AbstractAsyncContextManager[Mailbox]]


def origin(validity: int, uid: int) -> str:
    return f"imap/{validity}/{uid}"


def reference(origin: str, file: File) -> str:
    """What the file of a mail from `origin` is fetched by."""
    if file.cut:
        return CUT
    inside = origin.startswith("imap/") and file.section
    return f"{origin}/{file.place}" + (f"/{file.section}/{file.size}" if inside else "")


@asynccontextmanager
async def fetching(open_mailbox: Open, files: Files, ref: str) -> AsyncIterator[Fetched]:
    """Raises ChannelError; `gone`: the mail was deleted or moved, or its folder numbered anew."""
    if ref == CUT:
        raise RefusedError("too_large")
    if found := _IN_MAILBOX.fullmatch(ref):
        part = await _from_mailbox(open_mailbox, found)
    elif found := _STORED.fullmatch(ref):
        part = _leaf(await _from_store(files, found[1]), int(found[2]))
    else:
        raise RefusedError("gone")
    data = content(part)
    yield Fetched(_chunks(data), len(data), part.get_content_type())


async def _from_mailbox(open_mailbox: Open, found: re.Match[str]) -> Message:
    uid = int(found[2])
    async with open_mailbox() as mailbox:
        if mailbox.end.validity != int(found[1]):
            raise RefusedError("gone")
        if found[4] is not None and (raw := await mailbox.part(uid, found[4])) is not None:
            part = message_from_bytes(raw)
            # Of a broken mail a server may make other parts than we do.
            if len(content(part)) == int(found[5]):
                return part
        raw = await mailbox.raw(uid)
    if raw is None:
        raise RefusedError("gone")
    return _leaf(raw, int(found[3]))


def _leaf(mail: bytes, place: int) -> Message:
    parts = list(leaves(message_from_bytes(mail)))
    if place >= len(parts):
        raise RefusedError("gone")
    return parts[place][1]


async def _from_store(files: Files, key: str) -> bytes:
    try:
        return b"".join([chunk async for chunk in files.read(key)])
    except MissingError:
        raise RefusedError("gone") from None


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), CHUNK):
        yield data[start : start + CHUNK]
