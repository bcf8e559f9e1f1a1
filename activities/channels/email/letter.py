"""A mail as far as it is of use here, without the bytes of its files. Deliveries are kept in this form."""

from datetime import datetime

from models.contracts.base import Frozen


class File(Frozen):
    """A part of a mail that is no text of it. `place`: which of the mail's leaves it is, from 0, and `section` what IMAP calls
    it; empty where it has no such name, or nobody knows. `size` in bytes. `cut`: its end was not read."""

    place: int
    section: str = ""
    cut: bool = False
    name: str | None
    mime: str
    size: int


class Bounce(Frozen):
    """What a mail server tells of a mail that it could not deliver. `status` as 5.1.1, if it says."""

    message_id: str
    status: str | None


class Letter(Frozen):
    """`origin` says where the whole mail can be had again (see files.py). `message_id` stands in angle brackets; where
    a mail has none it is a digest without them. `automatic`: a word for why nobody wrote it. `left_out`: it has more files than these."""

    origin: str
    message_id: str
    sender: str | None
    name: str | None
    sent_at: datetime
    subject: str
    in_reply_to: str | None
    references: tuple[str, ...]
    automatic: str | None
    bounce: Bounce | None
    text: str
    html: str
    files: tuple[File, ...]
    left_out: bool = False
    read_bytes: int | None = None
    """How much of the mail was read, where it is larger than that."""
