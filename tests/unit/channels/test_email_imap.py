"""IMAP with a server that says what a test has it say."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from activities.channels.email.channel import Email, open_email
from activities.channels.email.imap import BrokenError, Imap, RefusalError, open_imap
from activities.channels.email.mailbox import Mailbox, Position, open_mailbox
from activities.channels.email.server import Server
from activities.channels.port import AccountError, ChannelError, News, TryLaterError
from models.contracts.accounts import EmailCredentials, EmailSettings, Security
from runtime.egress.addresses import networks
from runtime.media.folder import FolderStore
from runtime.media.links import Links

Says = Callable[[bytes, bytes], bytes]
"""`says(tag, command)`: what the server answers to a line."""
HANGS_UP = b"\x00hangs up"
"""After an answer: the connection ends."""


@asynccontextmanager
async def saying(
    says: Says, heard: list[bytes], *, ends: bool = False, greeting: bytes = b"* OK"
) -> AsyncIterator[int]:
    """A server's port. `ends`: it hangs up after its first answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting + b" ready\r\n")
        while line := await reader.readline():
            heard.append(line.rstrip(b"\r\n"))
            tag, _, command = heard[-1].partition(b" ")
            answer = says(tag, command)
            writer.write(answer.removesuffix(HANGS_UP))
            if ends or answer.endswith(HANGS_UP):
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def talking(says: Says, heard: list[bytes], *, ends: bool = False) -> AsyncIterator[Imap]:
    async with saying(says, heard, ends=ends) as port, open_imap(server(port)) as imap:
        yield imap


def server(port: int, security: Security = "none") -> Server:
    return Server("127.0.0.1", port, security, networks("127.0.0.0/8"))


async def test_a_mail_that_comes_while_mails_are_looked_for_is_not_waited_for() -> None:
    def says(tag: bytes, command: bytes) -> bytes:
        if command.startswith(b"UID SEARCH"):
            return b"* SEARCH\r\n* 1 EXISTS\r\n" + tag + b" OK\r\n"
        return b"+ idling\r\n" if command == b"IDLE" else heard[-2].partition(b" ")[0] + b" OK\r\n"

    heard: list[bytes] = []
    async with talking(says, heard) as imap, asyncio.timeout(20):
        mailbox = Mailbox(imap, Position(1, 0), idles=True)
        assert await mailbox.since(Position(1, 0)) == []
        await imap.idle(60)
    assert heard[-1] == b"DONE"


async def test_words_go_as_literals_and_come_as_literals() -> None:
    def says(tag: bytes, command: bytes) -> bytes:
        if line := heard[-1]:
            if line.endswith(b"}"):
                return b"+ go on\r\n"
            if line == b'word"\\':
                return b"* 1 FETCH (UID 7 BODY[] {6}\r\na\r\nb\r\n)\r\n" + heard[0].partition(b" ")[0] + b" OK\r\n"
        return b""

    heard: list[bytes] = []
    async with talking(says, heard) as imap, asyncio.timeout(20):
        answer, _ = await imap.ask("LOGIN", b"user", b'word"\\')
    assert (answer.text, answer.literals) == (b"* 1 FETCH (UID 7 BODY[] )", [b"a\r\nb\r\n"])
    assert [line.partition(b" ")[2] for line in heard[:2]] == [b"LOGIN {4}", b"{6}"]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"%s NO [AUTHENTICATIONFAILED] no\r\n", RefusalError("AUTHENTICATIONFAILED")),
        (b"%s BAD what\r\n", RefusalError(None)),
        (b"* BYE\r\n", BrokenError("bye")),
        (b"* 1 FETCH (BODY[] {9}\r\nabc", BrokenError("ended")),
        (b"* 1 FETCH (BODY[] {99999999999}\r\n", BrokenError("too long")),
        (b"x" * 1_100_000, BrokenError("too long")),
        (b"\x00\r\n" * 11_000, BrokenError("too long")),
        (b"* 1 FETCH (" + b"BODY[] {0}\r\n" * 11_000, BrokenError("too long")),
        ((b"x" * 600_000 + b"{0}\r\n") * 2, BrokenError("too long")),
    ],
)
async def test_what_a_server_does_wrong_ends_the_command(said: bytes, error: Exception) -> None:
    async with talking(lambda tag, _: said.replace(b"%s", tag), [], ends=True) as imap, asyncio.timeout(20):
        with pytest.raises(type(error), match=str(error)):
            await imap.ask("NOOP")


