"""Mails as they are read: texts by language, put into a message whose headers nobody can add to."""

import tomllib
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from importlib import resources

from pydantic import BaseModel, ConfigDict

from models.contracts.enums import Language
from models.contracts.people import MailPurpose
from models.repositories.mails import Outgoing
from runtime.characters import beginning, visible

FOLDER = "texts"
LONGEST_NAME = 100


class Words(BaseModel):
    """One mail in one language. `{name}`, `{company}`, `{link}`, `{token}` and `{address}` stand for what they say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: str
    body: str


def _load(language: Language) -> dict[MailPurpose, Words]:
    text = resources.files(__package__).joinpath(FOLDER, f"{language}.toml").read_text("utf-8")
    found = tomllib.loads(text)
    return {purpose: Words.model_validate(found.pop(purpose)) for purpose in MailPurpose}


WORDS = {language: _load(language) for language in Language}


def compose(outgoing: Outgoing, token: str | None, *, sender: str, origin: str) -> EmailMessage:
    """The mail. `token` stands behind the `#` of its link, which no browser sends to a server."""
    words = WORDS[outgoing.language][outgoing.purpose]
    given = {
        "name": plain(outgoing.name),
        "company": plain(outgoing.company),
        "address": outgoing.address,
        "token": token or "",
        "link": f"{origin}/{outgoing.purpose.value}#token={token}" if token else origin,
    }
    return letter(
        sender=sender,
        to=outgoing.address,
        name=outgoing.name,
        subject=words.subject.format_map(given),
        text=words.body.format_map(given),
        # Sent again by a retry, it is the same mail.
        message_id=str(outgoing.id),
    )


def letter(*, sender: str, to: str, name: str, subject: str, text: str, message_id: str) -> EmailMessage:
    """A mail of plain text. `sender`: `Name <address>`; `to`: a checked address; the rest is anybody's words."""
    message = EmailMessage(policy=SMTP)
    sender_name, sender_address = parseaddr(sender)
    message["From"] = _mailbox(sender_name, sender_address)
    message["To"] = _mailbox(name, to)
    message["Subject"] = plain(subject)
    message["Message-ID"] = f"<{message_id}@{sender_address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def plain(words: str) -> str:
    """One line without control characters, cut to a sensible length: what a person typed, fit for a header and a text."""
    return beginning(" ".join(visible(words, " ").split()), LONGEST_NAME)


def _mailbox(name: str, address: str) -> Address:
    return Address(plain(name), addr_spec=address)
