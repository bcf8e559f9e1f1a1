"""Conversations by e-mail, from end to end: the whole system, Dovecot's mailbox and a real SMTP server, both behind TLS."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from activities.channels.email import channel as email_channel
from activities.channels.email.parsing import MOST_FILES
from activities.channels.email.server import tls
from models.repositories import channel_accounts
from runtime.database import Database
from runtime.embedded import Servers, ports
from tests.fakes.telegram import FakeTelegram
from tests.service.api.house import Company
from tests.service.api.signing import Sender
from tests.service.api.test_api_command_line import Terminal
from tests.service.api.wire import Wire
from tests.service.channels.desk import Desk, desk_of, hurried
from tests.service.channels.mail_devel import mail_devel
from tests.service.channels.post_office import PASSWORD, USER, Mailbox, Post, dovecot, mail
from tests.service.signer import Signer
from tests.service.whole import SAMPLE, eventually, job_is_done, messages_of, system

DELIVERY = "How much is delivery to Astana?"
PERSON = "Please let me talk to a real person"
FOLDER = "Support"
LINE = b"%b\r\n" % (76 * b"A")
PNG = b"\x89PNG\r\n\x1a\n" + 32 * b"x"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    """Whom both servers were signed by, and whom the system trusts."""
    house = Signer.new(tmp_path_factory.mktemp("tls") / "house")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(house.ca))
        tls.cache_clear()
        yield house
    tls.cache_clear()


@pytest.fixture(scope="module")
def mailbox(house: Signer) -> Iterator[Mailbox]:
    with dovecot(signer=house, host="localhost") as mailbox:
        mailbox.renumber(FOLDER)
        yield mailbox


@pytest.fixture(scope="module")
async def wire(mailbox: Mailbox) -> AsyncIterator[Wire]:
    """Between the system and the mailbox. Who is hung up on does not wait for as long as elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(email_channel, "HUNG_UP_SECONDS", 0.1)
        async with Wire.to("127.0.0.1", mailbox.tls_port) as wire:
            yield wire


@pytest.fixture(scope="module")
async def post(house: Signer) -> AsyncIterator[Post]:
    async with Post.open(starttls=house.serving("post", "localhost")) as post:
        yield post


@pytest.fixture(scope="module")
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with hurried() as telegram:
        yield telegram


@pytest.fixture(scope="module")
async def shop(servers: Servers, telegram: FakeTelegram) -> AsyncIterator[Company]:
    async with system(servers, learns=False, egress_allow="127.0.0.0/8", telegram_url=telegram.url) as shop:
        page = {"name": "delivery.md", "text": (SAMPLE / "en" / "delivery.md").read_text(), "language": "en"}
        staged = await shop.post("/v1/kb/sources", {"name": "help", "documents": [page]})
        await eventually(lambda: job_is_done(shop, staged.json()["job_id"]))
        quick = {"quiet_seconds": {"email": 0.0}}
        (await shop.http.put("/v1/tenant/settings", json=quick, headers={"If-Match": "*"})).raise_for_status()
        yield shop


@pytest.fixture(scope="module")
async def desk(shop: Company, telegram: FakeTelegram) -> Desk:
    return await desk_of(shop, telegram)


@pytest.fixture(scope="module")
async def account(shop: Company, desk: Desk, wire: Wire, post: Post, database: Database) -> dict[str, Any]:
    branch = (await desk.state())["branch_id"]
    made = await shop.post("/v1/channel-accounts", given(wire.port, post.port) | {"branch_id": branch})
    assert made.status_code == 201, made.text
    account: dict[str, Any] = made.json()
    assert (account["health"], account["advice"]) == ("ok", [])
    await listening(database, shop, account["id"])
    return account


def given(imap_port: int, smtp_port: int, *, password: str = PASSWORD, **settings: Any) -> dict[str, Any]:
    hosts = {"smtp_host": "localhost", "smtp_security": "starttls", "imap_host": "localhost", "imap_security": "tls"}
    ports = {"smtp_port": smtp_port, "imap_port": imap_port}
    return {
        "provider": "email",
        "name": "help",
        "settings": {"address": USER, **hosts, **ports, "folder": FOLDER, "signature": "Altyn Home"} | settings,
        "credentials": {"password": password},
    }


async def listening(database: Database, shop: Company, account: str) -> None:
    """Until the mailbox is read: what was there before is left alone."""

    async def begun() -> bool:
        async with database.tenant(shop.id) as tx:
            return await channel_accounts.cursor(tx, UUID(account)) is not None

    await eventually(begun)


