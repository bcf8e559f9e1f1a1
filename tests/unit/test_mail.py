"""Mails as they are written: in every language, with nothing that a name could add, and where they go."""

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import aiosmtplib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from activities.mail.choice import mailer_for
from activities.mail.folder import FolderMailer
from activities.mail.letters import WORDS, compose, letter, plain
from activities.mail.port import MailNotSentError
from activities.mail.smtp import SmtpMailer, _for_good
from models.contracts.enums import Language
from models.contracts.people import MailPurpose, email_address
from models.repositories.mails import Outgoing
from runtime.ids import new_id
from runtime.settings import Settings

TOKEN = "tOkEn-of-43-characters_which_is_not_a_real_one"
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)


def outgoing(
    purpose: MailPurpose, language: Language = Language.EN, name: str = "Dana", company: str = "ACME"
) -> Outgoing:
    return Outgoing(
        id=UUID(int=7),
        purpose=purpose,
        member_id=new_id(),
        address="dana@example.com",
        name=name,
        joined=False,
        company=company,
        slug="acme",
        language=language,
    )


def written(message: EmailMessage) -> EmailMessage:
    """As a mail program reads it."""
    read = email.message_from_bytes(message.as_bytes(), policy=email.policy.default)
    assert isinstance(read, EmailMessage)
    return read


def mail(purpose: MailPurpose, token: str | None = TOKEN, **changes: str) -> EmailMessage:
    language = Language(changes.pop("language", "en"))
    given = outgoing(purpose, language, **changes)
    return written(compose(given, token, sender="Help <help@example.com>", origin="https://help.example.com"))


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("purpose", MailPurpose)
def test_every_mail_is_written_in_every_language(purpose: MailPurpose, language: Language) -> None:
    with_token = "{token}" in WORDS[Language.EN][purpose].body
    message = mail(purpose, TOKEN if with_token else None, language=language)
    text = message.get_content()
    assert "{" not in text + message["Subject"]
    assert "Dana" in text
    assert "ACME" in message["Subject"]
    link = f"https://help.example.com/{purpose}#token={TOKEN}" if with_token else "https://help.example.com\r\n"
    assert link in text
    # The link and the token itself.
    assert text.count(TOKEN) == (2 if with_token else 0)


@given(ANYTHING, ANYTHING)
def test_no_name_adds_a_header_or_a_line(name: str, company: str) -> None:
    message = mail(MailPurpose.INVITE, name=name, company=company)
    assert sorted(message.keys()) == sorted(
        [
            "From",
            "To",
            "Subject",
            "Message-ID",
            "Auto-Submitted",
            "Content-Type",
            "Content-Transfer-Encoding",
            "MIME-Version",
        ]
    )
    assert [each.addr_spec for each in message["To"].addresses] == ["dana@example.com"]
    plainest = mail(MailPurpose.INVITE, name="x", company="x")
    assert len(message.get_content().splitlines()) == len(plainest.get_content().splitlines())


@pytest.mark.parametrize(
    "name", ["Eve\r\nBcc: all@example.com", "Eve\nX: y", "Eve\x00\x85\u2028", '"<a@b.kz>', "{token}"]
)
def test_names_that_try(name: str) -> None:
    message = mail(MailPurpose.INVITE, name=name)
    assert message["Bcc"] is None
    assert message["X"] is None
    assert [each.addr_spec for each in message["To"].addresses] == ["dana@example.com"]
    assert message["To"].addresses[0].display_name == plain(name)


def test_an_address_with_a_line_break_is_refused_where_it_comes_in_and_where_it_goes_out() -> None:
    with pytest.raises(ValueError, match="must be an e-mail address"):
        email_address("a@example.com\r\nBcc: b@example.com")
    with pytest.raises(ValueError):  # noqa: PT011  # the library's own words
        letter(sender="x@y.kz", to="a@b.kz\r\nBcc: c@d.kz", name="", subject="", text="", message_id="1")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Dana@Example.COM", "dana@example.com"),
        ("dana@почта.рф", "dana@xn--80a1acny.xn--p1ai"),
        ("d@intranet", "d@intranet"),
    ],
)
def test_addresses_are_kept_in_one_way(typed: str, kept: str) -> None:
    assert email_address(typed) == kept
    assert email_address(kept) == kept


