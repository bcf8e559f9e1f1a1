"""Files in a bucket of S3, or of anything that speaks its protocol (MinIO, Ceph, Garage, R2)."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from typing import IO

import httpx

from runtime.media.links import Links
from runtime.media.port import CHUNK, MediaError, MissingError, Stored, checked
from runtime.media.sigv4 import EMPTY_SHA256, Signer
from runtime.media.writing import write

IN_MEMORY = 1_048_576
"""Of a file that is on its way; the rest of it waits on disk, because its hash comes first."""
TIMEOUT = httpx.Timeout(60, connect=5)


class S3Store:
    """One bucket, addressed by path: `<url>/<bucket>/<tenant>/<id>`. Its files are reached through the gateway alone."""

    def __init__(self, url: str, bucket: str, signer: Signer, links: Links) -> None:
        self._base = httpx.URL(url.rstrip("/"))
        self._bucket = bucket
        self._signer = signer
        self._links = links
        self._client = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False)

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, limit: int) -> Stored:
        checked(key)
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
            stored = await write(body, chunks, limit=limit)
            body.seek(0)
            length = {"content-length": str(stored.size)}
            request = self._request("PUT", key, sha256=stored.sha256, more=length, content=_parts(body))
            await self._sent(request)
        return stored

    async def read(self, key: str, *, first: int = 0, last: int | None = None) -> AsyncGenerator[bytes]:
        wanted = {"range": f"bytes={first}-{'' if last is None else last}"} if first or last is not None else {}
        response = await self._sent(self._request("GET", key, more=wanted), stream=True)
        try:
            async for part in response.aiter_raw(CHUNK):
                yield part
        except httpx.HTTPError as error:
            raise MediaError.of(error) from None
        finally:
            await response.aclose()

    async def delete(self, key: str) -> None:
        try:
            await self._sent(self._request("DELETE", key))
        except MissingError:
            return

    def url(self, key: str) -> str:
        return self._links.url(key)

    async def close(self) -> None:
        await self._client.aclose()

    def _request(
        self,
        method: str,
        key: str,
        *,
        sha256: str = EMPTY_SHA256,
        more: dict[str, str] | None = None,
        content: AsyncIterator[bytes] | None = None,
    ) -> httpx.Request:
        path = f"{self._base.path.rstrip('/')}/{self._bucket}/{checked(key)}"
        host = self._base.netloc.decode()
        headers = self._signer.headers(method, host, path, now=datetime.now(UTC), sha256=sha256, more=more)
        return httpx.Request(method, self._base.copy_with(path=path), headers=headers, content=content)

    async def _sent(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        try:
            response = await self._client.send(request, stream=stream)
        except httpx.HTTPError as error:
            raise MediaError.of(error) from None
        if response.is_success:
            return response
        await response.aclose()
        if response.status_code == 404:
            raise MissingError("no such file")
        raise MediaError(f"HTTP {response.status_code}")


async def _parts(body: IO[bytes]) -> AsyncIterator[bytes]:
    while part := await asyncio.to_thread(body.read, CHUNK):
        yield part