async def conversation_with(shop: Company, address: str) -> str:
    found: list[dict[str, Any]] = []

    async def opened() -> bool:
        listed = (await shop.get("/v1/conversations?limit=200")).json()["items"]
        found[:] = [each for each in listed if each["customer"]["external_id"] == f"email:{address}"]
        return bool(found)

    await eventually(opened)
    assert len(found) == 1
    return str(found[0]["id"])


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


async def test_a_question_becomes_a_conversation_that_a_manager_ends(
    shop: Company, desk: Desk, mailbox: Mailbox, post: Post, account: dict[str, Any]
) -> None:
    question = mail("Aida <Aida@Customer.example>", DELIVERY, subject="Доставка")
    mailbox.put(question, FOLDER)
    [answer] = await post.sent_to("aida@customer.example")
    assert "1,490" in text_of(answer)
    assert "1,490" in text_of(answer, "html")
    assert text_of(answer).endswith("\n\n-- \nAltyn Home\n")
    assert answer["Subject"] == "Re: Доставка"
    assert answer["In-Reply-To"] == answer["References"] == question["Message-ID"]
    assert answer["Auto-Submitted"] == "auto-replied"
    quoted = "\n".join(f"> {line}" for line in text_of(answer).split("\n"))
    reply = mail(
        "Aida <aida@customer.example>",
        f"{PERSON}\n\nOn Sat, 21 Nov 2026 at 12:00, Altyn <{USER}> wrote:\n\n{quoted}\n",
        subject="Re: Доставка",
        In_Reply_To=answer["Message-ID"],
        References=f"{question['Message-ID']} {answer['Message-ID']}",
    )
    # Twice, as if it had come by way of an alias, too.
    mailbox.put(reply, FOLDER)
    mailbox.put(reply, FOLDER)
    await post.sent_to("aida@customer.example", 2)
    conversation = await conversation_with(shop, "aida@customer.example")
    telegram, aigerim = desk.telegram, desk.people["aigerim"]
    *_, card = await telegram.sent(desk.group, text="Aida · ")
    assert await desk.pressed(card, aigerim, "Take") == ""
    telegram.says(desk.group, aigerim, "// she asks each week", topic=card.topic)
    telegram.says(desk.group, aigerim, "It is free today.", topic=card.topic, photo=PNG)
    [*_, last] = await post.sent_to("aida@customer.example", 3)
    assert text_of(last) == "It is free today.\n\n-- \nAltyn Home\n"
    assert "It is free today." in text_of(last, "html")
    [photo] = last.iter_attachments()
    assert (photo.get_content_type(), photo.get_payload(decode=True)) == ("image/png", PNG)
    assert last["In-Reply-To"] == reply["Message-ID"]
    assert last["References"].split() == [question["Message-ID"], answer["Message-ID"], reply["Message-ID"]]
    assert last["Auto-Submitted"] is None
    assert await desk.pressed(card, aigerim, "Resolve") == ""
    await desk.shows(card, "resolved by Aigerim")
    said = await messages_of(shop, conversation)
    assert [each["text"] for each in said if each["author"] == "customer"] == [DELIVERY, PERSON]
    assert [each["author"] for each in said] == ["customer", "bot", "customer", "bot", "manager"]
    mails = await post.sent_to("aida@customer.example", 3)
    assert len({each["Message-ID"] for each in mails}) == len(mails) == 3
    assert not [each for each in mails if "each week" in each.as_string()]


