"""An export as one ZIP file, made while it is read."""

import asyncio
import json
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from io import RawIOBase
from typing import Any
from uuid import UUID

from models.repositories import tenant_exports
from models.repositories.tenant_exports import Export
from models.repositories.vault import Vault
from models.repositories.whole_tenant import COLUMNS_NOT_EXPORTED, NOT_EXPORTED
from runtime.database import TenantTx

MEDIA_TYPE = "application/zip"
FORMAT = 1
CONSISTENCY = (
    "Each file was read in one transaction. What changed while the export ran may be in it as it was before or after; "
    "every row that was there from beginning to end is in it once."
)

Transactions = Callable[[UUID], AbstractAsyncContextManager[TenantTx]]


class ExportGoneError(Exception):
    """The export expired while it was read."""


async def archive(transactions: Transactions, vault: Vault, tenant: UUID, export: Export) -> AsyncIterator[bytes]:
    """The bytes of the file, a part at a time: `<table>/<number>.ndjson`, and `manifest.json` at the end.

    Raises ExportGoneError, and SealedError when the tenant's keys are gone.
    """
    written = _Written()
    numbers: Counter[str] = Counter()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for number in range(export.parts):
            async with transactions(tenant) as tx:
                part = await tenant_exports.read_part(tx, vault, export.id, number)
            if part is None:
                raise ExportGoneError
            numbers[part.table] += 1
            name = f"{part.table}/{numbers[part.table]:05}.ndjson"
            await asyncio.to_thread(file.writestr, name, part.lines)
            yield written.taken()
        file.writestr("manifest.json", json.dumps(_manifest(tenant, export), indent=2))
    yield written.taken()


def _manifest(tenant: UUID, export: Export) -> dict[str, Any]:
    assert export.finished_at is not None, "only what is done is read"
    return {
        "format": FORMAT,
        "tenant_id": str(tenant),
        "export_id": str(export.id),
        "begun_at": export.created_at.isoformat(),
        "finished_at": export.finished_at.isoformat(),
        "consistency": CONSISTENCY,
        "rows": export.row_counts,
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
