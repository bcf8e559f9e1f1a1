"""What encrypted payloads cost: one payload by itself, and whole turns of a system that encrypts against one that does not.

Both systems run at once, and take their turns by turns, so that a noisy machine is noisy for both.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from time import perf_counter
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload

from benchmarks import system
from benchmarks.load import Cell, median, run
from benchmarks.turns import Turns
from models.contracts.routing import tenant_of
from runtime.crypto.aead import new_key
from runtime.crypto.codec import EncryptionCodec, KeyName, PayloadKey

PAYLOAD_BYTES = 2048
REPETITIONS = 20_000
CONCURRENCIES = (1, 8)


@dataclass(frozen=True, slots=True)
class Turned:
    """Turns at one concurrency, in rounds: with encryption and without."""

    clients: int
    encrypted: Sequence[Cell]
    plain: Sequence[Cell]


class OneKey:
    """A source of keys that knows its only one, as a process does that is at work."""

    def __init__(self, tenant: UUID) -> None:
        self._key = PayloadKey.of(KeyName(tenant, uuid4()), AESGCM(new_key()))

    def known_current(self, tenant: UUID | None) -> PayloadKey:  # noqa: ARG002  # the only one
        return self._key

    def known(self, label: bytes) -> PayloadKey:  # noqa: ARG002  # the only one
        return self._key

    async def current(self, tenant: UUID | None) -> PayloadKey:
        return self.known_current(tenant)

    async def find(self, label: bytes) -> PayloadKey:
        return self.known(label)


async def of_one_payload() -> float:
    """Seconds for encrypting and decrypting PAYLOAD_BYTES: the median of five series."""
    tenant = uuid4()
    codec = EncryptionCodec(OneKey(tenant), tenant_of, tenant=tenant)
    payload = Payload(metadata={"encoding": b"json/plain"}, data=b"x" * PAYLOAD_BYTES)
    taken = []
    for _ in range(5):
        begun = perf_counter()
        for _ in range(REPETITIONS // 5):
            await codec.decode(await codec.encode([payload]))
        taken.append((perf_counter() - begun) / (REPETITIONS // 5))
    return median(taken)


async def of_turns(seconds: float, rounds: int) -> list[Turned]:
    """Two systems, each with a tenant of its own. Cells last `seconds`."""
    async with AsyncExitStack() as stack:
        both: list[Turns] = []
        for encrypts in ("true", "false"):
            under_test = await stack.enter_async_context(system.running(ENCRYPT_PAYLOADS=encrypts))
            turns = await stack.enter_async_context(Turns(under_test.api).listening())
            await turns.open(max(CONCURRENCIES))
            both.append(turns)
        found = []
        for clients in CONCURRENCIES:
            cells: tuple[list[Cell], list[Cell]] = ([], [])
            for turns in both:
                await run(turns.turn, clients, 1)
            for _ in range(rounds):
                for turns, kept in zip(both, cells, strict=True):
                    kept.append(await run(turns.turn, clients, seconds))
            found.append(Turned(clients, *cells))
        return found
