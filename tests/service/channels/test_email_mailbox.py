"""Mailboxes by their adapter alone, at Dovecot and a real SMTP server: read on from where they were read up to, and behind
TLS, with certificates of a house's own authority."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from activities.channels.email.channel import Email, open_email
from activities.channels.email.server import tls
from models.contracts.accounts import EmailCredentials, EmailSettings
from models.contracts.channels import Chat, HealthState, MessageArrived, Part
from runtime.egress.addresses import networks
from runtime.media.folder import FolderStore
from runtime.media.links import Links
from tests.service.api.wire import Wire
from tests.service.channels.post_office import PASSWORD, USER, Mailbox, Post, dovecot, mail
from tests.service.signer import Signer

ID = "01a1fff6-f2e5-73c0-92b3-e06295b42e05.0"
HERE = "127.0.0.0/8"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.new(tmp_path_factory.mktemp("tls") / "house")


@pytest.fixture(scope="module")
def mailbox(house: Signer) -> Iterator[Mailbox]:
    with dovecot(signer=house, host="localhost") as mailbox:
        yield mailbox


@pytest.fixture
def trusting(house: Signer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As an operator who has added the house's authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(house.ca))
    tls.cache_clear()
    yield
    tls.cache_clear()


@asynccontextmanager
async def channel(folder: Path, settings: dict[str, Any], allowed: str = HERE) -> AsyncIterator[Email]:
    async with httpx.AsyncClient() as client:
        given = EmailSettings.model_validate({"address": USER, "smtp_host": "localhost"} | settings)
        secret = EmailCredentials(password=SecretStr(PASSWORD))
        opened = open_email(networks(allowed))(given, secret, client, FolderStore(folder, Links("", [])), "")
        assert isinstance(opened, Email)
        yield opened


@pytest.mark.parametrize("idles", [True, False])
async def test_a_mailbox_is_read_on_from_where_it_was_read_up_to(idles: bool, mailbox: Mailbox, tmp_path: Path) -> None:
    with nullcontext(mailbox) if idles else dovecot(idles=False) as server:
        server.renumber("Support", mail("old@customer.example", "Before anybody listened"))
        imap = {"imap_host": "localhost", "imap_port": server.port, "imap_security": "none", "folder": "Support"}
        async with channel(tmp_path, imap) as opened:
            begun = await opened.news(None, 1)
            assert (begun.deliveries, begun.forgetful) == ((), True)
            waiting = asyncio.create_task(opened.news(begun.cursor, 20 if idles else 1))
            seen, new = mail("clara@customer.example", "Where is it?"), mail("clara@customer.example", "Thank you!")
            await asyncio.to_thread(server.put, seen, "Support")
            first = await waiting
            [(name, payload)] = first.deliveries
            [read] = opened.read(payload)
            assert isinstance(read, MessageArrived)
            assert (read.id, read.text) == (seen["Message-ID"], "Where is it?")
            # Numbered anew: what came lately comes again, under the names that it had.
            server.renumber("Support", seen, new)
            again = await opened.news(first.cursor, 1)
            assert [each for each, _ in again.deliveries] == [name, f"mail/clara@customer.example/{new['Message-ID']}"]
            assert str(again.cursor).partition(":")[0] != str(first.cursor).partition(":")[0]
            assert (await opened.news(again.cursor, 0.1)).deliveries == []


async def test_a_mail_is_fetched_in_whole_once_and_each_of_its_files_by_itself(tmp_path: Path) -> None:
    with dovecot() as server:
        async with Wire.to("127.0.0.1", server.port) as wire:
            wire.listens = True
            imap = {"imap_host": "localhost", "imap_port": wire.port, "imap_security": "none"}
            async with channel(tmp_path, imap) as opened:
                begun = await opened.news(None, 1)
                asked = mail("aida@customer.example", "Three of them")
                asked.add_alternative("<p>Three of them</p>", subtype="html")
                inner = mail("boris@customer.example", "Within")
                files = [b"%PDF-1.7\n" + bytes(200_000), b"a,b\r\n1,2\r\n"]
                asked.add_attachment(files[0], maintype="application", subtype="pdf", filename="a.pdf")
                asked.add_attachment(inner)
                asked.add_attachment(files[1], maintype="text", subtype="csv", filename="b.csv")
                await asyncio.to_thread(server.put, asked)
                [(_, payload)] = (await opened.news(begun.cursor, 20)).deliveries
                assert wire.heard.count(b"BODY.PEEK[]") == 1
                [read] = opened.read(payload)
                assert isinstance(read, MessageArrived)
                found = [await had(opened, each.ref) for each in read.attachments]
                assert [found[0], found[2]] == files
                assert b"Within" in found[1]
                assert wire.heard.count(b"BODY.PEEK[]") == 1
                # One that the server takes apart in another way is had all the same.
                size = read.attachments[0].size
                elsewhere = read.attachments[0].ref.replace(f"/2/{size}", f"/7/{size}")
                assert elsewhere != read.attachments[0].ref
                assert await had(opened, elsewhere) == files[0]
                assert wire.heard.count(b"BODY.PEEK[]") == 2


async def had(opened: Email, ref: str) -> bytes:
    async with opened.fetch(ref) as fetched:
        return b"".join([chunk async for chunk in fetched.chunks])


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_mails_come_and_go_over_tls(
    security: str, house: Signer, mailbox: Mailbox, trusting: None, tmp_path: Path
) -> None:
    """Mails of megabytes, too: they are more than one record, and more than fits into a buffer."""
    context = house.serving("post", "localhost")
    port = mailbox.tls_port if security == "tls" else mailbox.port
    imap = {"imap_host": "localhost", "imap_port": port, "imap_security": security}
    async with (
        Post.open(**{security: context}) as post,
        channel(tmp_path, {"smtp_port": post.port, "smtp_security": security} | imap) as opened,
    ):
        assert (await opened.check()).state is HealthState.OK
        begun = await opened.news(None, 1)
        asked = mail("aida@customer.example", "Over TLS?")
        asked.add_attachment(5_000_000 * b"x", maintype="application", subtype="pdf", filename="a.pdf")
        await asyncio.to_thread(mailbox.put, asked)
        news = await opened.news(begun.cursor, 20)
        assert [name for name, _ in news.deliveries] == [f"mail/aida@customer.example/{asked['Message-ID']}"]
        await opened.send(Chat(id="aida@customer.example"), Part(id=ID, text="Over TLS."))
        assert len(post.mails) == 1
        assert set(post.passwords) == {(PASSWORD, True)}


async def test_a_certificate_that_proves_nothing_is_refused_and_said_to_be(
    house: Signer, trusting: None, tmp_path: Path
) -> None:
    past = datetime.now(UTC) - timedelta(minutes=1)
    contexts = {
        "certificate_of_another": house.serving("another", "mail.shop.example"),
        "certificate_expired": house.serving("expired", "localhost", ends=past),
        "certificate_untrusted": Signer.new(tmp_path / "stranger").serving("post", "localhost"),
    }
    for code, context in contexts.items():
        for security in ("tls", "starttls"):
            async with Post.open(**{security: context}) as post:
                health = await asked(tmp_path, post, security)
                assert (health, post.passwords) == ((HealthState.DEAD, code), [])


async def asked(folder: Path, post: Post, security: str, allowed: str = HERE) -> tuple[HealthState, str | None]:
    """What a check says of an SMTP server, for a mailbox that a provider posts."""
    given = {"receive": "webhook", "smtp_port": post.port, "smtp_security": security}
    async with channel(folder, given, allowed) as opened:
        health = await opened.check()
        assert [each.startswith("The SMTP server localhost ") for each in health.advice] == [True]
        return health.state, health.code


async def test_the_mailbox_proves_its_name_too(mailbox: Mailbox, trusting: None, tmp_path: Path) -> None:
    for security, port in (("tls", mailbox.tls_port), ("starttls", mailbox.port)):
        imap = {"imap_host": "127.0.0.1", "imap_port": port, "imap_security": security}
        async with channel(tmp_path, imap) as opened:
            advice = " ".join((await opened.check()).advice)
            assert "The IMAP server 127.0.0.1 shows a certificate for another name." in advice


async def test_no_password_goes_where_anybody_could_read_it(
    house: Signer, mailbox: Mailbox, trusting: None, tmp_path: Path
) -> None:
    async with Post.open() as bare:
        # What does not offer STARTTLS, or has lost the offer on the way, and what speaks no TLS where it should.
        assert await asked(tmp_path, bare, "starttls") == (HealthState.DEAD, "no_starttls")
        assert await asked(tmp_path, bare, "tls") == (HealthState.DEAD, "no_tls")
        # Without TLS only where the operator has allowed it, whatever the settings say.
        assert await asked(tmp_path, bare, "none", "10.0.0.0/8") == (HealthState.DEAD, "address_not_allowed")
        assert bare.passwords == []
    async with Post.open(starttls=house.serving("post", "localhost")) as careful:
        assert await asked(tmp_path, careful, "none") == (HealthState.DEAD, "no_sign_in")
        assert careful.passwords == []
    imap = {"imap_host": "localhost", "imap_port": mailbox.port, "imap_security": "tls"}
    async with channel(tmp_path, imap) as opened:
        assert "The IMAP server localhost speaks no TLS" in " ".join((await opened.check()).advice)


async def test_what_is_said_before_the_connection_is_secure_is_not_taken(
    house: Signer, trusting: None, tmp_path: Path
) -> None:
    """A proxy that adds what the server would offer, and answers to what was not asked yet, to the last plain packet."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 post ESMTP\r\n")
        await reader.readline()
        writer.write(b"250-post\r\n250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 go on\r\n250-post\r\n250 AUTH PLAIN\r\n235 Welcome\r\n")
        await writer.start_tls(house.serving("post", "localhost"))
        while line := await reader.readline():
            heard.append(line)
            writer.write(b"250 post\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, AsyncExitStack() as stack:
        port = server.sockets[0].getsockname()[1]
        given = {"receive": "webhook", "smtp_port": port, "smtp_security": "starttls"}
        opened = await stack.enter_async_context(channel(tmp_path, given))
        assert (await opened.check()).code == "no_sign_in"
    assert [line.split()[0] for line in heard] == [b"EHLO"]
