"""Transcribing by OpenAI's protocol (`POST {base_url}/audio/transcriptions`), which many servers of Whisper speak."""

import asyncio
from collections.abc import AsyncIterator

import httpx

from activities.provider.errors import DeadlineError, MalformedReplyError
from activities.provider.http import bearer, client_options, transport_errors
from models.contracts.enums import Language

PROVIDER = "openai"

ENDINGS = {
    "audio/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/aac": "aac",
    "audio/amr": "amr",
    "video/mp4": "mp4",
    "video/webm": "webm",
}
"""The protocol tells formats by the name of the file."""


class OpenAITranscriber:
    """See port.Transcriber."""

    provider = PROVIDER

    def __init__(self, *, base_url: str, model: str, api_key: str | None = None, deadline_seconds: float = 30) -> None:
        self.model = model
        self._deadline_seconds = deadline_seconds
        self._client = httpx.AsyncClient(base_url=base_url, headers=bearer(api_key), **client_options(PROVIDER))

    async def transcribe(
        self,
        sound: AsyncIterator[bytes],
        mime: str,
        seconds: float,  # noqa: ARG002  # the port's
        language: Language | None,
    ) -> str:
        content = b"".join([part async for part in sound])
        fields = {"model": self.model, "response_format": "json"}
        if language is not None:
            fields["language"] = language.value
        file = {"file": (f"voice.{ENDINGS.get(mime, 'ogg')}", content, mime)}
        try:
            async with asyncio.timeout(self._deadline_seconds):
                with transport_errors(PROVIDER):
                    response = await self._client.post("audio/transcriptions", data=fields, files=file)
        except TimeoutError:
            raise DeadlineError(PROVIDER, "the reply took too long") from None
        return _text(response)

    async def close(self) -> None:
        await self._client.aclose()


def _text(response: httpx.Response) -> str:
    try:
        text = response.json()["text"]
    except (ValueError, KeyError, TypeError):
        raise MalformedReplyError(PROVIDER, "expected JSON with a text") from None
    if not isinstance(text, str):
        raise MalformedReplyError(PROVIDER, "expected a text")
    # Postgres texts can hold every character but NUL.
    return text.replace("\x00", "").strip()
