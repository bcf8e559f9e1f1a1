"""EML: a letter as it travels (RFC 5322, MIME)."""

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from activities.reading.mail.letter import Letter, reading_of
from activities.reading.port import Limits, Reading


def read_eml(data: bytes, limits: Limits) -> Reading:
    """Read a letter. A part in an unknown encoding is read with replacements."""
    message = BytesParser(policy=policy.default).parsebytes(data)
    letter = Letter(
        subject=str(message.get("subject", "")),
        sender=str(message.get("from", "")),
        to=str(message.get("to", "")),
        sent=str(message.get("date", "")),
        text=_body(message, "plain"),
        html=_body(message, "html"),
        attachments=sum(1 for _ in message.iter_attachments()) if message.is_multipart() else 0,
    )
    return reading_of(letter, "message/rfc822", limits)


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except LookupError:  # of the encoding
        payload = part.get_payload(decode=True)
        return payload.decode(errors="replace") if isinstance(payload, bytes) else ""
