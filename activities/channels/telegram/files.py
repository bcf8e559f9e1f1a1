"""Files that customers sent. Bots get those of 20 MB at most."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activities.channels.download import pieces
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
        yield Fetched(pieces(response, limit=LARGEST_DOWNLOAD, seconds=FILE_SECONDS), size, None)
