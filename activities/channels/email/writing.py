"""Parts as mails: words as plain text and as HTML, in the thread of what they answer. Nobody can add to the headers."""

import re
from collections.abc import Sequence
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage, Message
from email.policy import SMTP, Policy
from email.utils import formatdate
from html import escape

from activities.channels.email.parsing import LONGEST_HEADER, MOST_REFERENCES, ids
from activities.channels.port import RefusedError
from activities.channels.text.reading import read, spelled_out
from activities.channels.text.spans import Span
from activities.channels.text.writing import write
from models.contracts.accounts import MAILBOX, EmailSettings
from models.contracts.channels import Chat, Markup, Part
from runtime.characters import beginning, visible

LARGEST_FILE = 18 * 1024 * 1024
"""Encoded, it grows by a third: servers commonly take mails of 25 MB."""
LONGEST_SUBJECT = 200

_REPLIED = re.compile(r"\A(?:\s*(?:re|fwd?|aw|wg|отв|на|пересл|жауап)(?:\[\d+\])?\s*:)+\s*", re.IGNORECASE)
_PRE = re.compile(r"(<pre>.*?</pre>)", re.DOTALL)
_GAPS = re.compile(r"^ +| +(?= )", re.MULTILINE)
"""Spaces that a page would not show."""
TAB = " " * 4


class _Ids(BaseHeader, UnstructuredHeader):
    """Message ids, which the standard library would encode where they are long, so that nobody finds them."""

    def fold(self, *, policy: "Policy[Message]") -> str:
        return f"{self.name}: {f'{policy.linesep} '.join(str(self).split())}{policy.linesep}"


_headers = HeaderRegistry()
for _name in ("message-id", "in-reply-to", "references"):
    _headers.map_to_type(_name, _Ids)
POLICY = SMTP.clone(header_factory=_headers, cte_type="7bit")


def message_id(part: Part, address: str) -> str:
    """The same for a part that is sent once more, so that whoever gets both sees that they are one."""
    if part.id is None:
        raise RefusedError("no_id")
    return f"<{part.id}@{address.rpartition('@')[2].lower()}>"


def mail(settings: EmailSettings, chat: Chat, part: Part, data: bytes | None) -> EmailMessage:
    """`data` is the part's file. Raises RefusedError."""
    if not re.fullmatch(MAILBOX, chat.id):
        raise RefusedError("bad_address", unreachable=True)
    if not part.text.strip() and part.media is None:
        raise RefusedError("empty")
    made = EmailMessage(policy=POLICY)
    made["From"] = Address(_line(settings.sender_name), addr_spec=settings.address)
    made["To"] = Address(addr_spec=chat.id)
    made["Subject"] = _subject(part.subject, settings)
    made["Message-ID"] = message_id(part, settings.address)
    if thread := _thread(part.thread):
        made["In-Reply-To"] = thread[-1]
        made["References"] = " ".join(thread)
    made["Date"] = formatdate()
    if part.automatic:
        made["Auto-Submitted"] = "auto-replied"
        # Exchange goes by its own.
        made["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    said = [Span(part.text)] if part.literal else read(part.text)
    made.set_content(_plain(said, settings.signature))
    made.add_alternative(_page(said, settings.signature), subtype="html")
    if part.media is not None and data is not None:
        main, _, sub = part.media.mime.partition(";")[0].partition("/")
        if not re.fullmatch(r"[a-z]{1,20}/[\w.+-]{1,80}", f"{main}/{sub}", re.ASCII) or main in (
            "multipart",
            "message",
        ):
            main, sub = "application", "octet-stream"
        made.add_attachment(data, maintype=main, subtype=sub, filename=_line(part.media.name) or "file")
    return made


def _subject(given: str | None, settings: EmailSettings) -> str:
    subject = _line(_REPLIED.sub("", given or "", count=1)) if given else ""
    return f"Re: {subject}" if subject else _line(settings.sender_name) or settings.address


def _thread(given: tuple[str, ...]) -> list[str]:
    """What is no message id is left out, and what makes the header longer than servers take."""
    thread = [each for each in given if ids(each) == (each,)]
    while len(" ".join(thread)) > LONGEST_HEADER - 50 or len(thread) > MOST_REFERENCES + 1:
        del thread[min(1, len(thread) - 1)]
    return thread


def _line(words: str) -> str:
    """One line without control characters, fit for a header."""
    return beginning(" ".join(visible(words, " ").split()), LONGEST_SUBJECT)


def _plain(said: Sequence[Span], signature: str) -> str:
    text = write(spelled_out(said), Markup.PLAIN)
    return _sound(f"{text}\n\n-- \n{signature}\n" if signature.strip() else f"{text}\n")


def _page(said: Sequence[Span], signature: str) -> str:
    # Everything is escaped but what this writes: the tags that the Bot API has are HTML's.
    text = _broken(write(said, Markup.TELEGRAM))
    signed = f'<div style="color:#666">-- <br>\n{_broken(escape(signature))}</div>\n' if signature.strip() else ""
    return _sound(f'<html><body>\n<div dir="auto">{text}</div>\n{signed}</body></html>\n')


def _broken(html: str) -> str:
    """With line breaks and indents as HTML has them, but where they stand for themselves."""
    pieces = _PRE.split(html)
    return "".join(piece if place % 2 else _kept(piece) for place, piece in enumerate(pieces))


def _kept(html: str) -> str:
    return _GAPS.sub(lambda gap: "\u00a0" * len(gap[0]), html.replace("\t", TAB)).replace("\n", "<br>\n")


def _sound(text: str) -> str:
    """Without half characters, which no encoding has."""
    return text.encode("utf-8", "replace").decode()
