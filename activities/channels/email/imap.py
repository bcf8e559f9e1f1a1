"""As much of IMAP as reading a mailbox takes (RFC 3501, 2177): nothing in it is changed."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from activities.channels.email.server import Server, tls

SECONDS = 60.0
"""For each answer, or piece of one."""
LONGEST_LINE = 1024 * 1024
LONGEST_LITERAL = 40 * 1024 * 1024

_LITERAL = re.compile(rb"\{(\d{1,12})\}\r\n\Z")


class RefusalError(Exception):
    """The server says NO, or BAD. `code` is its word for why, in capitals (RFC 5530), where it has one."""

    def __init__(self, code: str | None) -> None:
        super().__init__(code)
        self.code = code


class BrokenError(Exception):
    """The connection ended, or what comes through it is not IMAP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: what stands in its lines, and the literals that are left out there."""

    text: bytes
    literals: Sequence[bytes] = ()


class Imap:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        # Nobody can guess it: what was slipped in before the connection was made secure answers no command.
        self._tag = secrets.token_hex(8).upper()
        self._commands = 0
        # Whether a mail was told of since this was taken back. A server tells once, with the answer to any command.
        self.told = False

    async def ask(self, *words: str | bytes) -> list[Answer]:
        """Send a command and return what is answered, the last line with the outcome included. Words in bytes go as
        literals: they may be anything. Raises RefusalError, BrokenError, OSError."""
        tag = self._next()
        line = tag
        for word in words:
            if isinstance(word, str):
                line += b" " + word.encode("ascii")
                continue
            await self._send(line + b" {%d}" % len(word))
            await self._invited(tag)
            line = word
        await self._send(line)
        return await self._until(tag)

    async def idle(self, seconds: float) -> None:
        """Wait until the server tells of a new mail, at most so long; not at all when it has `told` of one."""
        tag = self._next()
        await self._send(tag + b" IDLE")
        await self._invited(tag)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.told:
                    await self._answer()
        await self._send(b"DONE")
        await self._until(tag)

    async def greeted(self) -> None:
        if not (await self._timely()).text.startswith(b"* OK"):
            raise BrokenError("no greeting")

    async def start_tls(self, host: str) -> None:
        await self.ask("STARTTLS")
        await self._writer.start_tls(tls(), server_hostname=host, ssl_handshake_timeout=SECONDS)
        # Answers that came before the connection was secure end up here, and are believed by nobody.
        await self.ask("NOOP")

    def _next(self) -> bytes:
        self._commands += 1
        return f"{self._tag}{self._commands}".encode()

    async def _send(self, line: bytes) -> None:
        self._writer.write(line + b"\r\n")
        async with asyncio.timeout(SECONDS):
            await self._writer.drain()

    async def _invited(self, tag: bytes) -> None:
        """Until the server wants to hear more."""
        while not (answer := await self._timely()).text.startswith(b"+"):
            _judge(answer, tag)

    async def _until(self, tag: bytes) -> list[Answer]:
        answers = []
        while True:
            answers.append(await self._timely())
            if _judge(answers[-1], tag):
                return answers

    async def _timely(self) -> Answer:
        async with asyncio.timeout(SECONDS):
            return await self._answer()

    async def _answer(self) -> Answer:
        text = b""
        literals: list[bytes] = []
        try:
            while True:
                line = await self._reader.readuntil(b"\r\n")
                found = _LITERAL.search(line)
                if found is None:
                    self.told = self.told or line.endswith(b" EXISTS\r\n")
                    return Answer(text + line[:-2], literals)
                text += line[: found.start()]
                if int(found[1]) > LONGEST_LITERAL or len(text) > LONGEST_LINE:
                    raise BrokenError("too long")
                literals.append(await self._reader.readexactly(int(found[1])))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise BrokenError("ended") from None


def _judge(answer: Answer, tag: bytes) -> bool:
    """Whether this is the command's end. Raises RefusalError, BrokenError."""
    if answer.text.startswith(b"* BYE"):
        raise BrokenError("bye")
    if not answer.text.startswith(tag + b" "):
        return False
    outcome = answer.text[len(tag) + 1 :]
    if outcome.startswith(b"OK"):
        return True
    code = re.match(rb"(?:NO|BAD) \[([A-Z-]{1,50})", outcome)
    raise RefusalError(None if code is None else code[1].decode())


def quoted(word: str) -> str:
    """A word of visible ASCII as IMAP writes it."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


@asynccontextmanager
async def open_imap(server: Server) -> AsyncIterator[Imap]:
    """A connection that was greeted, and is secure where it is to be. Raises ChannelError, BrokenError, OSError."""
    connection = await server.socket()
    secured = server.security == "tls"
    try:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection(
                sock=connection,
                limit=LONGEST_LINE,
                ssl=tls() if secured else None,
                server_hostname=server.host if secured else None,
            )
    except BaseException:
        connection.close()
        raise
    imap = Imap(reader, writer)
    try:
        await imap.greeted()
        if server.security == "starttls":
            await imap.start_tls(server.host)
        yield imap
    finally:
        # Not said goodbye to: a server ends what was ended.
        writer.transport.abort()
