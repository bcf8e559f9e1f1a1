"""Refresh tokens: `msr_`, a part that stays the session's for its whole life, a part that is used once."""

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from models.repositories.sessions import Hashes

PREFIX = "msr_"
# 16 and 32 random bytes.
SHAPE = re.compile(PREFIX + r"([A-Za-z0-9_-]{22})([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One link of a session's chain of refresh tokens."""

    family: str
    secret: str

    @classmethod
    def first(cls) -> "RefreshToken":
        return cls(secrets.token_urlsafe(16), secrets.token_urlsafe(32))

    @classmethod
    def read(cls, text: str) -> "RefreshToken | None":
        found = SHAPE.fullmatch(text)
        return None if found is None else cls(found[1], found[2])

    def next(self) -> "RefreshToken":
        return RefreshToken(self.family, secrets.token_urlsafe(32))

    @property
    def hashes(self) -> Hashes:
        return Hashes(_hash(self.family), _hash(self.secret))

    @property
    def csrf_token(self) -> str:
        """The session's proof that a page of ours speaks. Derived, so that nothing else has to be kept."""
        return urlsafe_b64encode(_hash("csrf:" + self.family)).rstrip(b"=").decode()

    def __str__(self) -> str:
        return PREFIX + self.family + self.secret

    def __repr__(self) -> str:
        return "RefreshToken(…)"


def hash_csrf(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
