"""Small secrets of a tenant, sealed for the one place where they belong."""

from uuid import UUID

from models.repositories import data_keys
from models.repositories.data_keys import DataKey
from runtime.crypto.aead import SealedError, seal, unseal
from runtime.crypto.roots import RootKeys, Wrapped
from runtime.database import TenantTx

VERSION = b"\x01"
HEADER_BYTES = len(VERSION) + 16


class Vault:
    """Seals with the tenant's current data key. A sealed blob is: version, the key's id, nonce, ciphertext, tag.

    It keeps no keys in memory: one that is made in a transaction is none if that rolls back.
    """

    def __init__(self, roots: RootKeys) -> None:
        self._roots = roots

    async def seal(self, tx: TenantTx, plaintext: bytes, *, context: str) -> bytes:
        """`plaintext` for the place that `context` names ("totp/<member id>"): nowhere else will it open."""
        key = await data_keys.current(tx, self._roots)
        return VERSION + key.id.bytes + seal(key.cipher, plaintext, _place(tx.tenant_id, context))

    async def open(self, tx: TenantTx, sealed: bytes, *, context: str) -> bytes:
        """What was sealed. Raises SealedError: another tenant or context, changed, or its key is gone."""
        if sealed[:1] != VERSION or len(sealed) < HEADER_BYTES:
            raise SealedError("this was not sealed by the vault")
        key = await data_keys.get(tx, self._roots, UUID(bytes=sealed[1:HEADER_BYTES]))
        if key is None:
            raise SealedError("the tenant has no such data key (any more)")
        return _opened(tx.tenant_id, key, sealed, context)

    def open_with(self, tenant: UUID, key_id: UUID, wrapped: Wrapped, sealed: bytes, *, context: str) -> bytes:
        """Like `open`, with the key that `sealed` names at hand."""
        return _opened(tenant, data_keys.unwrapped(tenant, self._roots, key_id, wrapped), sealed, context)


def _opened(tenant: UUID, key: DataKey, sealed: bytes, context: str) -> bytes:
    return unseal(key.cipher, sealed[HEADER_BYTES:], _place(tenant, context))


def _place(tenant: UUID, context: str) -> bytes:
    return f"vault/{tenant}/{context}".encode()
