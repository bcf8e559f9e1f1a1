"""Keys that sign access tokens, as a process remembers them."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from models.contracts.enums import KeyPurpose
from models.repositories import installation_keys
from models.repositories.installation_keys import InstallationKey
from runtime.crypto.roots import RootKeys
from runtime.database import SystemTx

VALIDATES_FOR = timedelta(minutes=65)
"""So long a key that signs no more still validates: the longest life of an access token (see runtime.settings), and a
while for processes that had not heard yet."""

PUBLISHED_BEFORE = timedelta(seconds=30)
"""A new key is known to every process for this long before the first token is signed with it."""

REFRESH_SECONDS = 5.0
ASK_SECONDS = 1.0
"""Made-up key ids make a process ask the database once in so long, however many they are."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`kid` as it stands in a token's header; `secret` for HMAC-SHA-256."""

    kid: str
    secret: bytes


class Transactions(Protocol):
    """Where transactions come from: runtime.database.Database, or what translates its errors."""

    def system(self) -> AbstractAsyncContextManager[SystemTx]: ...


class SigningKeys:
    """The whole set of keys, which is small, read anew every few seconds while it is used."""

    def __init__(self, transactions: Transactions, roots: RootKeys) -> None:
        self._transactions = transactions
        self._roots = roots
        self._keys: list[InstallationKey] = []
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def current(self) -> SigningKey:
        """The key that signs now. Raises what the database raises while no key has ever been read."""
        await self._fresh(REFRESH_SECONDS)
        now = datetime.now(UTC)
        # All may be too young when the operator has removed those that signed.
        key = next((key for key in self._keys if key.active_at <= now), self._keys[-1])
        return _as_signing(key)

    async def get(self, kid: str) -> SigningKey | None:
        """The key of that id; None when there is none, or it has been retired for longer than a token lives."""
        await self._fresh(REFRESH_SECONDS)
        if self._find(kid) is None:
            await self._fresh(ASK_SECONDS)
        found = self._find(kid)
        return None if found is None else _as_signing(found)

    def _find(self, kid: str) -> InstallationKey | None:
        earliest = datetime.now(UTC) - VALIDATES_FOR
        for key in self._keys:
            if key.id.hex == kid and (key.retired_at is None or key.retired_at > earliest):
                return key
        return None

    async def _fresh(self, seconds: float) -> None:
        """Have the keys as they were at most so long ago; older ones serve while the database does not answer."""
        if time.monotonic() - self._read_at < seconds:
            return
        async with self._reading:
            if time.monotonic() - self._read_at < seconds:
                return
            try:
                async with self._transactions.system() as tx:
                    self._keys = await installation_keys.read(tx, self._roots, KeyPurpose.SIGNING)
            except Exception:
                if not self._keys:
                    raise
            self._read_at = time.monotonic()


def _as_signing(key: InstallationKey) -> SigningKey:
    return SigningKey(key.id.hex, key.secret)
