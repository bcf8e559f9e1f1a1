"""A file on its way into the store: written down, measured and hashed as it comes."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import IO

from runtime.media.port import BEGINNING, MediaError, Stored, TooLargeError


async def write(file: IO[bytes], chunks: AsyncIterator[bytes], *, limit: int) -> Stored:
    """Raises TooLargeError as soon as there is more than `limit` bytes, MediaError when it cannot be written down, and
    what `chunks` raises."""
    digest, size, beginning = hashlib.sha256(), 0, b""
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise TooLargeError(f"larger than {limit} bytes")
        if len(beginning) < BEGINNING:
            beginning = (beginning + chunk)[:BEGINNING]
        digest.update(chunk)
        try:
            await asyncio.to_thread(file.write, chunk)
        except OSError as error:
            raise MediaError.of(error) from None
    return Stored(size, digest.hexdigest(), beginning)