async def test_machines_are_not_answered_and_no_mail_stops_another(
    shop: Company, mailbox: Mailbox, post: Post, account: dict[str, Any]
) -> None:
    mailbox.put(mail("robot@customer.example", DELIVERY, Auto_Submitted="auto-replied"), FOLDER)
    mailbox.put(mail("list@customer.example", DELIVERY, List_Id="<all.customer.example>"), FOLDER)
    mailbox.put(mail(USER, DELIVERY), FOLDER)
    mailbox.put(b"Content-Type: multipart/mixed; boundary=x\r\nFrom: \xff\xfe <a@b\r\n\r\n--x", FOLDER)
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(1_200))
    mailbox.put(b"From: nested@customer.example\r\n" + nested, FOLDER)
    mailbox.put(with_files("large@customer.example", [330_000 * LINE]), FOLDER)
    seen = mail("boris@customer.example", DELIVERY)
    seen.add_attachment(b"%PDF-1.7\n%%EOF", maintype="application", subtype="pdf", filename="счёт.pdf")
    mailbox.put(seen, FOLDER)
    mailbox.put(with_files("many@customer.example", 1_000 * [b"AAAA"]), FOLDER)
    # Beyond what is read of a mail.
    mailbox.put(with_files("huge@customer.example", [300_000 * LINE, 110_000 * LINE]), FOLDER)
    left_out = {
        "many": ["more files than I can take at once"],
        "huge": ["its first 30 MB only"],
        "large": [],
        "boris": [],
    }
    people = {f"{name}@customer.example" for name in left_out}
    for name, words in left_out.items():
        # Of what was not taken they are told in the same thread.
        mails = await post.sent_to(f"{name}@customer.example", 1 + len(words))
        told = [text_of(each) for each in mails if "1,490" not in text_of(each)]
        assert [each in text for each, text in zip(words, told, strict=True)] == [True] * len(words)
        assert {each["References"] for each in mails} == {mails[0]["In-Reply-To"]}
    await eventually(lambda: has_files(shop, "boris@customer.example", [("счёт.pdf", "stored")]))
    await eventually(lambda: has_files(shop, "large@customer.example", [("scan.pdf", "stored")]))
    await eventually(
        lambda: has_files(shop, "huge@customer.example", [("scan.pdf", "stored"), ("scan.pdf", "refused")])
    )
    [asked, *_] = await messages_of(shop, await conversation_with(shop, "many@customer.example"))
    assert (len(asked["attachments"]), asked["extras"]["unsupported"]) == (MOST_FILES, "more_files")
    assert {each["To"] for each in post.mails} <= {"aida@customer.example", *people}
    shown = (await shop.get(f"/v1/channel-accounts/{account['id']}")).json()
    assert (shown["health"], shown["unreadable"]) == ("ok", 1)


def with_files(sender: str, files: Sequence[bytes]) -> bytes:
    """As a mail program would send them; made by hand, for the library takes seconds. `files` are in base64."""
    parts = b"".join(
        b"--b\r\nContent-Type: application/pdf; name=scan.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n%b\r\n" % each
        for each in files
    )
    head = f"From: {sender}\r\nMessage-ID: <{sender}>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    return head.encode() + b"--b\r\n\r\n%b\r\n%b--b--\r\n" % (DELIVERY.encode(), parts)


async def has_files(shop: Company, address: str, wanted: list[tuple[str, str]]) -> bool:
    said = await messages_of(shop, await conversation_with(shop, address))
    return [(file["name"], file["state"]) for file in said[0]["attachments"]] == wanted


async def test_a_folder_that_is_made_anew_is_read_on_and_nobody_is_answered_twice(
    shop: Company, mailbox: Mailbox, wire: Wire, post: Post, account: dict[str, Any], database: Database
) -> None:
    """Whoever waits there hears nothing more, and sees it at the next sign-in: here after a line that breaks."""

    async def numbering() -> str:
        async with database.tenant(shop.id) as tx:
            return str(await channel_accounts.cursor(tx, UUID(account["id"]))).partition(":")[0]

    before = await numbering()
    old, new = mail("gulya@customer.example", DELIVERY), mail("gulya@customer.example", "Thank you!")
    mailbox.put(old, FOLDER)
    await post.sent_to("gulya@customer.example")
    mailbox.renumber(FOLDER, old, new)
    wire.drop()
    answers = await post.sent_to("gulya@customer.example", 2)
    assert [each["In-Reply-To"] for each in answers] == [old["Message-ID"], new["Message-ID"]]
    assert await numbering() != before
    assert (await shop.get(f"/v1/channel-accounts/{account['id']}")).json()["health"] == "ok"


async def test_what_servers_answer_is_kept_to(
    shop: Company, mailbox: Mailbox, post: Post, account: dict[str, Any]
) -> None:
    """A mail of which nobody knows whether it was taken goes once more, as the same mail; what comes back has failed."""
    post.drops = 1
    mailbox.put(mail("dana@customer.example", DELIVERY), FOLDER)
    first, second = await post.sent_to("dana@customer.example", 2)
    assert first["Message-ID"] == second["Message-ID"]
    mailbox.put(returned(first), FOLDER)
    conversation = await conversation_with(shop, "dana@customer.example")
    await delivered(shop, conversation, ["failed", "bounced_5.1.1"])
    assert (await shop.get(f"/v1/conversations/{conversation}")).json()["unreachable_code"] == "bounced_5.1.1"
    post.to_receivers.append("550 5.1.1 No such mailbox")
    mailbox.put(mail("nobody@customer.example", DELIVERY), FOLDER)
    await delivered(shop, await conversation_with(shop, "nobody@customer.example"), ["failed", "recipient_refused"])


