"""Files that customers sent: some come along in the delivery, the others lie at an address that the delivery names.

Nobody signs a delivery, so that address is a stranger's: it is reached as such, and nothing secret goes there.
"""

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from activities.channels.download import pieces
from activities.channels.exchange import exchange, timeouts
from activities.channels.port import Fetched, RefusedError, TryLaterError
from runtime.egress import EgressError, GuardedTransport, Limits, TooLongError, UrlError

LARGEST_FILE = 64 * 1024 * 1024
ANSWER_SECONDS = 30.0
FILE_SECONDS = 300.0
CHUNK = 65_536
MAX_REDIRECTS = 3


@asynccontextmanager
async def fetching(origin: httpx.URL, ref: str) -> AsyncIterator[Fetched]:
    """The file `ref` while it is read, LARGEST_FILE bytes at most. What lies at `origin`, which is ChatFlow's and set
    by the operator, may be in a network of their own. Raises ChannelError."""
    if ref.startswith("data:"):
        yield _carried(ref)
        return
    try:
        address = httpx.URL(ref)
    except httpx.InvalidURL:
        raise RefusedError("foreign_address") from None
    # Each step of a redirect is checked by the transport of its own address.
    strangers = GuardedTransport(limits=Limits(body_bytes=LARGEST_FILE, seconds=FILE_SECONDS))
    trusted = {f"{origin.scheme}://{origin.netloc.decode()}": httpx.AsyncHTTPTransport(trust_env=False)}
    async with httpx.AsyncClient(
        transport=strangers, mounts=trusted, follow_redirects=True, max_redirects=MAX_REDIRECTS, trust_env=False
    ) as client:
        request = client.build_request("GET", address, timeout=timeouts(ANSWER_SECONDS))
        try:
            async with exchange(ANSWER_SECONDS, acts=False):
                response = await client.send(request, stream=True)
        except UrlError:
            raise RefusedError("foreign_address") from None
        except EgressError:
            raise TryLaterError("unreachable") from None
        try:
            yield _answered(response)
        finally:
            await response.aclose()


def _answered(response: httpx.Response) -> Fetched:
    if response.status_code in (403, 404, 410):
        raise RefusedError("file_gone")
    if not response.is_success:
        raise TryLaterError(f"http_{response.status_code}")
    size = response.headers.get("content-length", "")
    return Fetched(_pieces(response), int(size) if size.isdecimal() else None, response.headers.get("content-type"))


async def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in pieces(response, limit=LARGEST_FILE, seconds=FILE_SECONDS):
            yield piece
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
