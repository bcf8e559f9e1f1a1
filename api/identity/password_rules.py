"""What makes a password too weak: a pure function, and the file of passwords that were stolen elsewhere."""

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from api.identity.passwords import LONGEST, normal
from api.problems import ProblemError
from models.contracts.settings import PasswordRules
from runtime.errors import OperatorError

SHORTEST_OWN_WORD = 4
"""A name of three letters stands in too many passwords by chance."""

FEWEST_CHARACTERS = 5
"""Different ones, in the whole password."""

Known = Callable[[str], bool]
"""Whether a password is known to others."""


def flaws(password: str, rules: PasswordRules, own_words: Iterable[str | None], breached: Known) -> list[str]:
    """Everything that is wrong with a password, as sentences that do not quote it; empty when it is good.

    `own_words`: what an attacker would try first, such as address, name and company of whom it is for.
    """
    password = normal(password)
    found = []
    if len(password) < rules.min_length:
        found.append(f"must have at least {rules.min_length} characters")
    if len(password) > LONGEST:
        found.append(f"must have at most {LONGEST} characters")
    if rules.mixed and not _is_mixed(password):
        found.append("must have an upper-case letter, a lower-case letter, a digit and another character")
    if is_common(password) or breached(password):
        found.append("must not be one that many people use, or that was stolen somewhere")
    folded = password.casefold()
    if any(word in folded for word in _words(own_words)):
        found.append("must not contain your name, your address or the name of your company")
    return found


async def judge(
    breached: Known, password: str, rules: PasswordRules, own_words: Iterable[str | None], field: str = "password"
) -> None:
    """Raises ProblemError (422) naming every flaw of a password."""
    if found := await asyncio.to_thread(flaws, password, rules, tuple(own_words), breached):
        raise weak(found, field)


def weak(found: list[str], field: str = "password") -> ProblemError:
    """The problem (422) that names every flaw."""
    errors = [{"field": field, "message": message} for message in found]
    return ProblemError(422, "The request is invalid.", kind="invalid", errors=errors)


def is_common(password: str) -> bool:
    """Whether it is on the list of common passwords, with or without digits and signs around it, or repeats itself."""
    folded = password.casefold()
    stem = folded.strip("".join(character for character in set(folded) if not character.isalpha()))
    repeats = folded != "" and (folded + folded).find(folded, 1) < len(folded)
    return bool({folded, stem} & _common()) or repeats or len(set(folded)) < FEWEST_CHARACTERS


class Breached:
    """A file of SHA-1 hashes in ascending order, one `HASH:COUNT` a line, as Have I Been Pwned gives it away.

    It has tens of gigabytes: a search reads some thirty lines of it.
    """

    def __init__(self, path: Path | None) -> None:
        """Raises OperatorError when there is no such file."""
        if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
            raise OperatorError(f"MAINSTAY_BREACHED_PASSWORDS_FILE: {path} cannot be read")
        self._path = path

    def __call__(self, password: str) -> bool:
        """Whether the file has it. Reads the disk: not for the event loop."""
        if self._path is None:
            return False
        wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        with self._path.open("rb") as file:
            low, high = 0, file.seek(0, os.SEEK_END)
            # The line sought begins in [low, high), if it is there.
            while low < high:
                middle = (low + high) // 2
                file.seek(middle)
                if middle:
                    file.seek(middle - 1)
                    file.readline()
                start = file.tell()
                if start >= high:
                    high = middle
                    continue
                line = file.readline()
                found = line[:40].upper()
                if found == wanted:
                    return True
                if found < wanted:
                    low = start + len(line)
                else:
                    high = middle
        return False


@cache
def _common() -> frozenset[str]:
    # Twelve megabytes, for a question that few gateways are ever asked.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415  # not at every start

    passwords: list[str] = FREQUENCY_LISTS["passwords"]
    return frozenset(password.casefold() for password in passwords)


def _words(own: Iterable[str | None]) -> set[str]:
    """Each word whole, and its parts: of an address what stands before and after the @, of a name the names."""
    whole = [normal(word).casefold() for word in own if word]
    parts = {part for word in whole for part in (word, *word.replace("@", " ").split())}
    return {part for part in parts if len(part) >= SHORTEST_OWN_WORD}


def _is_mixed(password: str) -> bool:
    return (
        any(character.isupper() for character in password)
        and any(character.islower() for character in password)
        and any(character.isdigit() for character in password)
        and any(not character.isalnum() for character in password)
    )
