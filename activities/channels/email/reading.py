"""Deliveries of mail as events. Pure."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from selectolax.lexbor import LexborNode

from activities.channels.email.files import reference
from activities.channels.email.letter import File, Letter
from activities.channels.email.parsing import parse
from activities.channels.email.quoting import own
from activities.reading.html.page import parsed, read_html
from activities.reading.port import Limits, UnreadableError
from models.contracts.channels import (
    Arrived,
    Attachment,
    Chat,
    DeliveryChanged,
    MediaKind,
    MessageArrived,
    Person,
)
from models.contracts.enums import SendStatus

CHARACTERS = 50_000
PAGE = Limits(unpacked_bytes=0, pages=0, seconds=0, memory_bytes=0, characters=CHARACTERS)
QUOTES = (
    "blockquote, .gmail_quote, .gmail_attr, .moz-cite-prefix, .yahoo_quoted, .protonmail_quote, #appendonsend ~ *, "
    "#divRplyFwdMsg, #divRplyFwdMsg ~ *, #mail-app-auto-quote, .js-helper.js-readmsg-msg"
)
"""How mail programs mark what was written before."""
SIGNATURES = ".gmail_signature, .moz-signature, #Signature, #signature"
OURS = re.compile(r"<[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.\d{1,6}@")
"""How message ids of our own begin."""

_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def delivery(raw: bytes, origin: str, *, cut: bool = False) -> tuple[str, dict[str, Any]]:
    """A mail that was fetched, as a delivery: its name, by which a mail that comes twice is known, and its payload,
    without the bytes of its files. `cut`: the mail goes on behind `raw`."""
    try:
        letter = parse(raw, origin, cut=cut)
    except Exception as error:  # noqa: BLE001  # whatever in it breaks the reader
        # Put aside by whoever reads the delivery: a mail that cannot be read holds up no other.
        return f"body/{hashlib.sha256(raw).hexdigest()}", {"unreadable": type(error).__name__}
    return f"mail/{letter.sender}/{letter.message_id}", {"letter": letter.model_dump(mode="json")}


def read(payload: Mapping[str, Any], address: str) -> Sequence[Arrived]:
    """What a mail to `address` says. Nothing, when a machine wrote it. Raises ValueError when it is no mail."""
    letter = _letter(payload)
    if letter.bounce is not None:
        return _returned(letter)
    if letter.automatic is not None or letter.sender is None or _is_ours(letter, address):
        return ()
    files = tuple(_attachment(letter, file) for file in letter.files)
    text = _said(letter) or letter.subject
    if not text and not files and letter.read_bytes is None:
        return ()
    chat = Chat(id=letter.sender)
    return (
        MessageArrived(
            id=letter.message_id,
            chat=chat,
            sender=Person(id=letter.sender, name=letter.name),
            sent_at=letter.sent_at,
            text=text,
            attachments=files,
            reply_to=letter.in_reply_to,
            thread=letter.references or (() if letter.in_reply_to is None else (letter.in_reply_to,)),
            subject=letter.subject or None,
            unsupported=_unread(letter),
            read_bytes=letter.read_bytes,
        ),
    )


def _letter(payload: Mapping[str, Any]) -> Letter:
    match payload:
        case {"letter": dict(letter)}:
            try:
                return Letter.model_validate(letter)
            except ValidationError as error:
                raise ValueError(f"no letter: {error.error_count()} fields") from None
        case {"raw": str(raw), "origin": str(origin), **more}:
            try:
                return parse(base64.b64decode(raw, validate=True), origin, cut=bool(more.get("cut")))
            except binascii.Error:
                raise ValueError("no base64") from None
        case _:
            raise ValueError("not a delivery of mail")


def _returned(letter: Letter) -> Sequence[Arrived]:
    """A mail that somebody sent back. Which conversation it was of, only our own records say: anybody can make one up."""
    bounce = letter.bounce
    if bounce is None or not OURS.match(bounce.message_id):
        return ()
    status = bounce.status or "5.0.0"
    # Of 5.1 the address is wrong, of 5.2.1 the mailbox disabled; the rest may be about this one mail.
    gone = status.startswith("5.1.") or status == "5.2.1"
    code = f"bounced_{status}"
    return (
        DeliveryChanged(id=bounce.message_id, status=SendStatus.FAILED, at=letter.sent_at, code=code, unreachable=gone),
    )


def _is_ours(letter: Letter, address: str) -> bool:
    """A mail that came back to where it was sent from."""
    domain = address.rpartition("@")[2].lower()
    looped = OURS.match(letter.message_id) is not None and letter.message_id.lower().endswith(f"@{domain}>")
    return looped or letter.sender == address.lower()


def _unread(letter: Letter) -> str | None:
    if letter.read_bytes is not None:
        return "mail_too_large"
    return "more_files" if letter.left_out else None


def _said(letter: Letter) -> str:
    if letter.text.strip():
        return own(letter.text)
    return own(_shown(letter.html)) if letter.html.strip() else ""


def _shown(html: str) -> str:
    """A page as plain text, without quotes; with them, if nothing else is in it."""
    try:
        page = parsed(html)
        for found in _outermost(page.css(f"{QUOTES}, {SIGNATURES}")):
            found.decompose()
        text = read_html(page.html or "", PAGE, whole=True).text.strip() or read_html(html, PAGE, whole=True).text
    except UnreadableError:
        return ""
    return _ESCAPED.sub(r"\1", text)


def _outermost(found: Sequence[LexborNode]) -> list[LexborNode]:
    """Without what lies within others of them, which goes with those."""
    known = {node.mem_id for node in found}

    def lies_within(node: LexborNode) -> bool:
        around = node.parent
        while around is not None and around.mem_id not in known:
            around = around.parent
        return around is not None

    return [node for node in found if not lies_within(node)]


def _attachment(letter: Letter, file: File) -> Attachment:
    return Attachment(
        kind=_kind(file.mime),
        ref=reference(letter.origin, file),
        name=file.name,
        mime=file.mime,
        size=file.size,
    )


def _kind(mime: str) -> MediaKind:
    match mime.partition("/")[0]:
        case "image":
            return MediaKind.IMAGE
        case "audio":
            return MediaKind.AUDIO
        case "video":
            return MediaKind.VIDEO
        case _:
            return MediaKind.DOCUMENT
