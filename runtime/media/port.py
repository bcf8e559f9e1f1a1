"""The port of the media store. A key is `<tenant>/<id>`; nothing of what a file is called or about is in it."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Protocol

KEY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
BEGINNING = 4_096
"""Bytes of a file that tell what it is."""
CHUNK = 262_144


class MediaError(Exception):
    """The store did not do it; later it may. The message names a cause, and no key or address."""

    @classmethod
    def of(cls, error: Exception) -> "MediaError":
        return cls(type(error).__name__)


class MissingError(MediaError):
    """Nothing lies under this key (any more)."""


class TooLargeError(MediaError):
    """The file is larger than it may be. Nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that was written. `size` in bytes, `sha256` in hex; `beginning`: its first bytes."""

    size: int
    sha256: str
    beginning: bytes


class MediaStore(Protocol):
    """Where files lie. All of it raises MediaError, and ValueError for what is no key."""

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, limit: int) -> Stored:
        """Write a file of at most `limit` bytes: whole and for good when this returns, or not at all. Raises
        TooLargeError, and what `chunks` raises."""

    def read(self, key: str, *, first: int = 0, last: int | None = None) -> AsyncGenerator[bytes]:
        """The bytes from the `first` to the `last`, both included (None: to the end). Raises MissingError."""

    async def delete(self, key: str) -> None:
        """Delete the file, if it is there."""

    def url(self, key: str) -> str:
        """A signed address of the gateway's that anybody can fetch the file from for an hour."""

    async def close(self) -> None: ...


def checked(key: str) -> str:
    """The key, if it is one: no path, no address can be made of anything else. Raises ValueError."""
    if not KEY.fullmatch(key):
        raise ValueError("this is no key of the media store")
    return key
