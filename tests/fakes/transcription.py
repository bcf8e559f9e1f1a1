"""A transcriber of OpenAI's protocol as a real server: refuses every request that is none, and fails on demand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.listening import listening

KEY = "a-key"
FIELDS = {"file", "model", "language", "prompt", "response_format", "temperature"}
ENDINGS = {"flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm"}


@dataclass
class FakeTranscriber:
    """`words` are what it hears in everything; `status` what it answers instead, if it is not 200."""

    url: str = ""
    words: str = "Where is my order?"
    status: int = 200
    heard: list[bytes] = field(default_factory=list)
    languages: list[str | None] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return JSONResponse({"error": {"message": "no key"}}, 401)
        async with request.form() as form:
            file, model, language = form.get("file"), form.get("model"), form.get("language")
            if not isinstance(file, UploadFile) or not isinstance(model, str) or not form.keys() <= FIELDS:
                return JSONResponse({"error": {"message": "invalid request"}}, 400)
            if (file.filename or "").rpartition(".")[2] not in ENDINGS:
                return JSONResponse({"error": {"message": "unsupported format"}}, 400)
            self.languages.append(language if isinstance(language, str) else None)
            self.heard.append(await file.read())
        if self.status != 200:
            return Response(b"{}", self.status)
        return JSONResponse({"text": self.words})


@asynccontextmanager
async def serving() -> AsyncIterator[FakeTranscriber]:
    fake = FakeTranscriber()
    app = Starlette(routes=[Route("/v1/audio/transcriptions", fake.answer, methods=["POST"])])
    async with listening(app) as url:
        fake.url = f"{url}/v1"
        yield fake
