"""Files in a folder: one machine, or a disk that all machines share."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import IO, TypeVar

from runtime.media.links import Links
from runtime.media.port import CHUNK, MediaError, MissingError, Stored, checked
from runtime.media.writing import write

Result = TypeVar("Result")

DRAFTS = "drafts"
"""Where files are while they are written, on the same disk as where they go."""


class FolderStore:
    """`<folder>/<tenant>/<id>`, readable by the owner only. A process that dies leaves at most a draft, which goes when
    its key is deleted."""

    def __init__(self, folder: Path, links: Links) -> None:
        self._folder = folder
        self._links = links

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, limit: int) -> Stored:
        path, draft = self._path(key), self._draft(key)
        file = await _doing(_begin, draft)
        try:
            with file:
                stored = await write(file, chunks, limit=limit)
                await _doing(_move, file, draft, path)
        finally:
            draft.unlink(missing_ok=True)
        return stored

    async def read(self, key: str, *, first: int = 0, last: int | None = None) -> AsyncGenerator[bytes]:
        path = self._path(key)
        file = await _doing(_open, path)
        left = None if last is None else last - first + 1
        with file:
            file.seek(first)
            while left is None or left > 0:
                part = await _doing(file.read, CHUNK if left is None else min(CHUNK, left))
                if not part:
                    return
                if left is not None:
                    left -= len(part)
                yield part

    async def delete(self, key: str) -> None:
        await _doing(_delete, self._path(key), self._draft(key))

    def url(self, key: str) -> str:
        return self._links.url(key)

    async def close(self) -> None:
        """There is nothing to be closed."""

    def _path(self, key: str) -> Path:
        return self._folder / checked(key)

    def _draft(self, key: str) -> Path:
        return self._folder / DRAFTS / checked(key).replace("/", ".")


async def _doing(work: Callable[..., Result], *given: object) -> Result:
    """Aside, for disks are slow; what goes wrong is told without the path."""
    try:
        return await asyncio.to_thread(work, *given)
    except OSError as error:
        raise MediaError.of(error) from None


def _begin(draft: Path) -> IO[bytes]:
    draft.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise MissingError("no such file") from None


def _move(file: IO[bytes], draft: Path, path: Path) -> None:
    """To where it is looked for, so that it is there after a loss of power too."""
    file.flush()
    os.fsync(file.fileno())
    path.parent.mkdir(mode=0o700, exist_ok=True)
    draft.replace(path)
    for folder in (path.parent, path.parent.parent):
        entries = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(entries)
        finally:
            os.close(entries)


def _delete(path: Path, draft: Path) -> None:
    draft.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    try:
        path.parent.rmdir()
    except OSError:
        return  # the tenant has more, or never had any
