"""What turns the bytes of a file into Markdown, and what it says when it cannot."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Reason(StrEnum):
    """Why a file was not read. The value is stable: it is stored and shown."""

    EMPTY = "empty"
    ENCRYPTED = "encrypted"
    DAMAGED = "damaged"
    NO_TEXT = "no_text"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    TOO_MANY_PAGES = "too_many_pages"
    TOO_SLOW = "too_slow"
    OUT_OF_MEMORY = "out_of_memory"


class UnreadableError(Exception):
    """The file cannot be read, now or later. The message says what its owner can do and quotes nothing of it."""

    def __init__(self, reason: Reason, message: str):
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Reading:
    """What a file says.

    `text` is Markdown. `media_type` is what the content is, whatever the name says. `pages` counts pages, sheets or
    slides, where there are any. `notes` tell the owner what is not in the text, as "2 of 12 pages have no text layer:
    3, 7"; they quote nothing of the file.
    """

    text: str
    media_type: str
    title: str | None = None
    pages: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """What reading one file may take. `characters` bounds the Markdown; the rest is named by its unit."""

    unpacked_bytes: int
    pages: int
    seconds: float
    memory_bytes: int
    characters: int


@dataclass(frozen=True)
class Links:
    """What a page or a sitemap says to crawlers: absolute addresses, in their order.

    `canonical` is where a page says that it belongs. `index` and `follow` are false where it forbids that.
    """

    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    canonical: str | None = None
    index: bool = True
    follow: bool = True


class Reader(Protocol):
    """Reads files, one at a time or many at once."""

    async def read(self, data: bytes, name: str) -> Reading:
        """Read one file; `name` only decides between kinds of text. Raises UnreadableError.

        When cancelled, the reading stops at once and leaves nothing behind.
        """

    async def links(self, data: bytes, url: str, *, sitemap: bool) -> Links:
        """What the page or sitemap at `url` says to crawlers. Raises UnreadableError."""
