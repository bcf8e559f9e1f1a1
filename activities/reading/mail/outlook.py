"""Compound files: Outlook's .msg is read, what else comes in them is told apart (MS-CFB, MS-OXMSG)."""

import io
import struct
from datetime import UTC, datetime, timedelta

import olefile

from activities.reading.encoding import decoded
from activities.reading.mail.letter import Letter, reading_of
from activities.reading.port import Limits, Reading, Reason, UnreadableError

SUBJECT, SENT, SENDER_NAME, SENDER_ADDRESS, SMTP_ADDRESS = 0x0037, 0x0039, 0x0C1A, 0x0C1F, 0x5D01
DISPLAY_TO, BODY, HTML = 0x0E04, 0x1000, 0x1013
PROPERTIES = "__properties_version1.0"
HEADER_BYTES, ENTRY_BYTES = 32, 16

OLD = {
    "WordDocument": "This is a document of an old Word. Save it as DOCX.",
    "Workbook": "This is a workbook of an old Excel. Save it as XLSX.",
    "Book": "This is a workbook of an old Excel. Save it as XLSX.",
    "PowerPoint Document": "This is a presentation of an old PowerPoint. Save it as PPTX or PDF.",
}


def read_compound(data: bytes, limits: Limits) -> Reading:
    """Read a letter. Raises UnreadableError for everything else."""
    try:
        file = olefile.OleFileIO(io.BytesIO(data))
    except OSError:
        raise UnreadableError(
            Reason.DAMAGED, "The file is damaged. Save it anew in the program it came from."
        ) from None
    if file.exists("EncryptedPackage") or file.exists("EncryptionInfo"):
        raise UnreadableError(Reason.ENCRYPTED, "The file is protected by a password. Save it without one.")
    for stream, advice in OLD.items():
        if file.exists(stream):
            raise UnreadableError(Reason.UNSUPPORTED, advice)
    if not file.exists(PROPERTIES):
        raise UnreadableError(Reason.UNSUPPORTED, "This kind of file cannot be read. Save it as PDF or DOCX.")
    address = _text(file, SMTP_ADDRESS) or _text(file, SENDER_ADDRESS)
    name = _text(file, SENDER_NAME)
    letter = Letter(
        subject=_text(file, SUBJECT),
        sender=f"{name} <{address}>" if "@" in address and name != address else name or address,
        to=_text(file, DISPLAY_TO),
        sent=_sent(file),
        text=_text(file, BODY),
        html=_text(file, HTML),
        attachments=len({entry[0] for entry in file.listdir(storages=True) if entry[0].startswith("__attach")}),
    )
    return reading_of(letter, "application/vnd.ms-outlook", limits)


def _text(file: olefile.OleFileIO, key: int) -> str:
    """A property's text: UTF-16, or bytes in an encoding to be told, or none."""
    for kind in ("001F", "001E", "0102"):
        stream = f"__substg1.0_{key:04X}{kind}"
        if file.exists(stream):
            data: bytes = file.openstream(stream).read()
            text = data.decode("utf-16-le", errors="replace") if kind == "001F" else decoded(data) if data else ""
            return text.rstrip("\x00")
    return ""


def _sent(file: olefile.OleFileIO) -> str:
    """When the letter was sent, in UTC; Windows counts tenths of a microsecond since 1601."""
    data: bytes = file.openstream(PROPERTIES).read()
    for start in range(HEADER_BYTES, len(data) - ENTRY_BYTES + 1, ENTRY_BYTES):
        kind, key, _, value = struct.unpack_from("<HHIQ", data, start)
        if (key, kind) == (SENT, 0x0040):
            try:
                return str(datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=value // 10))[:16] + " UTC"
            except OverflowError:
                return ""
    return ""
