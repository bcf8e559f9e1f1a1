"""What a mail says: to whom it belongs, what its writer wrote, and which mails nobody wrote."""

import base64
import json
import time
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.channels.email import reading
from activities.channels.email.parsing import MOST_FILES, MOST_REFERENCES, content, leaves, parse
from activities.channels.email.quoting import own
from models.contracts.channels import Arrived, DeliveryChanged, MediaKind, MessageArrived
from models.contracts.enums import SendStatus

US = "help@shop.example"
OURS = "<01a1fff6-f2e5-73c0-92b3-e06295b42e05.0@shop.example>"


def arrived(raw: bytes, *, cut: bool = False) -> list[Arrived]:
    """By way of a mailbox, and as JSON keeps it."""
    _, payload = reading.delivery(raw, "imap/1/2", cut=cut)
    return list(reading.read(json.loads(json.dumps(payload)), US))


def message(raw: bytes, *, cut: bool = False) -> MessageArrived:
    [event] = arrived(raw, cut=cut)
    assert isinstance(event, MessageArrived)
    return event


def mail(*headers: str, body: str = "Hello", sender: str = "Aida <aida@customer.example>") -> bytes:
    return "\r\n".join((f"From: {sender}", "Message-ID: <m1@customer.example>", *headers, "", body)).encode()


def test_a_mail_is_a_message_of_its_senders_chat() -> None:
    found = message(
        mail(
            "Subject: =?utf-8?b?0JTQvtGB0YLQsNCy0LrQsA==?=",
            "Date: Sat, 21 Nov 2026 12:00:00 +0500",
            "In-Reply-To: <b@x>",
            "References: <a@x>\r\n <b@x>",
            sender="=?koi8-r?B?4cnEwQ==?= <Aida@Customer.example>",
        )
    )
    assert (found.id, found.chat.id, found.sender.id) == ("<m1@customer.example>", *2 * ("aida@customer.example",))
    assert (found.sender.name, found.subject, found.text) == ("Аида", "Доставка", "Hello")
    assert (found.thread, found.reply_to) == (("<a@x>", "<b@x>"), "<b@x>")
    assert found.sent_at.isoformat() == "2026-11-21T07:00:00+00:00"


def test_a_form_writes_for_whom_is_to_be_replied_to() -> None:
    assert message(mail("Reply-To: boris@customer.example")).chat.id == "boris@customer.example"


def test_long_threads_keep_their_beginning_and_their_end() -> None:
    found = message(mail("References: " + "\r\n ".join(f"<{number}@x>" for number in range(50)))).thread
    assert len(found) == MOST_REFERENCES
    assert (found[0], found[-1]) == ("<0@x>", "<49@x>")


@pytest.mark.parametrize(
    ("headers", "body", "text"),
    [
        (("Content-Type: text/plain; charset=windows-1251",), "Привет".encode("cp1251"), "Привет"),
        (("Content-Type: text/plain; charset=us-ascii",), "Привет, как дела?".encode("koi8-r"), "Привет, как дела?"),
        (("Content-Type: text/plain; charset=no-such-thing",), "Сәлем".encode(), "Сәлем"),
        (("Content-Type: text/plain", "Content-Transfer-Encoding: base64"), b"0J/RgNC40LLQtdGC", "Привет"),
        (("Content-Type: text/html; charset=utf-8",), b"<p>1. Where is <b>it</b>?</p><p>a*b</p>", "1. Where is it?\n\na*b"),
        (("Content-Type: text/html",), b'New<blockquote>old</blockquote><div class="gmail_quote">old</div>', "New"),
        (("Content-Type: text/html",), 20 * b"<blockquote><div class=gmail_quote>old" + b"</div></blockquote>" * 20 + b"New", "New"),
        (("Content-Type: text/html",), b"<blockquote>Only quoted</blockquote>", "> Only quoted"),
        (("Content-Type: text/html",), b"<p>&amp;amp; \\* = *a* _b_ &lt;b&gt;</p><p>= c</p>", "&amp; \\* = *a* _b_ <b>\n\n= c"),
        (("Subject: In the subject alone",), b"", "In the subject alone"),
    ],
)  # fmt: skip
def test_words_are_found_however_they_are_written(headers: tuple[str, ...], body: bytes, text: str) -> None:
    assert message(mail(*headers, body="") + body).text == text


