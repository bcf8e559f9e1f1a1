"""A mailbox as it is read: what is new since a position, and single mails.

A position names the numbering of the folder (UIDVALIDITY) and the last mail in it that was read. When a server numbers a
folder anew, what came lately is read again: mails that are known are told by their Message-ID.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from activities.channels.email.imap import BrokenError, Imap, RefusalError, open_imap, quoted
from activities.channels.email.parsing import LARGEST_MAIL
from activities.channels.email.server import Server
from activities.channels.port import AccountError, TryLaterError

AGAIN_SINCE = timedelta(days=3)
"""How far back a folder is read that was numbered anew: less than deliveries are remembered."""
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
FOR_NOW = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN")
"""Refusals that pass (RFC 5530)."""


@dataclass(frozen=True, slots=True)
class Position:
    validity: int
    uid: int

    @classmethod
    def of(cls, cursor: str | None) -> "Position | None":
        found = re.fullmatch(r"([0-9]{1,10}):([0-9]{1,10})", cursor or "")
        return None if found is None else cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.validity}:{self.uid}"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An open folder. `end`: behind its last mail."""

    imap: Imap
    end: Position
    idles: bool

    async def since(self, position: Position) -> list[int]:
        """Numbers of the mails that came after `position`, in their order."""
        if position.validity != self.end.validity:
            day = datetime.now(UTC) - AGAIN_SINCE
            return await self._search(f"SINCE {day.day}-{MONTHS[day.month - 1]}-{day.year}")
        # A range finds the last mail at least, however far behind that it begins.
        return [uid for uid in await self._search(f"UID {position.uid + 1}:*") if uid > position.uid]

    async def raw(self, uid: int) -> bytes | None:
        """A mail's bytes, as far as they are read; None when it is gone."""
        for answer in await self.imap.ask(f"UID FETCH {uid} (UID BODY.PEEK[]<0.{LARGEST_MAIL}>)"):
            if b" FETCH " in answer.text and re.search(rb"\bUID %d\b" % uid, answer.text):
                return answer.literals[-1] if answer.literals else b""
        return None

    async def part(self, uid: int, section: str) -> bytes | None:
        """A part of a mail behind its own header; None when the server has none of that number."""
        header, body = f"{section}.MIME", section
        try:
            answers = await self.imap.ask(f"UID FETCH {uid} (UID BODY.PEEK[{header}] BODY.PEEK[{body}])")
        except RefusalError:
            return None
        for answer in answers:
            if b" FETCH " in answer.text and re.search(rb"\bUID %d\b" % uid, answer.text):
                # What is empty, or not there, is no literal.
                names = [str(each, "ascii").upper() for each in re.findall(rb"BODY\[([!-Z]{1,200})\]", answer.text)]
                if sorted(names) == sorted((header, body)) and len(answer.literals) == len(names):
                    found: dict[str, bytes] = dict(zip(names, answer.literals, strict=True))
                    return found[header] + found[body]
        return None

    async def _search(self, what: str) -> list[int]:
        # What comes while it is looked for may not be found, and is told of with the answer.
        self.imap.told = False
        answers = await self.imap.ask(f"UID SEARCH {what}")
        found = [answer.text for answer in answers if answer.text.startswith(b"* SEARCH")]
        return sorted({int(uid) for text in found for uid in re.findall(rb"\b\d{1,10}\b", text)})


@asynccontextmanager
async def open_mailbox(server: Server, user: str, password: SecretStr, folder: str) -> AsyncIterator[Mailbox]:
    """The folder, opened for reading alone. Raises AccountError, TryLaterError."""
    with _told("no_answer"):
        async with open_imap(server) as imap:
            if b"LOGINDISABLED" in await _offered(imap):
                raise AccountError("no_sign_in")
            with _told("authentication"):
                await imap.ask("LOGIN", user.encode(), password.get_secret_value().encode())
            offered = await _offered(imap)
            with _told("no_such_folder"):
                answers = await imap.ask("EXAMINE", quoted(folder))
            told = b"\n".join(answer.text for answer in answers)
            validity, following = _number(rb"UIDVALIDITY", told), _number(rb"UIDNEXT", told)
            if validity is None or following is None:
                raise AccountError("not_supported")
            yield Mailbox(imap, Position(validity, following - 1), idles=b"IDLE" in offered)


async def _offered(imap: Imap) -> list[bytes]:
    """What the server can do; it may be more after the sign-in than before."""
    return b" ".join(answer.text for answer in await imap.ask("CAPABILITY")).upper().split()


def _number(name: bytes, told: bytes) -> int | None:
    found = re.search(rb"\[%s (\d{1,10})\]" % name, told)
    return None if found is None else int(found[1])


@contextmanager
def _told(refused: str) -> Iterator[None]:
    """What goes wrong, as the port's errors; `refused` is what a refusal means here."""
    try:
        yield
    except RefusalError as error:
        if refused == "no_answer" or error.code in FOR_NOW:
            raise TryLaterError("not_now") from None
        if error.code == "PRIVACYREQUIRED":
            raise AccountError("no_sign_in") from None
        raise AccountError(refused) from None
    except (BrokenError, OSError):
        raise TryLaterError("unreachable") from None
