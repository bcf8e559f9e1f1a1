"""What a file is, told by its content, and who reads it. The name decides only between kinds of text."""

import re
from pathlib import PurePath

from activities.reading.delimited import delimiter_of, read_delimited
from activities.reading.encoding import decoded
from activities.reading.port import Limits, Links, Reading, Reason, UnreadableError
from activities.reading.questions import read_json_pairs
from activities.reading.text import read_text

MARKDOWN = {".md", ".markdown", ".mdx"}
DELIMITED = {".csv", ".tsv", ".tab"}

PDF_MARK_WITHIN = 1024
"""Bytes that may stand before `%PDF-`; other readers allow as many."""
BEGINNING = 4096

REFUSED: dict[bytes, str] = {
    rb"{\rtf": "This is an RTF file. Save it as DOCX or PDF.",
    b"\x89PNG": "This is a picture. Add a file that has its text.",
    b"\xff\xd8\xff": "This is a picture. Add a file that has its text.",
    b"GIF8": "This is a picture. Add a file that has its text.",
    b"II*\x00": "This is a picture. Add a file that has its text.",
    b"MM\x00*": "This is a picture. Add a file that has its text.",
    b"RIFF": "This is a picture or a recording. Add a file that has its text.",
    b"\x1f\x8b": "This is an archive. Unpack it and add the files in it.",
    b"7z\xbc\xaf": "This is an archive. Unpack it and add the files in it.",
    b"Rar!": "This is an archive. Unpack it and add the files in it.",
    b"BZh": "This is an archive. Unpack it and add the files in it.",
    b"\xfd7zXZ": "This is an archive. Unpack it and add the files in it.",
}

_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*"
    rb"<(?:!doctype\s+html|html|head|body|title|meta|h[1-6]|p|div|span|table|article|section|main)\b",
    re.IGNORECASE | re.DOTALL,
)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]{2,30})", re.IGNORECASE)
_MAIL_HEADERS = {b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"received", b"return-path"}


def read(data: bytes, name: str, limits: Limits) -> Reading:
    """Read a file of any kind. Raises UnreadableError, and whatever parsers raise."""
    if not data.strip(b"\x00\t\n\x0b\x0c\r "):
        raise UnreadableError(Reason.EMPTY, "The file is empty.")
    for mark, advice in REFUSED.items():
        if data.startswith(mark):
            raise UnreadableError(Reason.UNSUPPORTED, advice)
    reading = _reading(data, name, limits)
    if not reading.text.strip():
        raise UnreadableError(Reason.NO_TEXT, "There is no text in the file that a reader would see.")
    return reading


def read_links(data: bytes, url: str, *, sitemap: bool) -> Links:
    """The links of the page or sitemap at `url`. Raises UnreadableError, and whatever parsers raise."""
    if sitemap:
        from activities.reading.sitemap import read_sitemap

        return read_sitemap(data)
    from activities.reading.html.links import read_page_links

    return read_page_links(_text(data), url)


def _reading(data: bytes, name: str, limits: Limits) -> Reading:
    beginning = data[:BEGINNING]
    if b"%PDF-" in beginning[:PDF_MARK_WITHIN]:
        from activities.reading.pdf.document import read_pdf

        return read_pdf(data, limits)
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        from activities.reading.office.kinds import read_package

        return read_package(data, limits)
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        from activities.reading.mail.outlook import read_compound

        return read_compound(data, limits)
    if _is_mail(beginning):
        from activities.reading.mail.internet import read_eml

        return read_eml(data, limits)
    return _read_text(data, PurePath(name).suffix.lower(), limits)


def _read_text(data: bytes, suffix: str, limits: Limits) -> Reading:
    text = _text(data)
    if _HTML.match(text[:BEGINNING].encode()) and suffix not in MARKDOWN:
        from activities.reading.html.page import read_html

        return read_html(text, limits)
    if text.lstrip().startswith("[") and (pairs := read_json_pairs(text, limits)):
        return pairs
    if len(text) > limits.characters:
        raise UnreadableError(Reason.TOO_LARGE, "The file has more text than one file may. Split it.")
    if suffix in DELIMITED and (delimiter := delimiter_of(text)):
        return read_delimited(text, delimiter, limits)
    if suffix in MARKDOWN:
        from activities.reading.marked import read_markdown

        return read_markdown(text, limits)
    return read_text(text, limits)


def _text(data: bytes) -> str:
    """In the encoding that a page declares, or that it looks like."""
    charset = _CHARSET.search(data[:BEGINNING])
    return decoded(data, charset[1].decode() if charset else None)


def _is_mail(beginning: bytes) -> bool:
    """Whether the file begins with headers, two of them those of letters."""
    names = set()
    for line in beginning.split(b"\n"):
        if not line.strip():
            break
        name, colon, _ = line.partition(b":")
        if line[:1] in b" \t":
            continue
        if not colon or not name or b" " in name.strip():
            return False
        names.add(name.strip().lower())
    return len(names & _MAIL_HEADERS) >= 2
