"""The HTTP server: what it believes of proxies, how long it waits for a request's head, and how it ends streams."""

import asyncio
import socket
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.gateway import Gateway
from runtime.settings import Settings


class Protocol(HttpToolsProtocol):
    """Ends a connection whose request line and headers do not come in time, or do not end.

    The library waits for both for ever, and keeps all that it is sent.
    """

    head_seconds = 10.0
    head_bytes = 65_536

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._in_head = True
        self._heads = 0
        self._received = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the library
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_in_head, heads = self._in_head, self._heads
        super().data_received(data)
        if not self._in_head or self.transport.is_closing() or self.transport.get_protocol() is not self:
            return  # the last: it has become a WebSocket, and no other request follows
        self._expect_head()
        # What came with the end of another request's body, or behind a whole head, is not counted: it is one read.
        if was_in_head and heads == self._heads:
            self._received += len(data)
            if self._received > self.head_bytes:
                self._refuse(431)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._heads += 1
        self._received = 0
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        super().on_message_complete()

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self._late)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _late(self) -> None:
        self._head_timer = None
        if self._heads and not self.cycle.response_complete:
            self._expect_head()  # an answer is under way on this connection; the next request can wait
        else:
            self._refuse(408)

    def _refuse(self, status: int) -> None:
        if not self.transport.is_closing():
            self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()


def configuration(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How the gateway is served, wherever it is."""
    proxies = [part.strip() for part in settings.trusted_proxies.split(",") if part.strip()]
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=Protocol,
        lifespan="on",
        # Without proxies to trust, what a client says of itself is not read at all.
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        # Ours logs with ids and without query strings; uvicorn's own lines go through our formatter.
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(settings.drain_seconds),
        ws_max_size=settings.body_max_bytes,
    )


class Server(uvicorn.Server):
    """Serves the gateway `app`. On SIGTERM running requests finish and streams end, so no client is cut off."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        gateway: Gateway = self._app.state.gateway
        gateway.wakeups.end()
        await super().shutdown(sockets)
