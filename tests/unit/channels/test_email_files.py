"""Files of mails, read out of the whole mail where it is kept."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from activities.channels.email.files import fetching, reference
from activities.channels.email.mailbox import Mailbox
from activities.channels.email.parsing import parse
from activities.channels.port import RefusedError
from runtime.ids import new_id
from runtime.media.folder import FolderStore
from runtime.media.links import Links

HEAD = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
FILE = b"--b\r\nContent-Type: application/pdf\r\n\r\n"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path, Links("", []))


def nowhere() -> AbstractAsyncContextManager[Mailbox]:
    raise AssertionError("the mail is in the store")


async def kept(store: FolderStore, mail: bytes) -> str:
    async def chunks() -> AsyncIterator[bytes]:
        yield mail

    key = f"{new_id()}/{new_id()}"
    await store.put(key, chunks(), limit=len(mail))
    return f"stored/{key}"


async def read(store: FolderStore, ref: str) -> bytes:
    async with fetching(nowhere, store, ref) as found:
        return b"".join([chunk async for chunk in found.chunks])


async def test_a_file_whose_end_was_not_read_is_refused_and_the_one_before_it_is_had(store: FolderStore) -> None:
    whole = HEAD + FILE + b"first\r\n" + FILE + b"second\r\n--b--"
    ref = await kept(store, whole)
    assert [await read(store, f"{ref}/{place}") for place in (0, 1)] == [b"first", b"second"]
    cut = HEAD + FILE + b"first\r\n" + FILE + b"sec"
    first, second = parse(cut, await kept(store, cut), cut=True).files
    assert await read(store, reference(ref, first)) == b"first"
    with pytest.raises(RefusedError, match="too_large"):
        await read(store, reference(ref, second))


@pytest.mark.parametrize("ref", ["imap/1", "stored/../1/0", "stored/1/2/0", "imap/1/2/99999999", ""])
async def test_what_is_no_place_of_a_file_is_gone(store: FolderStore, ref: str) -> None:
    with pytest.raises(RefusedError, match="gone"):
        await read(store, ref)
