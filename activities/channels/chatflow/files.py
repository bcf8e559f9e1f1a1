"""Files that customers sent: some come along in the delivery, the others lie at an address that the delivery names.

Nobody signs a delivery, so that address is a stranger's: it is reached as such, and nothing secret goes there.
"""

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from activities.channels.exchange import exchange, timeouts
from activities.channels.port import Fetched, RefusedError, TryLaterError
from runtime.egress import EgressError, GuardedTransport, Limits, TooLongError, UrlError

LARGEST_FILE = 64 * 1024 * 1024
ANSWER_SECONDS = 30.0
FILE_SECONDS = 300.0
CHUNK = 65_536


@asynccontextmanager
async def fetching(client: httpx.AsyncClient, origin: httpx.URL, ref: str) -> AsyncIterator[Fetched]:
    """The file `ref` while it is read, LARGEST_FILE bytes at most. `client` is used for what lies at ChatFlow itself,
    which the operator trusts. Raises ChannelError."""
    if ref.startswith("data:"):
        yield _carried(ref)
        return
    try:
        address = httpx.URL(ref)
    except httpx.InvalidURL:
        raise RefusedError("foreign_address") from None
    if (address.scheme, address.host, address.port) == (origin.scheme, origin.host, origin.port):
        async with _fetched(client, address) as fetched:
            yield fetched
    else:
        transport = GuardedTransport(limits=Limits(body_bytes=LARGEST_FILE, seconds=FILE_SECONDS))
        async with httpx.AsyncClient(transport=transport) as guarded, _fetched(guarded, address) as fetched:
            yield fetched


@asynccontextmanager
async def _fetched(client: httpx.AsyncClient, address: httpx.URL) -> AsyncIterator[Fetched]:
    request = client.build_request("GET", address, timeout=timeouts(ANSWER_SECONDS))
    try:
        async with exchange(ANSWER_SECONDS, acts=False):
            response = await client.send(request, stream=True, follow_redirects=True)
    except UrlError:
        raise RefusedError("foreign_address") from None
    except EgressError:
        raise TryLaterError("unreachable") from None
    try:
        if response.status_code in (403, 404, 410):
            raise RefusedError("file_gone")
        if not response.is_success:
            raise TryLaterError(f"http_{response.status_code}")
        size = response.headers.get("content-length", "")
        yield Fetched(_bounded(response), int(size) if size.isdecimal() else None, response.headers.get("content-type"))
    finally:
        await response.aclose()


async def _bounded(response: httpx.Response) -> AsyncIterator[bytes]:
    total = 0
    try:
        async with exchange(FILE_SECONDS, acts=False):
            async for chunk in response.aiter_bytes():
                total += len(chunk)
                if total > LARGEST_FILE:
                    raise RefusedError("too_large")
                yield chunk
    except TooLongError:
        raise RefusedError("too_large") from None
    except EgressError:
        raise TryLaterError("unreadable_answer") from None


def _carried(ref: str) -> Fetched:
    head, _, data = ref.partition(",")
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("unreadable_file") from None

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), CHUNK):
            yield content[start : start + CHUNK]

    return Fetched(chunks(), len(content), head.removeprefix("data:").removesuffix(";base64"))
