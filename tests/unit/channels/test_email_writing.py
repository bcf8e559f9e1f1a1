"""Mails that go out: in their thread, in both forms, with headers that nobody can add to; what servers' answers mean."""

import email
from email.message import EmailMessage
from email.policy import default

import aiosmtplib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.channels.email import writing
from activities.channels.email.smtp import meaning
from activities.channels.port import AccountError, ChannelError, RefusedError, TryLaterError
from models.contracts.accounts import EmailSettings
from models.contracts.channels import Chat, Media, MediaKind, Part

SETTINGS = EmailSettings(
    address="help@shop.example", receive="webhook", smtp_host="smtp.shop.example", sender_name="Алтын Үй"
)
CHAT = Chat(id="aida@customer.example")
ID = "01a1fff6-f2e5-73c0-92b3-e06295b42e05.0"


def sent(part: Part, data: bytes | None = None, settings: EmailSettings = SETTINGS) -> EmailMessage:
    raw = writing.mail(settings, CHAT, part, data).as_bytes()
    assert all(len(line) <= 998 and line.isascii() for line in raw.split(b"\r\n"))
    found = email.message_from_bytes(raw, policy=default)
    assert isinstance(found, EmailMessage)
    return found


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_words_go_as_text_and_as_a_page() -> None:
    signed = SETTINGS.model_copy(update={"signature": "Алтын <Үй>\nAlmaty"})
    mail = sent(Part(id=ID, text="**Free** [here](https://a.kz/?a=1&b=2)\n\n```\na < b\n  c\n```"), settings=signed)
    assert body(mail, "plain") == "Free here (https://a.kz/?a=1&b=2)\n\na < b\n  c\n\n-- \nАлтын <Үй>\nAlmaty\n"
    page = body(mail, "html")
    assert '<b>Free</b> <a href="https://a.kz/?a=1&amp;b=2">here</a><br>\n<br>\n<pre>a &lt; b\n  c</pre>' in page
    assert "Алтын &lt;Үй&gt;<br>\nAlmaty" in page
    assert str(mail["From"]) == "Алтын Үй <help@shop.example>"


def test_what_a_person_writes_is_shown_as_they_wrote_it() -> None:
    mail = sent(Part(id=ID, text="**a**  b\n  - c\n\td", literal=True))
    assert body(mail, "plain") == "**a**  b\n  - c\n\td\n"
    assert "**a**\u00a0 b<br>\n\u00a0\u00a0- c<br>\n\u00a0\u00a0\u00a0\u00a0d</div>" in body(mail, "html")


def test_scripts_are_text() -> None:
    page = body(sent(Part(id=ID, text='<script>x</script> <img src=x onerror=y> [a](javascript:alert(1)) "')), "html")
    assert "<script" not in page
    assert "<img" not in page
    assert "href" not in page


def test_a_mail_belongs_to_the_thread_that_it_answers() -> None:
    long = f"<{'a' * 150}@outlook.example>"
    part = Part(
        id=ID, text="x", thread=(long, "sha256:0", "<b@x>\r\nBcc: a@b", "<c@x>"), subject="RE: Отв: Re[2]: Где?"
    )
    raw = writing.mail(SETTINGS, CHAT, part, None).as_bytes()
    assert f"References: {long}\r\n <c@x>\r\n".encode() in raw
    mail = sent(part)
    assert (mail["In-Reply-To"], mail["Subject"]) == ("<c@x>", "Re: Где?")
    assert mail["Message-ID"] == f"<{ID}@shop.example>"
    assert mail["Auto-Submitted"] is None
    assert sent(part.model_copy(update={"automatic": True}))["Auto-Submitted"] == "auto-replied"


