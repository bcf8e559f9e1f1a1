"""Temporal's payloads, encrypted: the server, its database and its UI see ids and states, and nothing inside."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from runtime.crypto.aead import SealedError, seal, unseal

ENCODING = b"binary/encrypted"
KEY_FIELD = "encryption-key-id"
INSTALLATION = "installation"


@dataclass(frozen=True, slots=True)
class KeyName:
    """Which key encrypted a payload: of which tenant (None: the installation's own), and its id."""

    tenant: UUID | None
    id: UUID

    def __str__(self) -> str:
        return f"{self.tenant or INSTALLATION}/{self.id}"

    @classmethod
    def parse(cls, text: bytes) -> "KeyName":
        """Raises SealedError when it is none."""
        tenant, _, key = text.decode(errors="replace").partition("/")
        try:
            return cls(None if tenant == INSTALLATION else UUID(tenant), UUID(key))
        except ValueError:
            raise SealedError("the payload names no key") from None


@dataclass(frozen=True, slots=True)
class PayloadKey:
    """A key that is ready for use. Its name is bound to what it encrypts."""

    name: KeyName
    label: bytes
    cipher: AESGCM

    @classmethod
    def of(cls, name: KeyName, cipher: AESGCM) -> "PayloadKey":
        return cls(name, str(name).encode(), cipher)


class KeySource(Protocol):
    """Where keys come from. What is known already is answered without waiting."""

    def known_current(self, tenant: UUID | None) -> PayloadKey | None:
        """The key that encrypts now, if it is known."""

    async def current(self, tenant: UUID | None) -> PayloadKey:
        """The key that encrypts now."""

    def known(self, label: bytes) -> PayloadKey | None:
        """The key that a payload names, if it is known."""

    async def find(self, label: bytes) -> PayloadKey:
        """The key that a payload names. Raises SealedError when there is none (any more)."""


@dataclass(frozen=True, slots=True)
class EncryptionCodec(PayloadCodec, WithSerializationContext):
    """Encrypts with the current key of the tenant that a workflow's id names, decrypts with the key a payload names.

    Payloads that are not encrypted pass as they are: those of older histories, and signals that operators type.
    """

    keys: KeySource
    tenant_of: Callable[[str], UUID | None]
    """The tenant in a workflow's id; None for the installation's own workflows."""
    encrypts: bool = True
    tenant: UUID | None = None

    def with_context(self, context: SerializationContext) -> "EncryptionCodec":
        workflow = None
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            workflow = context.workflow_id
        tenant = self.tenant_of(workflow) if workflow else None
        return self if tenant == self.tenant else replace(self, tenant=tenant)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Raises what the source of keys raises."""
        if not self.encrypts or not payloads:
            return list(payloads)
        key = self.keys.known_current(self.tenant) or await self.keys.current(self.tenant)
        return [encrypted(payload, key) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Raises SealedError, and what the source of keys raises."""
        return [
            await self._decrypted(payload) if payload.metadata.get("encoding") == ENCODING else payload
            for payload in payloads
        ]

    async def open_for(self, tenant: UUID, payloads: Sequence[Payload]) -> list[Payload]:
        """Those that a key of `tenant` encrypted, decrypted; the others, and what does not open, as they are."""
        ours = f"{tenant}/".encode()
        found = []
        for payload in payloads:
            if payload.metadata.get("encoding") == ENCODING and payload.metadata.get(KEY_FIELD, b"").startswith(ours):
                with suppress(SealedError):
                    payload = await self._decrypted(payload)  # noqa: PLW2901  # the one that takes its place
            found.append(payload)
        return found

    async def _decrypted(self, payload: Payload) -> Payload:
        label = payload.metadata.get(KEY_FIELD, b"")
        key = self.keys.known(label) or await self.keys.find(label)
        # A payload that was copied out of another tenant's workflow is refused.
        if self.tenant is not None and key.name.tenant not in (None, self.tenant):
            raise SealedError("the payload belongs to another tenant than its workflow")
        return decrypted(payload, key)


def encrypted(payload: Payload, key: PayloadKey) -> Payload:
    data = seal(key.cipher, payload.SerializeToString(), key.label)
    return Payload(metadata={"encoding": ENCODING, KEY_FIELD: key.label}, data=data)


def decrypted(payload: Payload, key: PayloadKey) -> Payload:
    """Raises SealedError."""
    return Payload.FromString(unseal(key.cipher, payload.data, key.label))