QUOTED = [
    "> What was asked\n> and what was answered",
    "On Sat, 21 Nov 2026 at 12:00, Altyn Home <help@shop.example> wrote:\n\n> It is 1,490.",
    "On Sat, 21 Nov 2026 at 12:00, Altyn Home, the shop of shops\n<help@shop.example> wrote:\n> It is 1,490.",
    "On Sat, 21 Nov 2026 at 12:00, Altyn Home <help@shop.example> wrote:",
    "сб, 21 нояб. 2026 г. в 12:00, Altyn Home <help@shop.example>:\n\n> Это 1 490.",
    "сб, 21 нояб. 2026 г. в 12:00, Altyn Home, магазин магазинов\n<help@shop.example>:\n> Это 1 490.",
    '21.11.2026, 12:00, "Altyn Home" <help@shop.example>:',
    "21 нояб. 2026 г., в 12:00, Altyn Home <help@shop.example> написал(а):\n> Это 1 490.",
    "Суббота, 21 ноября 2026, 12:00 +05:00 от Altyn <help@shop.example>:\n> Это 1 490.",
    "21.11.2026 12:00, Altyn Home жазды:\n> 1 490 теңге.",
    "2026 ж. 21 қар., сн 12:00 уақытында Altyn Home <help@shop.example> жазды:\n> 1 490 теңге.",
    "-----Original Message-----\nFrom: Altyn Home\nIt is 1,490.",
    "-------- Исходное сообщение --------\nЭто 1 490.",
    "________________________________\nFrom: Altyn <help@shop.example>\nSent: Saturday\nTo: Aida\nSubject: Re: x\n\nIt is",
    "От: Altyn\nОтправлено: суббота\nКому: Аида\nТема: Re: x\n\nЭто 1 490.",
    "Кімнен: Altyn\nКүні: сенбі\nКімге: Аида\n\n1 490 теңге.",
    "Жіберуші: Altyn\nЖіберілген күні: сенбі\nКімге: Аида\nТақырыбы: Re: x\n\n1 490 теңге.",
    "-- \nAida\n+7 701 000 00 00",
    "Sent from my iPhone",
    "Отправлено с iPhone",
    "Отправлено из мобильной Почты Mail.ru",
    "Менің iPhone құралымнан жіберілді",
]


@pytest.mark.parametrize("added", QUOTED)
def test_what_programs_add_is_taken_off(added: str) -> None:
    assert own(f"And to Almaty?\n\nThank you\n\n{added}\n") == "And to Almaty?\n\nThank you"


@pytest.mark.parametrize(
    "text",
    [
        "He wrote: it is broken.\nWhat now?",
        "On Monday I wrote:\nplease call.\nNobody did.",
        "From: Almaty\nI want to send a parcel to Astana.",
        "- one\n- two\n--- and a line",
        "a > b, is it?",
        "I read the original message again.",
        "Write to Altyn <help@shop.example>:\n12:00 would be good.",
    ],
)
def test_what_people_write_stays(text: str) -> None:
    assert own(text) == text


def test_answers_between_quotes_stay_and_nothing_but_quotes_stays_whole() -> None:
    assert own("> First?\nYes.\n> Second?\nNo.") == "Yes.\nNo."
    assert own("> Only this") == "> Only this"


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; owner=x",
        "Precedence: Bulk",
        "X-Autoreply: yes",
        "List-Id: <all.customer.example>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "Return-Path: <>",
        "Reply-To: no-reply@customer.example",
        "Reply-To: MAILER-DAEMON@customer.example",
        f"Reply-To: {US.upper()}",
        "Reply-To: bounces+77@customer.example",
    ],
)
def test_nobody_is_answered_who_is_a_machine_or_ourselves(header: str) -> None:
    assert arrived(mail(header)) == []


def test_a_mail_of_ours_that_comes_back_is_no_question() -> None:
    assert arrived(mail().replace(b"<m1@customer.example>", OURS.encode())) == []
    assert len(arrived(mail("Auto-Submitted: no", "Precedence: normal"))) == 1


def bounce(status: str = "5.1.1", action: str = "failed", named: str = OURS) -> bytes:
    parts = (
        "It was not delivered.",
        f"\x00message/delivery-status\x00Reporting-MTA: dns; mx\r\n\r\nAction: {action}\r\nStatus: {status} (gone)\r\n",
        f"\x00message/rfc822\x00Subject: Re: x\r\nMessage-ID: {named}\r\n\r\nHello",
    )
    body = "".join(
        f"--b\r\n{'Content-Type: ' + part.split(chr(0))[1] if chr(0) in part else ''}\r\n\r\n{part.split(chr(0))[-1]}\r\n"
        for part in parts
    )
    return mail('Content-Type: multipart/report; report-type=delivery-status; boundary="b"', body=f"{body}--b--")


@pytest.mark.parametrize(("status", "gone"), [("5.1.1", True), ("5.2.1", True), ("5.2.2", False), ("5.7.1", False)])
def test_a_mail_that_comes_back_tells_which_one_failed(status: str, gone: bool) -> None:
    [event] = arrived(bounce(status))
    assert isinstance(event, DeliveryChanged)
    assert (event.id, event.status, event.code) == (OURS, SendStatus.FAILED, f"bounced_{status}")
    assert event.unreachable is gone


def test_delays_and_others_mails_that_come_back_tell_nothing() -> None:
    assert arrived(bounce("4.4.1", "delayed")) == []
    assert arrived(bounce(named="<somebody@else.example>")) == []