@given(subject=st.text(), name=st.text(max_size=100), file=st.text(), thread=st.lists(st.text(), max_size=20))
def test_nobody_adds_to_the_headers(subject: str, name: str, file: str, thread: list[str]) -> None:
    settings = SETTINGS.model_copy(update={"sender_name": name})
    media = Media(kind=MediaKind.DOCUMENT, key="k", name=file, mime="application/pdf", size=3)
    part = Part(id=ID, text="x", subject=f"a\r\nBcc: {subject}", thread=tuple(thread), media=media)
    mail = sent(part, b"abc", settings)
    assert set(mail.keys()) <= {
        *("From", "To", "Subject", "Message-ID", "In-Reply-To", "References", "Date", "MIME-Version", "Content-Type"),
    }
    assert [each.addr_spec for each in mail["From"].addresses] == [SETTINGS.address]
    [attached] = mail.iter_attachments()
    assert attached.get_payload(decode=True) == b"abc"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\x00"), min_size=1))
def test_every_character_arrives(text: str) -> None:
    kept = "".join(text.split())
    if kept:
        assert "".join(body(sent(Part(id=ID, text=f"```\n{text}\n```")), "plain").split()).replace(
            "`", ""
        ) == kept.replace("`", "")


@pytest.mark.parametrize("name", ["report.pdf", "счёт №1.pdf", 'a"b\\c.pdf', "a\r\nX: y.pdf"])
def test_files_keep_their_names(name: str) -> None:
    media = Media(kind=MediaKind.DOCUMENT, key="k", name=name, mime="application/pdf; x=y", size=3)
    [file] = sent(Part(id=ID, media=media), b"abc").iter_attachments()
    assert (file.get_filename(), file.get_content_type()) == (" ".join(name.split()), "application/pdf")


@pytest.mark.parametrize(
    ("chat", "part", "code"),
    [
        (CHAT, Part(id=ID), "empty"),
        (CHAT, Part(text="x"), "no_id"),
        (Chat(id="a@b.kz>, <c@d.kz"), Part(id=ID, text="x"), "bad_address"),
        (Chat(id="a@b.kz\r\nRCPT TO:<c@d.kz>"), Part(id=ID, text="x"), "bad_address"),
        (Chat(id="a@b.kz\n"), Part(id=ID, text="x"), "bad_address"),
    ],
)
def test_what_cannot_be_sent_is_refused(chat: Chat, part: Part, code: str) -> None:
    with pytest.raises(RefusedError, match=code):
        writing.mail(SETTINGS, chat, part, None)


@pytest.mark.parametrize(
    ("error", "meant", "code"),
    [
        (aiosmtplib.SMTPAuthenticationError(535, "5.7.8 bad"), AccountError, "authentication"),
        (aiosmtplib.SMTPAuthenticationError(454, "4.7.0 later"), TryLaterError, "smtp_454"),
        (aiosmtplib.SMTPSenderRefused(550, "no", "a@b"), AccountError, "sender_refused"),
        (aiosmtplib.SMTPRecipientRefused(550, "5.1.1 no", "a@b"), RefusedError, "recipient_refused"),
        (aiosmtplib.SMTPRecipientRefused(450, "4.2.0 greylisted", "a@b"), TryLaterError, "not_now"),
        (aiosmtplib.SMTPDataError(554, "spam"), RefusedError, "mail_refused"),
        (aiosmtplib.SMTPDataError(452, "full"), TryLaterError, "not_now"),
        (aiosmtplib.SMTPDataError(421, "closing"), TryLaterError, "smtp_421"),
        (aiosmtplib.SMTPServerDisconnected("gone"), TryLaterError, "unreachable"),
        (aiosmtplib.SMTPAuthenticationError(538, "5.7.11 encryption required"), AccountError, "no_sign_in"),
        (ConnectionResetError(), TryLaterError, "unreachable"),
    ],
)
def test_what_servers_answer_is_understood(error: Exception, meant: type[ChannelError], code: str) -> None:
    found = meaning(error)
    assert (type(found), found.code) == (meant, code)


def test_a_refused_receiver_is_gone_but_where_it_is_about_us() -> None:
    for words, gone in (("5.1.1 no such user", True), ("5.7.1 blocked", False)):
        found = meaning(aiosmtplib.SMTPRecipientRefused(550, words, "a@b"))
        assert isinstance(found, RefusedError)
        assert found.unreachable is gone
    waits = meaning(aiosmtplib.SMTPRecipientRefused(451, "later", "a@b"))
    assert isinstance(waits, TryLaterError)
    assert (waits.chat, waits.after) == (True, 120)
