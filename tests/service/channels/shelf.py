"""Files for adapters to send: a media store whose links lead to a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from models.contracts.channels import Media, MediaKind
from runtime.ids import new_id
from runtime.media.folder import FolderStore
from runtime.media.links import PATH, Links, Standing

SECRET = b"k" * 32


class Shelf:
    """`store` has the files; `media` what a message says of each. `mimes`: by key, for the server."""

    def __init__(self, folder: Path, origin: str) -> None:
        self.links = Links(origin, [SECRET])
        self.store = FolderStore(folder, self.links)
        self.mimes: dict[str, str] = {}

    async def put(self, kind: MediaKind, data: bytes, mime: str, name: str = "счёт №1.pdf") -> Media:
        async def chunks() -> AsyncIterator[bytes]:
            yield data

        key = f"{new_id()}/{new_id()}"
        await self.store.put(key, chunks(), limit=len(data))
        self.mimes[key] = mime
        return Media(kind=kind, key=key, name=name, mime=mime, size=len(data))

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        key = request.url.path.removeprefix(PATH)
        given = request.query_params
        good = self.links.standing(key, int(given["expires"]), given["signature"]) is Standing.GOOD
        data = b"".join([chunk async for chunk in self.store.read(key)]) if good else b""
        await Response(data, 200 if good else 404, media_type=self.mimes.get(key))(scope, receive, send)


@asynccontextmanager
async def open_shelf(folder: Path) -> AsyncIterator[Shelf]:
    shelf: Shelf | None = None

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        assert shelf is not None, "it is filled before anybody asks"
        await shelf.serve(scope, receive, send)

    config = uvicorn.Config(application, port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        assert not serving.done(), "it did not start"
        await asyncio.sleep(0.01)
    shelf = Shelf(folder, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    yield shelf
    server.should_exit = True
    await serving
