"""Closed-loop load: so many clients, each with one operation under way, for so long."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

Operation = Callable[[int], Awaitable[float]]
"""One operation of client n; returns its latency in seconds."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a load came to. Latencies in seconds, in the order in which they ended."""

    latencies: Sequence[float]
    seconds: float

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        return percentile(self.latencies, share)


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank; `share` in 0..1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def run(operation: Operation, clients: int, seconds: float) -> Cell:
    """Operations begun within `seconds` count, with the time until the last of them has ended."""
    latencies: list[float] = []
    begun = time.perf_counter()

    async def client(number: int) -> None:
        while time.perf_counter() - begun < seconds:
            latencies.append(await operation(number))

    await asyncio.gather(*(client(number) for number in range(clients)))
    return Cell(latencies, time.perf_counter() - begun)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
