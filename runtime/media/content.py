"""What a file is, told by its content: what it is called, and what its sender says of it, may be wrong or a trap."""

import codecs
import re

from runtime.characters import ending, visible

INLINE = frozenset(
    {
        *("image/jpeg", "image/png", "image/gif", "image/webp"),
        *("audio/mpeg", "audio/ogg", "audio/wav", "audio/mp4", "audio/aac", "audio/amr", "audio/flac"),
        *("video/mp4", "video/webm", "video/ogg", "video/quicktime"),
    }
)
"""What a browser may show: it can hold no script. Everything else is a download."""

EXECUTABLE = "application/x-executable"
UNKNOWN = "application/octet-stream"

MARKS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"fLaC", "audio/flac"),
    (b"#!AMR", "audio/amr"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x7fELF", EXECUTABLE),
    (b"\xca\xfe\xba\xbe", EXECUTABLE),
    (b"\xfe\xed\xfa\xce", EXECUTABLE),
    (b"\xfe\xed\xfa\xcf", EXECUTABLE),
    (b"\xce\xfa\xed\xfe", EXECUTABLE),
    (b"\xcf\xfa\xed\xfe", EXECUTABLE),
    (b"dex\n", EXECUTABLE),
)
IN_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
BRANDS: tuple[tuple[bytes, str], ...] = (
    (b"M4A", "audio/mp4"),
    (b"M4B", "audio/mp4"),
    (b"qt", "video/quicktime"),
    (b"avif", "image/avif"),
    (b"hei", "image/heic"),
    (b"mif1", "image/heic"),
    (b"3gp", "video/3gpp"),
)
OFFICE = {
    b"word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    b"ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
PDF_MARK_WITHIN = 1_024
LONGEST_NAME = 200
"""Characters; of a longer name its end is kept, which has the ending."""

_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:[!?/]|[a-z])", re.IGNORECASE)


def type_of(beginning: bytes) -> str:
    """The media type of a file that begins so."""
    for mark, found in MARKS:
        # "BM" and the like are words too; no text has a NUL.
        if beginning.startswith(mark) and (len(mark) > 2 or not _is_text(beginning)):
            return found
    if beginning.startswith(b"MZ") and not _is_text(beginning):
        return EXECUTABLE
    if b"%PDF-" in beginning[:PDF_MARK_WITHIN]:
        return "application/pdf"
    return _in_container(beginning) or _text(beginning)


def shown_name(name: str) -> str:
    """A file's name for people to read: no path, and nothing that is read in another way than it is written."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return ending(visible(last).strip(), LONGEST_NAME) or "file"


def _in_container(beginning: bytes) -> str | None:
    """Of a format that holds others."""
    if beginning.startswith(b"RIFF"):
        return IN_RIFF.get(beginning[8:12], UNKNOWN)
    if beginning[4:8] == b"ftyp":
        return next((found for brand, found in BRANDS if beginning[8:].startswith(brand)), "video/mp4")
    if beginning.startswith(b"OggS"):
        return "video/ogg" if b"theora" in beginning else "audio/ogg"
    if beginning.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in beginning[:64] else "video/x-matroska"
    if beginning.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return next((found for folder, found in OFFICE.items() if folder in beginning), "application/zip")
    return None


def _text(beginning: bytes) -> str:
    if not beginning or not _is_text(beginning):
        return UNKNOWN
    if not _MARKUP.match(beginning):
        return "text/plain"
    return "image/svg+xml" if b"<svg" in beginning.lower() else "text/html"


def _is_text(beginning: bytes) -> bool:
    """In UTF-8, whose last character may be cut off."""
    if b"\x00" in beginning:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return False
    return True