async def delivered(shop: Company, conversation: str, wanted: list[str]) -> None:
    async def so() -> bool:
        told = [each["delivery"] for each in await messages_of(shop, conversation) if each["delivery"]]
        return [[each["status"], each["error"]] for each in told] == [wanted]

    await eventually(so)


def returned(sent: EmailMessage) -> bytes:
    return (
        "From: MAILER-DAEMON@customer.example\r\nSubject: Undelivered\r\nAuto-Submitted: auto-replied\r\n"
        "Message-ID: <bounce-1@customer.example>\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\n\r\nIt could not be delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
        "Final-Recipient: rfc822; dana@customer.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {sent['Message-ID']}\r\n\r\n--b--\r\n"
    ).encode()


async def test_a_provider_may_post_mails(shop: Company, post: Post, account: dict[str, Any]) -> None:
    asked = mail("erlan@customer.example", DELIVERY)
    asked.add_attachment(b"\x89PNG\r\n\x1a\n", maintype="image", subtype="png", filename="a.png")
    provider = Sender(shop.http, account["id"], account["webhook_secret"], kind="email")
    raw = asked.as_bytes()
    posted = await provider.deliver(raw, headers={"Content-Type": "message/rfc822"})
    assert posted.json()["duplicate"] is False, posted.text
    encoded = await provider.deliver({"raw": base64.b64encode(raw).decode()})
    assert encoded.json()["duplicate"] is True, encoded.text
    assert (await provider.deliver({"raw": "?"})).status_code == 400
    stranger = Sender(shop.http, account["id"], "whsec_" + 43 * "A" + "=", kind="email")
    assert (await stranger.deliver(raw)).status_code == 401
    await post.sent_to("erlan@customer.example")
    conversation = await conversation_with(shop, "erlan@customer.example")

    async def stored() -> bool:
        files = (await messages_of(shop, conversation))[0]["attachments"]
        return [file["state"] for file in files] == ["stored"]

    await eventually(stored)
    # Larger than what is read of one, by two ways at that: answered and told of once.
    large = with_files("frida@customer.example", [140_000 * LINE])
    small = mail("frida@customer.example", DELIVERY).as_bytes()
    for each in (large, b"X-Way: alias\r\n" + large, small):
        taken = await provider.deliver(each, headers={"Content-Type": "message/rfc822"})
        assert taken.json()["duplicate"] is False, taken.text
        await post.sent_to("frida@customer.example", 2)
    *_, last = mails = await post.sent_to("frida@customer.example", 3)
    assert "1,490" in text_of(last)
    assert ["its first 10 MB only" in text_of(each) for each in mails].count(True) == 1
    assert ["1,490" in text_of(each) for each in mails].count(True) == 2


async def test_what_is_wrong_with_a_mailbox_is_said(shop: Company, mailbox: Mailbox, post: Post) -> None:
    refused = await shop.post("/v1/channel-accounts", given(mailbox.tls_port, post.port, password="wrong"))
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert "The SMTP server localhost refuses the user name or the password" in error["message"]
    assert "The IMAP server localhost refuses the user name or the password" in error["message"]
    assert "wrong" not in error["message"]
    nowhere = await shop.post("/v1/channel-accounts", given(mailbox.tls_port, post.port, folder="Nowhere"))
    assert "no such folder" in nowhere.json()["errors"][0]["message"]
    away = given(ports.pick(set()), post.port, address="other@shop.example", username=USER) | {"name": "away"}
    made = (await shop.post("/v1/channel-accounts", away)).json()
    assert (made["health"], made["health_code"]) == ("away", "unreachable")


