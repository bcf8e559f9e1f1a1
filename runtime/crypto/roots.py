"""Root keys: they come from outside (see runtime.settings), and only wrap the keys that the database holds."""

import base64
import binascii
import os
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from runtime.crypto.aead import KEY_BYTES, SealedError, new_key, seal, unseal

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")

# 32 random bytes have about 30 distinct values; so few as this come about once in 10^15 keys.
DISTINCT_MINIMUM = 20


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A key as the database holds it: encrypted, and by which root key."""

    root_id: str
    blob: bytes


class RootKeys:
    """The root keys of an installation. The first wraps what is new; all of them open."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        self._keys = keys
        self._ciphers = {identifier: AESGCM(key) for identifier, key in keys.items()}
        self.newest = next(iter(keys))

    @classmethod
    def parse(cls, text: str) -> "RootKeys":
        """`id:base64 of 32 bytes`, newest first, separated by commas. Raises ValueError, which quotes no key."""
        keys: dict[str, bytes] = {}
        for number, item in enumerate(text.split(","), 1):
            identifier, colon, encoded = item.strip().partition(":")
            if not colon or not ID.fullmatch(identifier):
                raise ValueError(f"root key {number} must be id:base64, the id of up to 32 of a-z, 0-9 and -")
            if identifier in keys:
                raise ValueError(f"two root keys are called {identifier}")
            key = _decoded(identifier, encoded)
            if key in keys.values():
                raise ValueError(f"root key {identifier} repeats another one under a new name")
            keys[identifier] = key
        return cls(keys)

    @property
    def ids(self) -> list[str]:
        """Newest first."""
        return list(self._ciphers)

    def wrap(self, key: bytes, place: str) -> Wrapped:
        """`key` under the newest root, for the row that `place` names."""
        return Wrapped(self.newest, seal(self._ciphers[self.newest], key, place.encode()))

    def unwrap(self, wrapped: Wrapped, place: str) -> bytes:
        """Raises SealedError when the root key is not ours, or the row is not the one that was wrapped for."""
        cipher = self._ciphers.get(wrapped.root_id)
        if cipher is None:
            raise SealedError(f"this is wrapped by root key {wrapped.root_id}, which MAINSTAY_ROOT_KEYS does not hold")
        return unseal(cipher, wrapped.blob, place.encode())

    def derived(self, purpose: str) -> list[bytes]:
        """A key for that purpose from each root key, newest first. Nothing leads back from one to its root, and what it
        has signed is void once the root is dropped: for what lives hours, and is made without asking the database."""
        return [_derived(key, purpose) for key in self._keys.values()]


def _derived(key: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"mainstay/{purpose}".encode()).derive(key)


def new_root() -> str:
    """A fresh root key as the setting wants it."""
    return f"r{os.urandom(6).hex()}:{base64.b64encode(new_key()).decode()}"


def _decoded(identifier: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError(f"root key {identifier} is no base64") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"root key {identifier} must have {KEY_BYTES} bytes, not {len(key)}")
    if len(set(key)) < DISTINCT_MINIMUM:
        raise ValueError(f"root key {identifier} is not random: make one with `mainstay keys new`")
    return key
