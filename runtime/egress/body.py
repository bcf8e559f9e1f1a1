"""A response's body, bounded while it is decompressed and not after."""

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx

from runtime.egress.limits import EgressError, Limits, TooLongError

PIECE_BYTES = 65536


class Capped(httpx.AsyncByteStream):
    """What `stream` carries, decompressed. Raises EgressError when it is too long, or no good gzip."""

    def __init__(
        self,
        stream: httpx.AsyncByteStream,
        headers: httpx.Headers,
        limits: Limits,
        closed: Callable[[], Awaitable[None]],
    ) -> None:
        self._stream = stream
        self._head_bytes = sum(len(name) + len(value) for name, value in headers.raw)
        self._head_limit = limits.head_bytes
        self._encoding = headers.get("content-encoding", "identity").strip().lower() or "identity"
        self._announced = headers.get("content-length", "0")
        self._limit = limits.body_bytes
        self._closed = closed

    def check_head(self) -> None:
        """Raises EgressError when the headers are too long, or tell already that the body will not be read."""
        if self._head_bytes > self._head_limit:
            raise EgressError("answers with too long headers")
        if self._encoding not in ("identity", "gzip"):
            raise EgressError("answers in a compression that was not asked for")
        if self._announced.isdecimal() and int(self._announced) > self._limit:
            raise self._too_long()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = 0
        pieces = self._unzipped() if self._encoding == "gzip" else aiter(self._stream)
        async for piece in pieces:
            total += len(piece)
            if total > self._limit:
                raise self._too_long()
            yield piece

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            await self._closed()

    async def _unzipped(self) -> AsyncIterator[bytes]:
        """A piece at a time: a few bytes can hold a thousand times as many."""
        unzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
        async for part in self._stream:
            left = part
            while piece := self._piece(unzip, left):
                yield piece
                left = unzip.unconsumed_tail
        if not unzip.eof:
            raise EgressError("answers with a damaged body")

    @staticmethod
    def _piece(unzip: "zlib._Decompress", data: bytes) -> bytes:
        try:
            return unzip.decompress(data, PIECE_BYTES)
        except zlib.error as error:
            raise EgressError("answers with a damaged body") from error

    def _too_long(self) -> EgressError:
        return TooLongError(f"answers with more than {self._limit} bytes")


def plain(headers: httpx.Headers) -> list[tuple[bytes, bytes]]:
    """Headers without what no longer holds once the body is decompressed."""
    if "content-encoding" not in headers:
        return headers.raw
    return [each for each in headers.raw if each[0].lower() not in (b"content-encoding", b"content-length")]
