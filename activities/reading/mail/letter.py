"""What a letter says, whatever file it was saved in."""

from dataclasses import dataclass

from activities.reading.html.page import read_html
from activities.reading.markdown import Markdown, escaped
from activities.reading.port import Limits, Reading
from activities.reading.text import read_text


@dataclass(frozen=True)
class Letter:
    """Headers as text, empty if there are none. Programs show `html` if there is some, else `text`; so do we."""

    subject: str
    sender: str
    to: str
    sent: str
    text: str
    html: str
    attachments: int


def reading_of(letter: Letter, media_type: str, limits: Limits) -> Reading:
    """The subject as a heading, who wrote to whom and when, and the body. Attachments are only counted."""
    body = read_html(letter.html, limits, whole=True) if letter.html.strip() else read_text(letter.text, limits)
    head = Markdown(limits.characters)
    head.heading(1, escaped(letter.subject))
    headers = {"From": letter.sender, "To": letter.to, "Sent": letter.sent}
    head.paragraph("\n".join(f"{name}: {escaped(value)}" for name, value in headers.items() if value.strip()))
    left_out = (f"attachments left out: {letter.attachments}",) if letter.attachments else ()
    text = "\n".join(filter(None, (str(head), body.text)))
    return Reading(text, media_type, head.title, notes=(*body.notes, *left_out))