def test_files_are_told_of_and_found_again() -> None:
    made = EmailMessage(policy=SMTP)
    made["From"], made["Message-ID"] = "aida@customer.example", "<m1@customer.example>"
    made.set_content("See below")
    made.add_alternative("<p>See below</p><img src=cid:1>", subtype="html")
    made.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="снимок.png", disposition="inline")
    made.add_attachment(b"junk", maintype="application", subtype="ms-tnef", filename="winmail.dat")
    made.add_attachment(b"a,b", maintype="text", subtype="csv", filename="table.csv")
    raw = made.as_bytes()
    found = message(raw)
    assert found.text == "See below"
    assert [(each.kind, each.name, each.mime, each.size) for each in found.attachments] == [
        (MediaKind.IMAGE, "снимок.png", "image/png", 4),
        (MediaKind.DOCUMENT, "table.csv", "text/csv", 3),
    ]
    parts = dict(leaves(made))
    assert [content(parts[each.ref.split("/")[4]]) for each in found.attachments] == [b"\x89PNG", b"a,b"]


def test_of_what_is_too_much_the_text_is_read_and_files_are_left_out_visibly() -> None:
    part = "--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\nx\r\n"
    many = mail("Content-Type: multipart/mixed; boundary=b", body=f"--b\r\n\r\nSee all\r\n{1_000 * part}--b--")
    found = message(many)
    assert (found.text, len(found.attachments), found.unsupported) == ("See all", MOST_FILES, "more_files")
    few = mail("Content-Type: multipart/mixed; boundary=b", body=f"--b\r\n\r\nSee all\r\n{2 * part}--b--")
    assert (message(few).unsupported, len(message(few).attachments)) == (None, 2)
    # Of a mail that is larger than what is read of one, the last file is damaged, and its reader is told how much was read.
    cut = few.removesuffix(b"\r\n--b--")
    found = message(cut, cut=True)
    assert (found.text, found.unsupported, found.read_bytes) == ("See all", "mail_too_large", len(cut))
    # Even where nothing else is known of it; but machines are not answered.
    assert message(mail(body=""), cut=True).unsupported == "mail_too_large"
    assert arrived(mail("Auto-Submitted: auto-replied", body=""), cut=True) == []


def test_what_is_posted_reads_like_what_is_fetched() -> None:
    raw = mail("Subject: x")
    posted = {"raw": base64.b64encode(raw).decode(), "origin": "imap/1/2"}
    assert list(reading.read(posted, US)) == arrived(raw)


def test_long_mails_are_read_in_a_moment() -> None:
    begun = time.process_time()
    for body in (">\n\n" * 60_000, "\n" * 190_000 + "x", "a wrote:\n" * 20_000, "- " * 90_000, "From: a\n" * 25_000):
        message(mail(body=f"Hello\r\n{body}"))
    message(mail("Content-Type: text/html", body="<blockquote>a</blockquote>" * 7_000 + "b"))
    assert time.process_time() - begun < 10


LINES = st.sampled_from(
    [
        b"From: a@b.kz",
        b"From: =?utf-8?q?=ff?= <\xff@\xfe",
        b"To: ;;,,<>",
        b"Subject: =?x?b?!!?=",
        b"Message-ID: <<>>",
        b"Date: 99 Foo 99999",
        b"Date: Sat, 21 Nov 99999 12:00:00 +9999",
        b"Content-Type: multipart/mixed; boundary=b",
        b"Content-Type: multipart/report; boundary=b",
        b"Content-Type: text/html; charset=utf-7",
        b"Content-Type: text/plain; charset*=x''%ff",
        b"Content-Disposition: attachment; filename*0*=utf-8''%E2%28; filename*1=x",
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: x-uuencode",
        b"Content-Type: message/delivery-status",
        b"Content-Type: message/rfc822",
        b"",
        b"--b",
        b"--b--",
        b"begin 644 x",
        b"> quoted",
        b"<blockquote><table>",
    ]
)


@given(st.lists(LINES | st.binary(max_size=60), max_size=30))
def test_no_mail_is_too_broken_to_be_read(lines: list[bytes]) -> None:
    raw = b"\r\n".join(lines)
    # Nothing at all is no delivery.
    for event in arrived(raw) if raw else ():
        assert "\x00" not in event.model_dump_json()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["letter", "raw", "origin", "sender"]) | st.text(max_size=5), inner, max_size=4
            )
        ),
    ).map(lambda found: found if isinstance(found, dict) else {"raw": found})
)
def test_what_is_no_delivery_is_a_value_error(payload: dict[str, object]) -> None:
    try:
        reading.read(payload, US)
    except ValueError:
        return
    assert {"raw", "origin"} <= payload.keys()


def test_mails_within_mails_without_end_are_put_aside() -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(2_000))
    _, payload = reading.delivery(b"From: a@b.kz\r\n" + nested, "imap/1/2")
    with pytest.raises(ValueError, match="delivery"):
        reading.read(payload, US)


def test_a_mail_without_a_name_has_the_same_each_time() -> None:
    raw = mail().replace(b"Message-ID", b"X-Other")
    assert parse(raw, "imap/1/2").message_id == parse(raw, "imap/3/4").message_id
    assert reading.delivery(raw, "imap/1/2")[0] == reading.delivery(raw, "imap/3/4")[0]
