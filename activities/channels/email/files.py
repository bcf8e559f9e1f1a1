"""Files of mails: read out of the whole mail, which is had again from where it is.

`imap/<numbering>/<mail>/<place>` lies in the mailbox, `stored/<key>/<place>` in the media store for a while (see
api/webhooks/mails.py).
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from email import message_from_bytes

from activities.channels.email.mailbox import Mailbox
from activities.channels.email.parsing import LARGEST_MAIL, content, leaves
from activities.channels.port import Fetched, Files, RefusedError
from runtime.media.port import MissingError

CHUNK = 256 * 1024

_IN_MAILBOX = re.compile(r"imap/([0-9]{1,10})/([0-9]{1,10})/([0-9]{1,5})")
_STORED = re.compile(r"stored/([0-9a-f-]{36}/[0-9a-f-]{36})/([0-9]{1,5})")

Open = Callable[[], AbstractAsyncContextManager[Mailbox]]


def origin(validity: int, uid: int) -> str:
    return f"imap/{validity}/{uid}"


@asynccontextmanager
async def fetching(open_mailbox: Open, files: Files, ref: str) -> AsyncIterator[Fetched]:
    """Raises ChannelError; `gone`: the mail was deleted or moved, or its folder numbered anew."""
    if found := _IN_MAILBOX.fullmatch(ref):
        raw = await _from_mailbox(open_mailbox, int(found[1]), int(found[2]))
        place = int(found[3])
    elif found := _STORED.fullmatch(ref):
        raw = await _from_store(files, found[1])
        place = int(found[2])
    else:
        raise RefusedError("gone")
    parts = list(leaves(message_from_bytes(raw)))
    if place >= len(parts):
        raise RefusedError("gone")
    if len(raw) >= LARGEST_MAIL and place == len(parts) - 1:
        # Its end was not read.
        raise RefusedError("too_large")
    data = content(parts[place])
    yield Fetched(_chunks(data), len(data), parts[place].get_content_type())


async def _from_mailbox(open_mailbox: Open, validity: int, uid: int) -> bytes:
    async with open_mailbox() as mailbox:
        raw = await mailbox.raw(uid) if mailbox.end.validity == validity else None
    if raw is None:
        raise RefusedError("gone")
    return raw


async def _from_store(files: Files, key: str) -> bytes:
    try:
        return b"".join([chunk async for chunk in files.read(key)])
    except MissingError:
        raise RefusedError("gone") from None


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), CHUNK):
        yield data[start : start + CHUNK]
