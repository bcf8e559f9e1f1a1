"""A TCP proxy that can be cut: what is behind it is away, and nothing else changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ssl import SSLContext


class Wire:
    """Forwards `port` of the loopback interface to `target` (host, port), until it is cut."""

    def __init__(self, target: tuple[str, int], tls: SSLContext | None) -> None:
        self._target = target
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.heard = bytearray()
        """What was said to the server, where somebody listens."""
        self.listens = False

    @classmethod
    @asynccontextmanager
    async def to(cls, host: str, port: int, tls: SSLContext | None = None) -> AsyncIterator["Wire"]:
        """`tls`: who connects speaks TLS with the proxy; what is behind it does not."""
        wire = cls((host, port), tls)
        await wire.join()
        try:
            yield wire
        finally:
            await wire.cut()

    async def join(self) -> None:
        """Listen (again, on the same port)."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Refuse connections, and drop those that there are."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        self.drop()
        await server.wait_closed()

    def drop(self) -> None:
        """Drop the connections that there are."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            if self._tls is not None:
                await writer.start_tls(self._tls)
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._target)
        except OSError:
            self._writers.remove(writer)
            writer.transport.abort()
            return
        self._writers.add(upstream_writer)
        await asyncio.gather(
            self._pump(reader, upstream_writer, heard=self.heard if self.listens else None),
            self._pump(upstream_reader, writer),
        )
        self._writers -= {writer, upstream_writer}

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: bytearray | None = None) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if heard is not None:
                    heard += data
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
