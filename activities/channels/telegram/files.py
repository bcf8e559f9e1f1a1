"""Files that customers sent. Bots get those of 20 MB at most."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from activities.channels.exchange import exchange
from activities.channels.port import Fetched, RefusedError, TryLaterError
from activities.channels.telegram.api import FILE_SECONDS, Api

LARGEST_DOWNLOAD = 20 * 1024 * 1024


@asynccontextmanager
async def fetching(api: Api, ref: str) -> AsyncIterator[Fetched]:
    """The file with the id `ref` while it is read. Raises ChannelError."""
    match await api.ask("getFile", {"file_id": ref}):
        case {"file_path": str(path), **told}:
            size = told.get("file_size")
        case _:
            raise RefusedError("too_large")
    size = size if isinstance(size, int) else None
    if size is not None and size > LARGEST_DOWNLOAD:
        raise RefusedError("too_large")
    async with api.file(path) as response:
        if not response.is_success:
            # Paths hold for an hour: the next attempt gets a new one.
            raise TryLaterError(f"http_{response.status_code}")
        yield Fetched(_bounded(response), size, None)


async def _bounded(response: httpx.Response) -> AsyncIterator[bytes]:
    total = 0
    async with exchange(FILE_SECONDS, acts=False):
        async for chunk in response.aiter_bytes():
            total += len(chunk)
            if total > LARGEST_DOWNLOAD:
                raise RefusedError("too_large")
            yield chunk
