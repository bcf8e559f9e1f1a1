"""Files in a bucket: the same promises as those of a folder, over signed requests."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from runtime.media.links import Links
from runtime.media.port import MediaError, MissingError, TooLargeError
from runtime.media.s3 import IN_MEMORY, S3Store
from tests.fakes import s3
from tests.fakes.s3 import FakeBucket


@pytest.fixture
async def bucket() -> AsyncIterator[FakeBucket]:
    async with s3.serving() as bucket:
        yield bucket


@pytest.fixture
async def store(bucket: FakeBucket) -> AsyncIterator[S3Store]:
    store = S3Store(bucket.url, s3.BUCKET, s3.SIGNER, Links("http://x", [b"k"]))
    yield store
    await store.close()


def new_key() -> str:
    return f"{uuid4()}/{uuid4()}"


async def parts(*given: bytes) -> AsyncIterator[bytes]:
    for each in given:
        yield each


async def read(store: S3Store, key: str, **wanted: int) -> bytes:
    return b"".join([part async for part in store.read(key, **wanted)])


async def test_a_file_is_written_read_and_deleted(store: S3Store, bucket: FakeBucket) -> None:
    content = bytes(range(256)) * (IN_MEMORY // 256 + 5)
    key = new_key()
    stored = await store.put(key, parts(content[:10], content[10:]), limit=len(content))
    assert (stored.size, stored.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert bucket.objects == {key: content}
    assert await read(store, key) == content
    assert await read(store, key, first=5, last=9) == content[5:10]
    assert await read(store, key, first=5) == content[5:]
    for _ in range(2):
        await store.delete(key)
    with pytest.raises(MissingError):
        await read(store, key)


async def test_what_goes_wrong_leaves_nothing_and_names_no_key(store: S3Store, bucket: FakeBucket) -> None:
    key = new_key()
    with pytest.raises(TooLargeError):
        await store.put(key, parts(b"12"), limit=1)
    stranger = S3Store(bucket.url, s3.BUCKET, replace(s3.SIGNER, secret_key="wrong"), Links("http://x", [b"k"]))
    with pytest.raises(MediaError, match=r"^HTTP 403$"):
        await stranger.put(key, parts(b"1"), limit=1)
    await stranger.close()
    bucket.status = 503
    for attempt in (store.put(key, parts(b"1"), limit=1), store.delete(key), read(store, key)):
        with pytest.raises(MediaError, match=r"^HTTP 503$"):
            await attempt
    assert bucket.objects == {}
    with pytest.raises(ValueError, match="no key"):
        await store.put("../x", parts(b"1"), limit=1)
