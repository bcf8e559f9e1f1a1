"""As much of IMAP as reading a mailbox takes (RFC 3501, 2177): nothing in it is changed."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from activities.channels.email.server import Server, securing, tls
from activities.channels.port import AccountError

SECONDS = 60.0
"""For each line, and for each piece of a literal."""
COMMAND_SECONDS = 300.0
"""For all that is answered to a command: a server that says something now and then has to come to an end."""
LONGEST_LINE = 1024 * 1024
LONGEST_EXCHANGE = 40 * 1024 * 1024
"""Bytes that are answered to one command. What is beyond is no mailbox, and would fill the memory."""
LINE_COSTS = 4096
"""What a line counts for besides its bytes: ten thousand are the most."""
PIECE = 256 * 1024

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
        # Nobody can guess it: what somebody slips in answers no command.
        self._tag = secrets.token_hex(8).upper()
        self._commands = 0
        self._room = LONGEST_EXCHANGE
        # Whether a mail was told of since this was taken back. A server tells once, with the answer to any command.
        self.told = False

    async def ask(self, *words: str | bytes) -> list[Answer]:
        """Send a command and return what is answered, the last line with the outcome included. Words in bytes go as
        literals: they may be anything. Raises RefusalError, BrokenError, OSError."""
        async with asyncio.timeout(COMMAND_SECONDS):
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
        async with asyncio.timeout(COMMAND_SECONDS + seconds):
            await self._send(tag + b" IDLE")
            await self._invited(tag)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while not self.told:
                        await self._answer(patience=None)
            await self._send(b"DONE")
            await self._until(tag)

    async def greeted(self) -> None:
        # `* PREAUTH` would leave no room for STARTTLS: whoever says it may want to do without.
        if not (await self._answer()).text.startswith(b"* OK"):
            raise BrokenError("no greeting")

    async def start_tls(self, host: str) -> None:
        """Nothing goes on without it, whoever it is that does not offer it. Raises AccountError, BrokenError, OSError."""
        try:
            await self.ask("STARTTLS")
        except RefusalError:
            raise AccountError("no_starttls") from None
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await self._reader.read(1)
                # Whatever is here already would be read as if it had come over the secure connection.
                raise BrokenError("slipped in")
        await self._writer.start_tls(tls(), server_hostname=host, ssl_handshake_timeout=SECONDS)

    def _next(self) -> bytes:
        self._commands += 1
        self._room = LONGEST_EXCHANGE
        return f"{self._tag}{self._commands}".encode()

    async def _send(self, line: bytes) -> None:
        self._writer.write(line + b"\r\n")
        async with asyncio.timeout(SECONDS):
            await self._writer.drain()

    async def _invited(self, tag: bytes) -> None:
        """Until the server wants to hear more."""
        while not (answer := await self._answer()).text.startswith(b"+"):
            _judge(answer, tag)

    async def _until(self, tag: bytes) -> list[Answer]:
        answers = []
        while True:
            answers.append(await self._answer())
            if _judge(answers[-1], tag):
                return answers

    async def _answer(self, *, patience: float | None = SECONDS) -> Answer:
        """`patience`: how long its first line is waited for; None: as long as it takes."""
        text = b""
        literals: list[bytes] = []
        while True:
            line = await self._line(SECONDS if literals else patience)
            found = _LITERAL.search(line)
            if found is None:
                self.told = self.told or line.endswith(b" EXISTS\r\n")
                return Answer(text + line[:-2], literals)
            text += line[: found.start()]
            if len(text) > LONGEST_LINE:
                raise BrokenError("too long")
            literals.append(await self._literal(int(found[1])))

    async def _line(self, patience: float | None) -> bytes:
        try:
            async with asyncio.timeout(patience):
                line = await self._reader.readuntil(b"\r\n")
        except asyncio.IncompleteReadError:
            raise BrokenError("ended") from None
        except asyncio.LimitOverrunError:
            raise BrokenError("too long") from None
        self._take_up(len(line) + LINE_COSTS)
        return line

    async def _literal(self, size: int) -> bytes:
        self._take_up(size)
        pieces: list[bytes] = []
        while size:
            async with asyncio.timeout(SECONDS):
                piece = await self._reader.read(min(size, PIECE))
            if not piece:
                raise BrokenError("ended")
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _take_up(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise BrokenError("too long")


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
        with securing():
            reader, writer = await asyncio.open_connection(
                sock=connection,
                limit=LONGEST_LINE,
                ssl=tls() if secured else None,
                server_hostname=server.host if secured else None,
                ssl_handshake_timeout=SECONDS if secured else None,
            )
    except BaseException:
        connection.close()
        raise
    imap = Imap(reader, writer)
    try:
        await imap.greeted()
        if server.security == "starttls":
            with securing():
                await imap.start_tls(server.host)
        yield imap
    finally:
        # Not said goodbye to: a server ends what was ended.
        writer.transport.abort()