async def test_what_was_told_before_mails_are_looked_for_is_no_news() -> None:
    async with talking(lambda tag, _: b"* 3 EXISTS\r\n* SEARCH 8 9\r\n" + tag + b" OK\r\n", []) as imap:
        imap.told = True
        search = asyncio.create_task(Mailbox(imap, Position(1, 9), idles=True).since(Position(1, 8)))
        await asyncio.sleep(0)
        assert not imap.told
        assert await search == [9]


@pytest.mark.parametrize(
    ("security", "greeting", "answers", "error"),
    [
        # The offer is taken away, or was never made.
        ("starttls", b"* OK", {b"STARTTLS": b"%s BAD what\r\n"}, AccountError("no_starttls")),
        # A server that is signed in to already leaves no room for STARTTLS.
        ("starttls", b"* PREAUTH", {}, TryLaterError("unreachable")),
        # What is said with the last words that anybody can read would be taken for what the server says later.
        ("starttls", b"* OK", {b"STARTTLS": b"%s OK go on\r\n* 7 EXISTS\r\n"}, TryLaterError("unreachable")),
        ("none", b"* OK", {b"CAPABILITY": b"* CAPABILITY LOGINDISABLED\r\n%s OK\r\n"}, AccountError("no_sign_in")),
    ],
)
async def test_no_password_is_said_where_it_is_not_safe(
    security: Security, greeting: bytes, answers: dict[bytes, bytes], error: ChannelError
) -> None:
    heard: list[bytes] = []
    says = saying(lambda tag, command: answers.get(command, b"").replace(b"%s", tag), heard, greeting=greeting)
    async with says as port, asyncio.timeout(20):
        with pytest.raises(type(error), match=error.code):
            async with open_mailbox(server(port, security), "aida", SecretStr("open-sesame"), "INBOX"):
                pass
    assert [line.partition(b" ")[2] for line in heard] == [*answers]


def a_mailbox(answers: Mapping[bytes, bytes]) -> Says:
    """A server that lets everybody in. `answers` by how commands begin; %s is the command's tag."""
    offers = {b"CAPABILITY": b"* CAPABILITY IDLE\r\n%s OK\r\n"}
    offers[b"EXAMINE"] = b"* OK [UIDVALIDITY 5]\r\n* OK [UIDNEXT 9]\r\n%s OK\r\n"
    begun = b""

    def says(tag: bytes, command: bytes) -> bytes:
        nonlocal begun
        if command.endswith(b"}"):
            begun = tag if command.startswith(b"LOGIN") else begun
            return b"+ go on\r\n"
        if not command:
            return begun + b" OK\r\n"
        found = (answer for begin, answer in {**offers, **answers}.items() if command.startswith(begin))
        return next(found, b"%s OK\r\n").replace(b"%s", tag)

    return says


async def news_of(answers: Mapping[bytes, bytes], cursor: str, folder: Path) -> News:
    async with saying(a_mailbox(answers), []) as port, httpx.AsyncClient() as client, asyncio.timeout(20):
        settings = EmailSettings(
            address="help@shop.example", smtp_host="x", imap_host="127.0.0.1", imap_port=port, imap_security="none"
        )
        secret, files = EmailCredentials(password=SecretStr("open-sesame")), FolderStore(folder, Links("", []))
        opened = open_email(networks("127.0.0.0/8"))(settings, secret, client, files, "")
        assert isinstance(opened, Email)
        return await opened.news(cursor, 0.2)


async def test_a_connection_that_ends_between_mails_loses_none(tmp_path: Path) -> None:
    mail = b"From: a@b.example\r\nMessage-ID: <7@b.example>\r\n\r\nHello"
    answers = {
        b"UID SEARCH UID 7:": b"* SEARCH 8 7\r\n%s OK\r\n",
        b"UID FETCH 7": b"* 1 FETCH (UID 7 BODY[] {%d}\r\n" % len(mail) + mail + b")\r\n%s OK\r\n",
        b"UID FETCH 8": b"* 2 FETCH (UID 8 BODY[] {900}\r\nFrom" + HANGS_UP,
        b"UID SEARCH UID 8:": b"* SEARCH 8\r\n%s OK\r\n",
    }
    news = await news_of(answers, "5:6", tmp_path)
    assert ([name for name, _ in news.deliveries], news.cursor) == (["mail/a@b.example/<7@b.example>"], "5:7")
    with pytest.raises(TryLaterError, match="unreachable"):
        await news_of(answers, "5:7", tmp_path)


async def test_a_server_that_hangs_up_on_who_waits_has_told_nothing(tmp_path: Path) -> None:
    news = await news_of({b"IDLE": b"+ idling\r\n* BYE\r\n" + HANGS_UP}, "5:8", tmp_path)
    assert (news.deliveries, news.cursor) == ([], "5:8")
