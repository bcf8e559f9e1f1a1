"""A mail's bytes as a Letter. Mails are often broken: what can be read of one is read, whatever else is in it.

The old policy of the standard library is used on purpose: the new one raises for many headers that people really get.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from activities.channels.email.automatic import automatic
from activities.channels.email.letter import Bounce, File, Letter
from activities.reading.encoding import decoded
from activities.reading.port import UnreadableError
from models.contracts.accounts import MAILBOX
from runtime.characters import beginning

LARGEST_MAIL = 30 * 1024 * 1024
"""Bytes of a mail that are read. Of a larger one the last file is damaged, and those after it are not seen."""
LONGEST_TEXT = 200_000
"""Characters of a body. What is beyond is cut off."""
LONGEST_HEADER = 1_000
LONGEST_ID = 250
MOST_REFERENCES = 10
MOST_FILES = 25
NOBODY_KNOWS = datetime(1970, 1, 1, tzinfo=UTC)

NOT_SHOWN = frozenset({"application/ms-tnef", "application/pgp-signature", "application/pkcs7-signature"})
"""Files that mail programs add for each other: Outlook's winmail.dat, signatures."""
REPORT = "multipart/report"
"""What mail servers and programs tell: that a mail was not delivered, will be later, or was read (RFC 6522)."""
REPORTS = frozenset({"message/delivery-status", "message/global-delivery-status", "text/rfc822-headers"})

_ID = re.compile(rf"<[!-;=?-~]{{1,{LONGEST_ID}}}>")
_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def parse(raw: bytes, origin: str, *, cut: bool = False) -> Letter:
    """`cut`: the mail goes on behind `raw`. Raises ValueError when it is too deeply nested to be read."""
    try:
        mail = message_from_bytes(raw)
        numbered = list(leaves(mail))
    except RecursionError:
        raise ValueError("a mail within mails without end") from None
    parts = [part for _, part in numbered]
    bodies, files = _sorted(numbered, cut=cut)
    sender, name = _sender(mail)
    replied = ids(_header(mail, "In-Reply-To"))
    named = ids(_header(mail, "Message-ID"))
    references = ids(_header(mail, "References"))
    return Letter(
        origin=origin,
        message_id=named[0] if named else f"sha256:{hashlib.sha256(raw).hexdigest()}",
        sender=sender,
        name=name,
        sent_at=_date(mail),
        subject=" ".join(_header(mail, "Subject").split()),
        in_reply_to=replied[0] if replied else None,
        # The first names the thread, the last are what is answered.
        references=(*references[:1], *references[1:][1 - MOST_REFERENCES :]),
        automatic="report"
        if mail.get_content_type() == REPORT
        else automatic({name.lower(): _text(value) for name, value in mail.items()}, sender),
        bounce=_bounce(mail, parts),
        text=beginning("\n\n".join(bodies["text/plain"]), LONGEST_TEXT),
        html=beginning("\n".join(bodies["text/html"]), LONGEST_TEXT),
        files=tuple(files[:MOST_FILES]),
        left_out=len(files) > MOST_FILES,
        read_bytes=len(raw) if cut else None,
    )


def ids(value: str) -> tuple[str, ...]:
    """The message ids in a header, with their brackets."""
    return tuple(_ID.findall(value))


def leaves(mail: Message) -> Iterator[tuple[str, Message]]:
    """The parts that hold something, in order, each with its section as IMAP numbers them (RFC 3501, 6.4.5); empty where
    the mail has no parts. A mail within the mail is one of them, whatever is in it."""
    waiting = [("", mail)]
    while waiting:
        section, part = waiting.pop()
        # Asked for by its text, a leaf would be decoded by whatever its header calls a character set.
        inside = part.get_payload() if part.is_multipart() else None
        if part.get_content_maintype() == "multipart" and isinstance(inside, list):
            inner = [each for each in inside if isinstance(each, Message)]
            numbers = [f"{section}.{number}".lstrip(".") for number in range(1, len(inner) + 1)]
            waiting.extend(reversed(list(zip(numbers, inner, strict=True))))
        else:
            yield section, part


