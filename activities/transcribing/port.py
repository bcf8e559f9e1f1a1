"""The port of whoever writes down what is said in a voice message."""

from collections.abc import AsyncIterator
from typing import Protocol

from models.contracts.channels import MediaKind
from models.contracts.enums import Language

LONGEST_SECONDS = 120
"""A longer message is a recording, and stays one."""
LONGEST_BYTES = 1_048_576
"""The same where its provider tells no length: speech takes two to four kilobytes a second."""


BYTES_A_SECOND = 3_000
"""By which its length is estimated then."""


class Transcriber(Protocol):
    """Raises ProviderError. Callers retry; an adapter never does. `provider` is the protocol that it speaks."""

    @property
    def provider(self) -> str: ...

    @property
    def model(self) -> str: ...

    async def transcribe(
        self, sound: AsyncIterator[bytes], mime: str, seconds: float, language: Language | None
    ) -> str:
        """The words; empty where there are none. `seconds`: how long the sound is, about; `language`: what is probably
        spoken."""

    async def close(self) -> None: ...


def is_short(kind: MediaKind, seconds: float | None) -> bool:
    """Whether it is a voice message that is to be read like a written one, as far as its provider tells."""
    return kind is MediaKind.VOICE and (seconds is None or seconds <= LONGEST_SECONDS)
