"""AES-256-GCM: what is sealed opens only under the same key with the same associated data, unchanged."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12


class SealedError(Exception):
    """Something sealed does not open: another key, another place than it was sealed for, or it was changed."""


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def seal(cipher: AESGCM, plaintext: bytes, associated: bytes) -> bytes:
    """Nonce, then ciphertext with its tag. Random nonces are safe for 2^32 messages under one key."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plaintext, associated)


def unseal(cipher: AESGCM, sealed: bytes, associated: bytes) -> bytes:
    """What was sealed. Raises SealedError."""
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):
        raise SealedError("this was sealed by another key, for another place, or it was changed") from None
