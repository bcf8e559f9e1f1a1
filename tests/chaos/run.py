"""One chaos run over a running system: load and faults at once, then quiet, then the verdict."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from temporalio.client import Client

from models.repositories.events import CHANNEL
from tests.chaos import gates, processes, verdict
from tests.chaos.client import Sent
from tests.chaos.faults import Fault, Injector, Probe, schedule
from tests.chaos.load import Load
from tests.chaos.model import Model
from tests.chaos.readers import Reader
from tests.chaos.system import System
from tests.chaos.verdict import Records, Violation

WARM_UP_SECONDS = 90.0
DRAIN_SECONDS = 120.0
READERS_SECONDS = 30.0
LOOK_SECONDS = 1.0
WORKER_RECOVERY_SECONDS = 5.0
"""What is promised of a worker's death: the next reply comes within this time."""


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    kills: int
    conversations: int
    rate: float = 4.0
    readers: int = 20


@dataclass(slots=True)
class Result:
    """All that there is to say about a run. `drained` None: what was stored was never handled in full."""

    plan: Plan
    faults: list[Fault]
    sent: list[Sent]
    answers: dict[str, int]
    records: Records
    violations: list[Violation] = field(default_factory=list)
    drained: float | None = None

    @property
    def recoveries(self) -> list[float]:
        return sorted(fault.recovery for fault in self.faults if fault.recovery is not None)

    @property
    def worker_recoveries(self) -> list[float]:
        """After a worker alone was killed."""
        alone = (fault for fault in self.faults if fault.victim == "worker" and not fault.overlaps)
        return sorted(fault.recovery for fault in alone if fault.recovery is not None)

    @property
    def broken(self) -> list[str]:
        """The promises that did not hold, in words."""
        found = [f"{each.promise}: {each.what}" for each in self.violations]
        if len(self.recoveries) < self.plan.kills:
            found.append(f"recovery: {self.plan.kills - len(self.recoveries)} faults were not recovered from")
        return found

    @property
    def late(self) -> list[str]:
        """Promises of time that did not hold: those depend on the machine too, and on what else it does."""
        slowest = max(self.worker_recoveries, default=0.0)
        if slowest <= WORKER_RECOVERY_SECONDS:
            return []
        return [f"recovery: a reply took {slowest:.1f} s after a worker was killed"]


async def run(system: System, model: Model, plan: Plan, progress: Callable[[Fault], None] = lambda _: None) -> Result:
    """Carry out `plan`. Needs a system with its own model server and without gates, and leaves it running."""
    client = await Client.connect(system.run.temporal_address, namespace=system.run.temporal_namespace)
    await gates.install(system)
    load = Load(system, plan.seed, plan.conversations, plan.rate)
    probe = Probe(system, load.answers)
    injector = Injector(system, model, probe, client, plan.seed)
    await load.open()
    step = max(1, plan.conversations // plan.readers)
    readers = [Reader(conversation) for conversation in load.ids[::step]]
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as watching:
        reading = [watching.create_task(reader.run(system)) for reader in readers]
        async with asyncio.TaskGroup() as people:
            people.create_task(probe.run(stop))
            async with asyncio.timeout(WARM_UP_SECONDS):
                await probe.answered_after(0)
            people.create_task(load.run(stop))
            with suppress(TimeoutError):
                await injector.run(schedule(plan.seed, plan.kills), progress)
            stop.set()
        drained = await drain(system)
        await load.last_words()
        again = await drain(system)
        async with system.records() as connection:
            records = await Records.read(connection, system.tenant)
        await _caught_up(readers, records)
        for task in reading:
            task.cancel()
    sent = [*load.sent, *probe.sent]
    violations = verdict.judge(records, sent, load.replied, readers)
    violations += await processes.judge(system, client, records)
    violations += [
        Violation("answers", f"{times} times {what}") for what, times in load.answers.items() if what in UNFIT
    ]
    if drained is None or again is None:
        violations.append(Violation("wedged", f"stored messages were not handled within {DRAIN_SECONDS:.0f} s"))
    return Result(plan, injector.done, sent, load.answers, records, violations, drained)


UNFIT = {"500", "503 without Retry-After"}
"""Answers that no outage excuses."""


async def drain(system: System) -> float | None:
    """Wait until every stored message is handled; seconds that took, None if it does not happen in time."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    news = asyncio.Event()
    async with system.records() as connection:
        await connection.add_listener(CHANNEL, lambda *_: news.set())
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while await connection.fetchval("SELECT exists(SELECT FROM messages WHERE status = 'stored')"):
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await news.wait()
                    news.clear()
        except TimeoutError:
            return None
    return loop.time() - begun


async def _caught_up(readers: list[Reader], records: Records) -> None:
    """Give every reader the time to see his last event; who does not is judged by what he has."""
    last = {event["conversation"]: event["seq"] for event in records.events}
    with suppress(TimeoutError):
        async with asyncio.timeout(READERS_SECONDS):
            for reader in readers:
                await reader.reaches(last[reader.conversation])
