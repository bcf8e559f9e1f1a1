"""Keys of Temporal's payloads, as a process remembers them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.client import Client

from models.contracts.enums import KeyPurpose
from models.contracts.routing import tenant_of
from models.repositories import data_keys, installation_keys
from runtime import temporal
from runtime.crypto.aead import SealedError
from runtime.crypto.codec import EncryptionCodec, KeyName, PayloadKey
from runtime.crypto.roots import RootKeys
from runtime.database import Database
from runtime.outages import is_outage
from runtime.secrets import root_keys
from runtime.settings import Settings

CURRENT_SECONDS = 5.0
"""How long a key that was current is taken for current. One that is not any more still opens."""

KEPT_SECONDS = 600.0
"""How long a key is remembered. So long a process may still read what a deleted tenant's keys had encrypted."""

KEPT_AT_MOST = 10_000

CONNECTIONS = 2
"""Of its own: whoever starts a workflow may hold a connection of the other pool, and would wait for itself."""

Found = TypeVar("Found")


class KeysUnavailableError(RuntimeError):
    """The database does not answer, and the key is not remembered."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    key: PayloadKey
    at: float


class PayloadKeys:
    """The source of keys of `EncryptionCodec`. Keys that the database does not confirm in time serve while it is away."""

    def __init__(self, database: Database, roots: RootKeys) -> None:
        self._database = database
        self._roots = roots
        self._current: dict[UUID | None, _Remembered] = {}
        self._by_label: dict[bytes, _Remembered] = {}
        self._under_way: dict[object, asyncio.Task[PayloadKey]] = {}

    def known_current(self, tenant: UUID | None) -> PayloadKey | None:
        found = self._current.get(tenant)
        return found.key if found is not None and time.monotonic() - found.at < CURRENT_SECONDS else None

    def known(self, label: bytes) -> PayloadKey | None:
        found = self._by_label.get(label)
        return found.key if found is not None and time.monotonic() - found.at < KEPT_SECONDS else None

    async def current(self, tenant: UUID | None) -> PayloadKey:
        """Raises KeysUnavailableError, SealedError (wrapped by an unknown root key), IntegrityError (no such tenant)."""
        try:
            found = await self._once(tenant, lambda: self._read_current(tenant))
        except KeysUnavailableError:
            remembered = self._current.get(tenant)
            if remembered is None or time.monotonic() - remembered.at > KEPT_SECONDS:
                raise
            return remembered.key
        _remember(self._current, tenant, found)
        _remember(self._by_label, found.label, found)
        return found

    async def find(self, label: bytes) -> PayloadKey:
        """Raises SealedError when there is no such key (any more), KeysUnavailableError."""
        name = KeyName.parse(label)
        found = await self._once(label, lambda: self._read(name))
        _remember(self._by_label, label, found)
        return found

    async def _once(self, what: object, read: Callable[[], Awaitable[PayloadKey]]) -> PayloadKey:
        """One question to the database, however many wait for its answer."""
        task = self._under_way.get(what)
        if task is None:
            task = self._under_way[what] = asyncio.ensure_future(self._reading(read))
            task.add_done_callback(lambda _: self._under_way.pop(what, None))
        return await asyncio.shield(task)

    async def _reading(self, read: Callable[[], Awaitable[PayloadKey]]) -> PayloadKey:
        try:
            return await read()
        except Exception as error:
            if is_outage(error):
                raise KeysUnavailableError(f"the database cannot be asked for a key: {type(error).__name__}") from error
            raise

    async def _read_current(self, tenant: UUID | None) -> PayloadKey:
        if tenant is None:
            async with self._database.system() as system:
                newest = (await installation_keys.read(system, self._roots, KeyPurpose.PAYLOADS))[0]
            return PayloadKey.of(KeyName(None, newest.id), AESGCM(newest.secret))
        async with self._database.tenant(tenant) as tx:
            key = await data_keys.current(tx, self._roots)
        return PayloadKey.of(KeyName(tenant, key.id), key.cipher)

    async def _read(self, name: KeyName) -> PayloadKey:
        if name.tenant is None:
            async with self._database.system() as system:
                for each in await installation_keys.read(system, self._roots, KeyPurpose.PAYLOADS):
                    if each.id == name.id:
                        return PayloadKey.of(name, AESGCM(each.secret))
        else:
            async with self._database.tenant(name.tenant) as tx:
                key = await data_keys.get(tx, self._roots, name.id)
            if key is not None:
                return PayloadKey.of(name, key.cipher)
        raise SealedError(f"there is no key {name} (any more)")


def _remember(memory: dict[Found, _Remembered], name: Found, key: PayloadKey) -> None:
    memory.pop(name, None)
    if len(memory) >= KEPT_AT_MOST:
        del memory[next(iter(memory))]
    memory[name] = _Remembered(key, time.monotonic())


@asynccontextmanager
async def encrypting(settings: Settings) -> AsyncIterator[EncryptionCodec]:
    """The codec of this installation. Raises OperatorError when a root key or the database is not configured."""
    assert settings.database_url is not None, "whoever opens it has looked"
    database = Database(settings.database_url.get_secret_value(), pool_size=CONNECTIONS)
    try:
        yield EncryptionCodec(PayloadKeys(database, root_keys(settings)), tenant_of, encrypts=settings.encrypt_payloads)
    finally:
        await database.close()


@asynccontextmanager
async def connected(settings: Settings, *, lazy: bool = False, serve_metrics: bool = False) -> AsyncIterator[Client]:
    """A client of Temporal that encrypts; see runtime.temporal.connect. Ends with the block."""
    async with encrypting(settings) as codec:
        yield await temporal.connect(settings, lazy=lazy, serve_metrics=serve_metrics, codec=codec)
