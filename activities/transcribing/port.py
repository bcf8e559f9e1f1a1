"""The port of whoever writes down what is said in a voice message."""

from collections.abc import AsyncIterator
from typing import Protocol

from models.contracts.channels import MediaKind
from models.contracts.enums import Language

LONGEST_SECONDS = 120
"""A longer message is a recording, and stays one."""


class Transcriber(Protocol):
    """Raises ProviderError. Callers retry; an adapter never does."""

    async def transcribe(self, sound: AsyncIterator[bytes], mime: str, language: Language | None) -> str:
        """The words; empty where there are none. `language`: what is probably spoken."""

    async def close(self) -> None: ...


def is_short(kind: MediaKind, seconds: float | None) -> bool:
    """Whether it is a voice message that is to be read like a written one."""
    return kind is MediaKind.VOICE and seconds is not None and seconds <= LONGEST_SECONDS