@pytest.mark.parametrize(
    "typed", ["", "dana", "dana@", "@example.com", "a b@example.com", "дана@example.com", "a" * 250 + "@b.kz"]
)
def test_what_is_no_address_is_refused_without_quoting_it(typed: str) -> None:
    with pytest.raises(ValueError, match="must") as refused:
        email_address(typed)
    assert str(refused.value) in (
        "must be an e-mail address, like name@example.com",
        "must have at most 254 characters",
    )


# Where mail goes ----------------------------------------------------------------------------------


async def test_without_a_server_mails_are_files_that_only_their_owner_reads(tmp_path: Path) -> None:
    mailer = mailer_for(None, tmp_path / "mail")
    assert isinstance(mailer, FolderMailer)
    for _ in range(2):
        await mailer.send(compose(outgoing(MailPurpose.RESET), TOKEN, sender="a@b.kz", origin="http://localhost"))
    (path,) = (tmp_path / "mail").iterdir()
    assert path.name == f"{UUID(int=7)}.eml"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert TOKEN in email.message_from_bytes(path.read_bytes(), policy=email.policy.default).get_content()


async def test_a_folder_that_cannot_be_written_is_tried_again_later(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")
    with pytest.raises(MailNotSentError):
        await FolderMailer(tmp_path / "mail").send(mail(MailPurpose.RESET))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://user:p%40ss@mail.example.com:2525", ("mail.example.com", 2525, "user", "p@ss", False, True)),
        ("smtp://mail.example.com", ("mail.example.com", 587, None, None, False, True)),
        ("smtps://mail.example.com", ("mail.example.com", 465, None, None, True, False)),
        ("smtp://127.0.0.1:25", ("127.0.0.1", 25, None, None, False, None)),
    ],
)
def test_a_server_is_read_from_its_url_and_asked_for_tls(url: str, expected: tuple[object, ...]) -> None:
    mailer = SmtpMailer.at(url)
    assert (mailer.host, mailer.port, mailer.user, mailer.password, mailer.secure, mailer._start_tls()) == expected
    assert "p@ss" not in repr(mailer)
    assert Settings(_env_file=None, mail_url=SecretStr(url)).mail_url is not None


@pytest.mark.parametrize("url", ["http://mail.example.com", "smtp://", "smtp://a b", "mail.example.com:25"])
def test_a_url_that_is_none_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ValueError, match="smtp://user:password@host:587"):
        Settings(_env_file=None, mail_url=SecretStr(url))


@pytest.mark.parametrize("sender", ["nobody", "A <a@b>\r\nBcc: c@d", "<>", "A <a b@c>"])
def test_a_sender_that_is_none_is_refused(sender: str) -> None:
    with pytest.raises(ValueError, match="must be like Support"):
        Settings(_env_file=None, mail_from=sender)


def test_only_the_mail_itself_can_be_refused_for_good() -> None:
    refused = aiosmtplib.SMTPRecipientRefused
    assert _for_good(aiosmtplib.SMTPRecipientsRefused([refused(550, "no such mailbox", "a@b.kz")]))
    assert _for_good(aiosmtplib.SMTPDataError(554, "spam"))
    assert not _for_good(aiosmtplib.SMTPRecipientsRefused([refused(450, "greylisted", "a@b.kz")]))
    assert not _for_good(aiosmtplib.SMTPDataError(452, "full"))
    assert not _for_good(aiosmtplib.SMTPAuthenticationError(535, "wrong password"))
    assert not _for_good(aiosmtplib.SMTPServerDisconnected("gone"))
