"""Conversations by e-mail, from end to end: the whole system, Dovecot's mailbox and a real SMTP server."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from activities.channels.email.channel import Email, open_email
from models.contracts.accounts import EmailCredentials, EmailSettings
from models.contracts.channels import MessageArrived
from models.repositories import channel_accounts
from runtime.database import Database
from runtime.egress.addresses import networks
from runtime.embedded import Servers, ports
from tests.service.api.house import Company
from tests.service.api.signing import Sender
from tests.service.channels.post_office import PASSWORD, USER, Mailbox, Post, dovecot, mail
from tests.service.channels.shelf import open_shelf
from tests.service.whole import SAMPLE, eventually, job_is_done, messages_of, open_escalation, system

DELIVERY = "How much is delivery to Astana?"
PERSON = "Please let me talk to a real person"
FOLDER = "Support"


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with dovecot() as mailbox:
        mailbox.renumber(FOLDER)
        yield mailbox


@pytest.fixture(scope="module")
async def post() -> AsyncIterator[Post]:
    async with Post.open() as post:
        yield post


@pytest.fixture(scope="module")
async def shop(servers: Servers) -> AsyncIterator[Company]:
    async with system(servers, learns=False, egress_allow="127.0.0.0/8") as shop:
        page = {"name": "delivery.md", "text": (SAMPLE / "en" / "delivery.md").read_text(), "language": "en"}
        staged = await shop.post("/v1/kb/sources", {"name": "help", "documents": [page]})
        await eventually(lambda: job_is_done(shop, staged.json()["job_id"]))
        quick = {"quiet_seconds": {"email": 0.0}}
        (await shop.http.put("/v1/tenant/settings", json=quick, headers={"If-Match": "*"})).raise_for_status()
        yield shop


@pytest.fixture(scope="module")
async def account(shop: Company, mailbox: Mailbox, post: Post, database: Database) -> dict[str, Any]:
    made = await shop.post("/v1/channel-accounts", given(mailbox.port, post.port))
    assert made.status_code == 201, made.text
    account: dict[str, Any] = made.json()
    assert (account["health"], account["advice"]) == ("ok", [])
    await listening(database, shop, account["id"])
    return account


def given(imap_port: int, smtp_port: int, *, password: str = PASSWORD, **settings: Any) -> dict[str, Any]:
    plain = {"smtp_host": "localhost", "smtp_security": "none", "imap_host": "localhost", "imap_security": "none"}
    ports = {"smtp_port": smtp_port, "imap_port": imap_port}
    return {
        "provider": "email",
        "name": "help",
        "settings": {"address": USER, **plain, **ports, "folder": FOLDER, "signature": "Altyn Home"} | settings,
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


async def test_a_question_is_answered_in_its_thread_and_a_reply_belongs_to_it(
    shop: Company, mailbox: Mailbox, post: Post, account: dict[str, Any]
) -> None:
    question = mail("Aida <Aida@Customer.example>", DELIVERY, subject="Доставка")
    mailbox.put(question, FOLDER)
    [answer] = await post.sent_to("aida@customer.example")
    assert "1,490" in text_of(answer)
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
    escalation = (await open_escalation(shop, conversation))["id"]
    (await shop.post(f"/v1/escalations/{escalation}/take")).raise_for_status()
    words = {"text": "It is **free** today."}
    (await shop.post(f"/v1/escalations/{escalation}/reply", words)).raise_for_status()
    [*_, last] = await post.sent_to("aida@customer.example", 3)
    assert text_of(last).startswith("It is free today.\n")
    assert "<b>free</b>" in text_of(last, "html")
    assert last["In-Reply-To"] == reply["Message-ID"]
    assert last["References"].split() == [question["Message-ID"], answer["Message-ID"], reply["Message-ID"]]
    assert last["Auto-Submitted"] is None
    (await shop.post(f"/v1/escalations/{escalation}/resolve")).raise_for_status()
    said = await messages_of(shop, conversation)
    assert [each["text"] for each in said if each["author"] == "customer"] == [DELIVERY, PERSON]
    assert [each["author"] for each in said] == ["customer", "bot", "customer", "bot", "manager"]
    assert len({answer["Message-ID"], last["Message-ID"]}) == 2


async def test_machines_are_not_answered_and_a_file_comes_along(
    shop: Company, mailbox: Mailbox, post: Post, account: dict[str, Any]
) -> None:
    mailbox.put(mail("robot@customer.example", DELIVERY, Auto_Submitted="auto-replied"), FOLDER)
    mailbox.put(mail("list@customer.example", DELIVERY, List_Id="<all.customer.example>"), FOLDER)
    mailbox.put(mail(USER, DELIVERY), FOLDER)
    mailbox.put(b"Content-Type: multipart/mixed; boundary=x\r\nFrom: \xff\xfe <a@b\r\n\r\n--x", FOLDER)
    seen = mail("boris@customer.example", DELIVERY)
    seen.add_attachment(b"%PDF-1.7\n%%EOF", maintype="application", subtype="pdf", filename="счёт.pdf")
    mailbox.put(seen, FOLDER)
    await post.sent_to("boris@customer.example")
    conversation = await conversation_with(shop, "boris@customer.example")

    async def stored() -> bool:
        files = (await messages_of(shop, conversation))[0]["attachments"]
        return [(file["name"], file["state"]) for file in files] == [("счёт.pdf", "stored")]

    await eventually(stored)
    assert {each["To"] for each in post.mails} <= {"aida@customer.example", "boris@customer.example"}


@pytest.mark.parametrize("idles", [True, False])
async def test_a_mailbox_is_read_on_from_where_it_was_read_up_to(idles: bool, tmp_path: Path) -> None:
    with dovecot(idles=idles) as mailbox:
        mailbox.renumber(FOLDER, mail("old@customer.example", "Before anybody listened"))
        settings = EmailSettings.model_validate(given(mailbox.port, 1)["settings"])
        async with open_shelf(tmp_path) as shelf, httpx.AsyncClient() as client:
            adapter = open_email(networks("127.0.0.0/8"))
            channel = adapter(settings, EmailCredentials(password=SecretStr(PASSWORD)), client, shelf.store, "")
            assert isinstance(channel, Email)
            begun = await channel.news(None, 1)
            assert (begun.deliveries, begun.forgetful) == ((), True)
            waiting = asyncio.create_task(channel.news(begun.cursor, 20 if idles else 1))
            seen, new = mail("clara@customer.example", DELIVERY), mail("clara@customer.example", "Thank you!")
            await asyncio.to_thread(mailbox.put, seen, FOLDER)
            first = await waiting
            [(name, payload)] = first.deliveries
            [read] = channel.read(payload)
            assert isinstance(read, MessageArrived)
            assert (read.id, read.text) == (seen["Message-ID"], DELIVERY)
            # Numbered anew: what came lately comes again, under the names that it had.
            mailbox.renumber(FOLDER, seen, new)
            again = await channel.news(first.cursor, 1)
            assert [each for each, _ in again.deliveries] == [name, f"mail/clara@customer.example/{new['Message-ID']}"]
            assert str(again.cursor).partition(":")[0] != str(first.cursor).partition(":")[0]
            assert (await channel.news(again.cursor, 0.1)).deliveries == []


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


async def test_what_is_wrong_with_a_mailbox_is_said(shop: Company, mailbox: Mailbox, post: Post) -> None:
    refused = await shop.post("/v1/channel-accounts", given(mailbox.port, post.port, password="wrong"))
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert "The SMTP server localhost refuses the user name or the password" in error["message"]
    assert "The IMAP server localhost refuses the user name or the password" in error["message"]
    assert "wrong" not in error["message"]
    nowhere = await shop.post("/v1/channel-accounts", given(mailbox.port, post.port, folder="Nowhere"))
    assert "no such folder" in nowhere.json()["errors"][0]["message"]
    away = given(ports.pick(set()), post.port, address="other@shop.example", username=USER) | {"name": "away"}
    made = (await shop.post("/v1/channel-accounts", away)).json()
    assert (made["health"], made["health_code"]) == ("away", "unreachable")
