"""Keys of payloads, in memory: for what needs no database."""

from uuid import UUID, uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from runtime.crypto.aead import SealedError, new_key
from runtime.crypto.codec import KeyName, PayloadKey


class Keys:
    """A key for each tenant, as it comes to be asked for; the newest encrypts."""

    def __init__(self) -> None:
        self.newest: dict[UUID | None, PayloadKey] = {}
        self.all: dict[bytes, PayloadKey] = {}

    def rotate(self, tenant: UUID | None) -> None:
        key = PayloadKey.of(KeyName(tenant, uuid4()), AESGCM(new_key()))
        self.newest[tenant] = self.all[key.label] = key

    def known_current(self, tenant: UUID | None) -> PayloadKey | None:
        return self.newest.get(tenant)

    async def current(self, tenant: UUID | None) -> PayloadKey:
        self.rotate(tenant)
        return self.newest[tenant]

    def known(self, label: bytes) -> PayloadKey | None:
        return self.all.get(label)

    async def find(self, label: bytes) -> PayloadKey:
        raise SealedError(f"no key {KeyName.parse(label)}")
