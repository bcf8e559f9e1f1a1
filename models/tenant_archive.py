"""An export as one ZIP file, made while it is read."""

import asyncio
import hashlib
import json
import mimetypes
import zipfile
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from io import RawIOBase
from typing import Any
from uuid import UUID

from models.repositories import tenant_exports
from models.repositories.tenant_exports import Export, KeptFile
from models.repositories.vault import Vault
from models.repositories.whole_tenant import COLUMNS_NOT_EXPORTED, NOT_EXPORTED
from runtime.database import TenantTx
from runtime.media.port import MediaStore, MissingError

MEDIA_TYPE = "application/zip"
FILES = "files"
FORMAT = 1
CONSISTENCY = (
    "Each file of rows was read in one transaction. What changed while the export ran may be in it as it was before or "
    "after; every row that was there from beginning to end is in it once. Files beside messages were read while this was "
    "downloaded: those that were erased meanwhile are missing."
)
FILES_AT_A_TIME = 200
"""In one list."""

Transactions = Callable[[UUID], AbstractAsyncContextManager[TenantTx]]


class ExportGoneError(Exception):
    """The export expired while it was read."""


async def archive(
    transactions: Transactions, vault: Vault, store: MediaStore, tenant: UUID, export: Export
) -> AsyncIterator[bytes]:
    """The bytes of the file, some at a time: `<table>/<number>.ndjson`, then files beside messages with lists of them, and
    `manifest.json` at the end.

    Raises ExportGoneError, SealedError when the tenant's keys are gone, and MediaError while the store is away.
    """
    written = _Written()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        numbers: Counter[str] = Counter()
        for number in range(export.parts):
            async with transactions(tenant) as tx:
                part = await tenant_exports.read_part(tx, vault, export.id, number)
            if part is None:
                raise ExportGoneError
            numbers[part.table] += 1
            name = f"{part.table}/{numbers[part.table]:05}.ndjson"
            await asyncio.to_thread(file.writestr, name, part.lines)
            yield written.taken()
        files = Files(file, store)
        last: UUID | None = None
        while True:
            async with transactions(tenant) as tx:
                kept = await tenant_exports.files(tx, export, last, FILES_AT_A_TIME)
            if not kept:
                break
            for each in kept:
                async with aclosing(files.copy(each)) as pieces:
                    async for _ in pieces:
                        yield written.taken()
            files.write_list()
            last = kept[-1].id
        file.writestr("manifest.json", json.dumps(_manifest(tenant, export, files), indent=2))
    yield written.taken()


class Files:
    """Files beside messages, as they are written to an archive: `files/<attachment>.<type>`, and what they should be and
    are as `files/<number>.ndjson`. `count`, `bytes`, `missing` are of all of them."""

    def __init__(self, archive: zipfile.ZipFile, store: MediaStore) -> None:
        self._archive, self._store = archive, store
        self._lists = 0
        self._lines: list[str] = []
        self.count = self.bytes = self.missing = 0

    async def copy(self, kept: KeptFile) -> AsyncGenerator[None]:
        """Write a file, and let what was written be taken after each of its pieces. Raises MediaError."""
        # Never by the name that its sender gave it.
        path = f"{FILES}/{kept.id}{mimetypes.guess_extension(kept.mime or '') or ''}"
        chunks = self._store.read(kept.key)
        try:
            chunk = await anext(chunks, b"")
        except MissingError:
            self.missing += 1
            self._list(kept, path=None, size=None, sha256=None)
            return
        digest, size = hashlib.sha256(), 0
        async with aclosing(chunks):
            with self._archive.open(zipfile.ZipInfo(path), "w", force_zip64=True) as entry:
                while chunk:
                    digest.update(chunk)
                    size += len(chunk)
                    await asyncio.to_thread(entry.write, chunk)
                    yield
                    chunk = await anext(chunks, b"")
        self.count, self.bytes = self.count + 1, self.bytes + size
        self._list(kept, path=path, size=size, sha256=digest.hexdigest())

    def write_list(self) -> None:
        """Of the files since the last one."""
        self._lists += 1
        self._archive.writestr(f"{FILES}/{self._lists:05}.ndjson", "".join(self._lines))
        self._lines.clear()

    def _list(self, kept: KeptFile, **found: object) -> None:
        line = {"attachment_id": str(kept.id), **found, "as_received": found["sha256"] == kept.sha256}
        self._lines.append(f"{json.dumps(line)}\n")


def _manifest(tenant: UUID, export: Export, files: Files) -> dict[str, Any]:
    assert export.finished_at is not None, "only what is done is read"
    return {
        "format": FORMAT,
        "tenant_id": str(tenant),
        "export_id": str(export.id),
        "begun_at": export.created_at.isoformat(),
        "finished_at": export.finished_at.isoformat(),
        "consistency": CONSISTENCY,
        "rows": export.row_counts,
        "files": {"count": files.count, "bytes": files.bytes, "missing": files.missing},
        "left_out": {**NOT_EXPORTED, **COLUMNS_NOT_EXPORTED},
    }


class _Written(RawIOBase):
    """What was written and not yet taken. It cannot be gone back in, and `zipfile` respects that."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, given: Any, /) -> int:
        self._bytes += given
        return len(given)

    def taken(self) -> bytes:
        found = bytes(self._bytes)
        self._bytes.clear()
        return found
