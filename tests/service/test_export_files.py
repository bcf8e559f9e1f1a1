"""A tenant's export has its files, from a folder and from a bucket; when their customer is erased they are gone."""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from temporalio.testing import ActivityEnvironment

from activities.media.sweep import Sweep
from activities.privacy.tenant_export import TenantExport
from models.contracts.channels import MediaKind
from models.contracts.enums import ChannelKind
from models.contracts.tenant_life import ExportInput
from models.repositories import attachments, conversations, erasure, media_garbage, tenant_exports
from models.repositories.attachments import NewFile
from models.repositories.vault import Vault
from models.tenant_archive import archive
from runtime.crypto.roots import RootKeys
from runtime.database import Database
from runtime.media.content import type_of
from runtime.media.folder import FolderStore
from runtime.media.links import Links
from runtime.media.port import CHUNK, MediaStore
from runtime.media.s3 import S3Store
from tests.fakes import s3
from tests.service.api.house import ROOT_KEYS

FILM = b"\x00\x00\x00\x18ftypmp42" + os.urandom(3_000_000)
CONTENTS = {"film": FILM, "../../etc/passwd": b"words", "gone": b"a picture"}


@pytest.mark.parametrize("where", ["folder", "bucket"])
async def test_a_tenants_export_has_its_files_until_their_customer_is_erased(
    database: Database, tenant: UUID, tmp_path: Path, where: str
) -> None:
    links = Links("http://x", [b"k"])
    async with s3.serving() as fake:
        bucket, folder = S3Store(fake.url, s3.BUCKET, s3.SIGNER, links), FolderStore(tmp_path, links)
        store: MediaStore = folder if where == "folder" else bucket
        async with database.tenant(tenant) as tx:
            conversation, _ = await conversations.open_(tx, channel=ChannelKind.API)
        keys = {name: await kept(database, tenant, store, conversation, name) for name in CONTENTS}
        await store.delete(keys["gone"])

        made, largest = await exported(database, tenant, store)
        assert made.testzip() is None
        assert largest < 2 * CHUNK, "no file is held in memory as a whole"
        listed = [json.loads(line) for line in made.read("files/00001.ndjson").splitlines()]
        rows = {row["id"]: row for row in map(json.loads, made.read("attachments/00001.ndjson").splitlines())}
        assert [rows[line["attachment_id"]]["name"] for line in listed] == list(CONTENTS)
        assert [line["as_received"] for line in listed] == [True, True, False]
        found = [made.read(line["path"]) for line in listed if line["path"] is not None]
        assert found == [FILM, b"words"]
        assert [hashlib.sha256(each).hexdigest() for each in found] == [line["sha256"] for line in listed[:2]]
        assert not [name for name in made.namelist() if "passwd" in name], "no name of a customer's is a path"
        assert json.loads(made.read("manifest.json"))["files"] == {"count": 2, "bytes": len(FILM) + 5, "missing": 1}

        async with database.tenant(tenant) as tx:
            await erasure.erase_conversation(tx, conversation)
        await ActivityEnvironment().run(Sweep(database, store).all)
        assert [*fake.objects, *files_in(tmp_path)] == []
        made, _ = await exported(database, tenant, store)
        assert json.loads(made.read("manifest.json"))["files"] == {"count": 0, "bytes": 0, "missing": 0}
        await bucket.close()


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def kept(database: Database, tenant: UUID, store: MediaStore, conversation: UUID, name: str) -> str:
    """The key of a file that was stored for a message of the conversation."""
    async with database.tenant(tenant) as tx:
        key = await media_garbage.reserve(tx)

    async def content() -> AsyncIterator[bytes]:
        yield CONTENTS[name]

    stored = await store.put(key, content(), limit=len(CONTENTS[name]))
    new = NewFile(key, type_of(stored.beginning), stored.size, stored.sha256)
    async with database.tenant(tenant) as tx:
        await attachments.upload(tx, conversation, MediaKind.DOCUMENT, name, new)
    return key


async def exported(database: Database, tenant: UUID, store: MediaStore) -> tuple[zipfile.ZipFile, int]:
    """An export of everything, and how large the largest piece of it was."""
    vault = Vault(RootKeys.parse(ROOT_KEYS))
    async with database.tenant(tenant) as tx:
        export_id = await tenant_exports.request(tx)
    assert export_id is not None
    given = ExportInput(tenant_id=tenant, export_id=export_id)
    await ActivityEnvironment().run(TenantExport(database, vault).export_tenant, given)
    async with database.tenant(tenant) as tx:
        export = await tenant_exports.get(tx, export_id)
    assert export is not None
    pieces = [piece async for piece in archive(database.tenant, vault, store, tenant, export)]
    return zipfile.ZipFile(io.BytesIO(b"".join(pieces))), max(map(len, pieces))
