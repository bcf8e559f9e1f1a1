"""Addresses from which anybody who has one can fetch a file for a while: signed, and the file's alone."""

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence
from enum import Enum

from runtime.crypto.roots import RootKeys
from runtime.media.port import checked

PATH = "/v1/media/"
PURPOSE = "media links"
LIFE_SECONDS = 3_600
ROUND_SECONDS = 300
"""Links of the same five minutes are the same, so that a page that is read again shows what it has."""


class Standing(Enum):
    """What a link is worth."""

    GOOD = "good"
    EXPIRED = "expired"
    FORGED = "forged"


class Links:
    """Makes and checks them. Keys are derived from the installation's root keys: whoever has those can, without asking
    anybody. `secrets`: the first signs, all are good."""

    def __init__(self, origin: str, secrets: Sequence[bytes]) -> None:
        self._origin = origin
        self._secrets = secrets

    @classmethod
    def of(cls, origin: str, roots: RootKeys) -> "Links":
        return cls(origin, roots.derived(PURPOSE))

    def url(self, key: str) -> str:
        expires = (int(time.time()) // ROUND_SECONDS + 1) * ROUND_SECONDS + LIFE_SECONDS
        signature = _signature(self._secrets[0], checked(key), expires)
        return f"{self._origin}{PATH}{key}?expires={expires}&signature={signature}"

    def standing(self, key: str, expires: int, signature: str) -> Standing:
        """Whether the link to `key` was made here, and is still good."""
        given = signature.encode()
        if not any(hmac.compare_digest(_signature(each, key, expires).encode(), given) for each in self._secrets):
            return Standing.FORGED
        return Standing.GOOD if time.time() < expires else Standing.EXPIRED


def _signature(secret: bytes, key: str, expires: int) -> str:
    digest = hmac.new(secret, f"{key}\n{expires}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
