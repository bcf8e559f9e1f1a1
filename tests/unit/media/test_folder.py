"""Files in a folder: whole or not there, under their key and nowhere else."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from runtime.media.folder import FolderStore
from runtime.media.links import Links
from runtime.media.port import CHUNK, MissingError, TooLargeError


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "media", Links("http://x", [b"k" * 32]))


def new_key() -> str:
    return f"{uuid4()}/{uuid4()}"


async def parts(*given: bytes) -> AsyncIterator[bytes]:
    for each in given:
        yield each


async def read(store: FolderStore, key: str, **wanted: int) -> bytes:
    return b"".join([part async for part in store.read(key, **wanted)])


def files(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("*") if path.is_file()]


async def test_a_file_is_read_as_it_was_written(store: FolderStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * (CHUNK // 256 + 5)
    key = new_key()
    stored = await store.put(key, parts(content[:10], content[10:]), limit=len(content))
    assert (stored.size, stored.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (stored.beginning, await read(store, key)) == (content[:4096], content)
    assert await read(store, key, first=5, last=CHUNK + 6) == content[5 : CHUNK + 7]
    (path,) = files(tmp_path)
    assert path.stat().st_mode & 0o077 == 0, "only its owner may read it"


async def test_what_is_too_large_or_breaks_off_leaves_nothing(store: FolderStore, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionError

    with pytest.raises(TooLargeError):
        await store.put(new_key(), parts(b"12345", b"6"), limit=5)
    with pytest.raises(ConnectionError):
        await store.put(new_key(), broken(), limit=5)
    assert files(tmp_path) == []


async def test_a_draft_of_a_process_that_died_goes_with_its_key(store: FolderStore, tmp_path: Path) -> None:
    key = new_key()
    with pytest.raises(TooLargeError):
        await store.put(key, parts(b"12"), limit=1)
    store._draft(key).write_bytes(b"1")
    await store.delete(key)
    assert files(tmp_path) == []


async def test_a_deleted_file_is_missing_and_deleting_it_again_is_no_error(store: FolderStore, tmp_path: Path) -> None:
    key = new_key()
    await store.put(key, parts(b"x"), limit=1)
    for _ in range(2):
        await store.delete(key)
    with pytest.raises(MissingError):
        await read(store, key)
    assert files(tmp_path) == []


ID = "01a1ffcc-ac2b-75d4-b169-7ff9c310ecfc"


@pytest.mark.parametrize("key", ["../x", f"{ID}/../../x", ID, f"/{ID}/{ID}", f"{ID}/{ID}\n", ""])
async def test_no_key_leads_out_of_the_folder(store: FolderStore, key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        await store.put(key, parts(b"x"), limit=1)
    with pytest.raises(ValueError, match="no key"):
        await read(store, key)
    with pytest.raises(ValueError, match="no key"):
        await store.delete(key)
