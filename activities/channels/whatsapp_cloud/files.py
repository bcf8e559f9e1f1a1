"""Files that customers sent: Meta tells where a file lies for five minutes, and gives it to whoever holds the token."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from activities.channels.download import pieces
from activities.channels.port import AccountError, Fetched, RefusedError, TryLaterError
from activities.channels.whatsapp_cloud.graph import FILE_SECONDS, Graph
from activities.channels.whatsapp_cloud.writing import LARGEST_FILE

HOSTS = ("lookaside.fbsbx.com", ".fbcdn.net")
"""Meta's own, where files lie. A name with a leading dot stands for every host under it."""


@asynccontextmanager
async def fetching(graph: Graph, number: str, ref: str) -> AsyncIterator[Fetched]:
    """The file `ref` of this phone number while it is read, LARGEST_FILE bytes at most. Raises ChannelError."""
    try:
        found = await graph.get(ref, phone_number_id=number)
    except AccountError as error:
        # Of a number that is in use it is the file that there is none of.
        raise RefusedError("file_gone") if error.code == "number_unknown" else error from None
    address = _trusted(found.get("url"), graph.origin)
    async with graph.open(address) as response:
        if response.status_code in (404, 410):
            raise TryLaterError("file_moved")
        if response.status_code in (401, 403):
            raise AccountError("permission_missing")
        if not response.is_success:
            raise TryLaterError(f"http_{response.status_code}")
        size, mime = _number(found.get("file_size")), found.get("mime_type")
        if size is not None and size > LARGEST_FILE:
            raise RefusedError("too_large")
        chunks = pieces(response, limit=LARGEST_FILE, seconds=FILE_SECONDS)
        yield Fetched(chunks, size, mime if isinstance(mime, str) else None)


def _trusted(url: object, origin: httpx.URL) -> httpx.URL:
    """The token goes with the request: to Meta's own hosts, and to where the API itself is."""
    try:
        address = httpx.URL(url if isinstance(url, str) else "")
    except httpx.InvalidURL:
        address = httpx.URL("")
    if (address.scheme, address.host, address.port) == (origin.scheme, origin.host, origin.port):
        return address
    known = any(address.host == host or (host[0] == "." and address.host.endswith(host)) for host in HOSTS)
    if address.scheme == "https" and address.port is None and known:
        return address
    raise RefusedError("foreign_address")


def _number(value: object) -> int | None:
    """Meta writes sizes as numbers, and as texts."""
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None