def content(part: Message) -> bytes:
    """The bytes of a leaf, as they were before they were encoded for the way."""
    inside = part.get_payload() if part.is_multipart() else None
    if isinstance(inside, list):
        return b"\n".join(bytes(each) for each in inside if isinstance(each, Message))
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError, TypeError):
        data = None
    return data if isinstance(data, bytes) else b""


def _sorted(parts: list[tuple[str, Message]], *, cut: bool) -> tuple[dict[str, list[str]], list[File]]:
    bodies: dict[str, list[str]] = {"text/plain": [], "text/html": []}
    files: list[File] = []
    for place, (section, part) in enumerate(parts):
        kind = part.get_content_type()
        name = _name(part)
        if kind in bodies and name is None and part.get_content_disposition() != "attachment":
            bodies[kind].append(_decoded(part))
        elif kind not in NOT_SHOWN and kind not in REPORTS:
            # Of a file within a mail only the bytes tell what it is; what is declared is a hint.
            ends = not cut or place < len(parts) - 1
            size = len(content(part))
            files.append(File(place=place, section=section, cut=not ends, name=name, mime=_text(kind)[:100], size=size))
    return bodies, files


def _decoded(part: Message) -> str:
    data = content(part)
    try:
        text = decoded(data, _charset(part)) if data else ""
    except UnreadableError:
        text = data.decode(errors="replace")
    return _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _charset(part: Message) -> str | None:
    try:
        given = part.get_content_charset()
        return None if given is None or "\x00" in given else given
    except (ValueError, LookupError, TypeError):
        return None


def _name(part: Message) -> str | None:
    try:
        given = part.get_filename()
    except (ValueError, LookupError):
        given = None
    return None if given is None else beginning(_text(given), 255).strip() or None


def _header(mail: Message, name: str) -> str:
    return _text(mail.get(name, ""))


def _text(value: object) -> str:
    """A header's words (RFC 2047), or what can be made of them."""
    written = str(value)
    try:
        pieces = decode_header(written)
    except (ValueError, HeaderParseError):
        return _clean(written)
    return _clean("".join(piece if isinstance(piece, str) else _word(piece, charset) for piece, charset in pieces))


def _word(piece: bytes, charset: str | None) -> str:
    try:
        return decoded(piece, None if charset is None or "\x00" in charset else charset)
    except UnreadableError:
        return piece.decode(errors="replace")


def _clean(text: str) -> str:
    return beginning(_INVISIBLE.sub("", text.replace("\n", " ").replace("\r", " ")), LONGEST_HEADER)


def _sender(mail: Message) -> tuple[str | None, str | None]:
    """Who wrote it, as far as they can be written to, and their name. Where to reply to goes before where it is from."""
    for header in ("Reply-To", "From"):
        # Taken apart before it is decoded: an encoded name may hold what separates addresses.
        for name, address in getaddresses([str(mail.get(header, ""))]):
            if re.fullmatch(MAILBOX, address):
                return address.lower(), beginning(" ".join(_text(name).split()), 100) or None
    return None, None


def _date(mail: Message) -> datetime:
    try:
        found = parsedate_to_datetime(str(mail.get("Date", "")))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return NOBODY_KNOWS


def _bounce(mail: Message, parts: list[Message]) -> Bounce | None:
    """RFC 3464: a part says what became of it, another one has its headers."""
    if mail.get_content_type() != REPORT:
        return None
    status, failed, named = None, False, None
    for part in parts:
        match part.get_content_type():
            case "message/delivery-status" | "message/global-delivery-status":
                told = part.get_payload()
                for block in told if isinstance(told, list) else ():
                    if isinstance(block, Message) and _header(block, "Action").strip().lower() == "failed":
                        failed = True
                        status = next(iter(re.findall(r"\b5\.\d{1,3}\.\d{1,3}\b", _header(block, "Status"))), status)
            case "message/rfc822" | "text/rfc822-headers" | "message/rfc822-headers":
                found = re.search(rb"^Message-ID:\s*(<[!-;=?-~]{1,250}>)", content(part), re.IGNORECASE | re.MULTILINE)
                named = found[1].decode() if found else named
            case _:
                pass
    return Bounce(message_id=named, status=status) if failed and named is not None else None