async def test_a_password_that_was_changed_is_told_and_what_waits_goes_with_the_new_one(
    shop: Company, mailbox: Mailbox, wire: Wire, post: Post, account: dict[str, Any]
) -> None:
    """And which of the two servers it is that refuses the one before."""
    mailbox.lock("sesame-closed")
    mailbox.put(mail("ilyas@customer.example", DELIVERY), FOLDER)
    wire.drop()
    path = f"/v1/channel-accounts/{account['id']}"
    shown: dict[str, Any] = {}

    async def red() -> bool:
        shown.update((await shop.get(path)).json())
        return bool(shown["health"] == "dead")

    await eventually(red)
    assert refusing(shown) == ["The IMAP server localhost"]
    # That mails go out says nothing of those that come in.
    provider = Sender(shop.http, account["id"], account["webhook_secret"], kind="email")
    for number in (1, 2):
        raw = mail("gulnar@customer.example", DELIVERY).as_bytes()
        (await provider.deliver(raw, headers={"Content-Type": "message/rfc822"})).raise_for_status()
        await post.sent_to("gulnar@customer.example", number)
    assert refusing((await shop.get(path)).json()) == ["The IMAP server localhost"]
    post.password = "sesame-closed"
    shell = Terminal({**os.environ, "MAINSTAY_URL": str(shop.http.base_url), "MAINSTAY_API_KEY": shop.keys["owner"]})
    told = await shell.mainstay("channels", "show", "help", COLUMNS="200")
    assert "help (email): dead (authentication)" in told.out
    assert shown["advice"][0] in told.err
    wrong = await shop.http.patch(path, json={"credentials": {"password": "guessed"}})
    assert wrong.status_code == 422, wrong.text
    changed = await shop.http.patch(path, json={"credentials": {"password": "sesame-closed"}})
    assert (changed.json()["health"], changed.json()["advice"]) == ("ok", [])
    await post.sent_to("ilyas@customer.example")
    post.password = "sesame-open"
    mailbox.put(mail("ilyas@customer.example", "Thank you!"), FOLDER)
    await eventually(red)
    assert refusing(shown) == ["The SMTP server localhost"]
    post.password = "sesame-closed"
    assert (await shop.post(f"{path}/check", {})).json()["health"] == "ok"
    await post.sent_to("ilyas@customer.example", 2)


def refusing(account: dict[str, Any]) -> list[str]:
    """The servers that refuse the password of a mailbox that is red."""
    assert (account["health"], account["health_code"]) == ("dead", "authentication")
    return [each.partition(" refuses the user name or the password")[0] for each in account["advice"]]


async def test_another_programs_servers_and_what_is_left_of_a_mailbox_when_they_start_anew(
    shop: Company, desk: Desk, database: Database, tmp_path: Path
) -> None:
    with mail_devel(tmp_path) as server:
        plain = {"smtp_security": "none", "imap_security": "none", "folder": "INBOX"}
        body = given(server.imap, server.smtp, **plain, address="devel@shop.example") | {"name": "devel"}
        made = await shop.post("/v1/channel-accounts", body | {"branch_id": (await desk.state())["branch_id"]})
        assert (made.status_code, made.json()["health"]) == (201, "ok"), made.text
        await listening(database, shop, made.json()["id"])

        async def sent(*mails: EmailMessage, received: int) -> list[EmailMessage]:
            for each in mails:
                await asyncio.to_thread(server.sends, each)
            found: list[EmailMessage] = []

            async def here() -> bool:
                found[:] = await asyncio.to_thread(server.has, "zarina@customer.example")
                return len(found) >= received

            await eventually(here)
            return found

        ask = mail("Zarina <zarina@customer.example>", DELIVERY, to="devel@shop.example")
        [answer] = await sent(ask, received=1)
        assert "1,490" in text_of(answer)
        assert (answer["Subject"], answer["In-Reply-To"]) == ("Re: A question", ask["Message-ID"])
        person = mail("zarina@customer.example", PERSON, to="devel@shop.example", In_Reply_To=answer["Message-ID"])
        await sent(person, received=2)
        *_, card = await desk.telegram.sent(desk.group, text="Zarina · ")
        assert await desk.pressed(card, desk.people["boris"], "Take") == ""
        desk.telegram.says(desk.group, desk.people["boris"], "Like this:", topic=card.topic, photo=PNG)
        *_, reply = await sent(received=3)
        assert [each.get_payload(decode=True) for each in reply.iter_attachments()] == [PNG]
        assert await desk.pressed(card, desk.people["boris"], "Resolve") == ""
        # All its mailboxes are new, and numbered anew.
        server.stop()
        server.start()
        thanks = mail("zarina@customer.example", "And to Almaty?", to="devel@shop.example")
        [last] = await sent(ask, thanks, received=1)
        assert last["In-Reply-To"] == thanks["Message-ID"]
