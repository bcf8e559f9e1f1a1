"""The HTTP server, with one habit added: streams never end by themselves, so it ends them when it stops."""

import socket

import uvicorn
from fastapi import FastAPI

from api.gateway import Gateway


class Server(uvicorn.Server):
    """Serves the gateway `app`. On SIGTERM running requests finish and streams end, so no client is cut off."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        gateway: Gateway = self._app.state.gateway
        gateway.wakeups.end()
        await super().shutdown(sockets)
