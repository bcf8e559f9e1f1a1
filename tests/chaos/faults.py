"""The faults: a seeded list of kills, each at a named step of a turn or at any time, and how long recovery takes."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from temporalio.client import Client

from tests.chaos import gates
from tests.chaos.client import Api, Sent
from tests.chaos.model import Model
from tests.chaos.system import System, is_alive, kill

ANYWHERE = "any time"

VICTIMS = {
    "message.writing": ("api", "postgres"),
    "message.written": ("api", "temporal"),
    "prepare.policy": ("worker", "temporal", "api"),
    "prepare.search": ("worker", "postgres"),
    gates.MODEL: ("worker", "temporal"),
    "draft.writing": ("worker",),
    "draft.written": ("worker", "temporal"),
    "record.writing": ("worker", "postgres", "temporal"),
    "record.written": ("worker", "temporal", "postgres"),
    "escalation.writing": ("worker", "postgres"),
    "escalation.written": ("worker", "temporal"),
    "ladder.writing": ("worker",),
    "ladder.written": ("worker", "temporal"),
    "command.stored": ("api", "temporal"),
    "command.written": ("worker",),
    ANYWHERE: ("worker", "api", "temporal", "postgres"),
}
"""Who is killed where. Whoever stands at the gate himself, or somebody whom he needs."""

OVERLAPPING = 0.2
LOOK_SECONDS = 0.05
GATE_SECONDS = 15.0
RECOVERY_SECONDS = 60.0
PAUSE_SECONDS = 1.0
PROBE = "probe"
PROBE_QUESTION = "How much is delivery to Astana?"
PROBE_PAUSE_SECONDS = 0.1
PROBE_WAIT_SECONDS = 20.0


@dataclass(slots=True)
class Fault:
    """One kill. `recovery` is the time in seconds until a message sent after it was answered."""

    number: int
    step: str
    victim: str
    overlaps: bool = False
    """It strikes while what the fault before broke is still being restarted."""
    reached: bool = False
    at: float = 0.0
    recovery: float | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def schedule(seed: int, kills: int) -> list[Fault]:
    """Every pair of step and victim comes before any comes twice; their order is drawn."""
    dice = random.Random(f"{seed}/faults")
    pairs = [(step, victim) for step, victims in VICTIMS.items() for victim in victims]
    drawn: list[tuple[str, str]] = []
    while len(drawn) < kills:
        drawn += dice.sample(pairs, len(pairs))
    return [
        Fault(number, step, victim, overlaps=dice.random() < OVERLAPPING)
        for number, (step, victim) in enumerate(drawn[:kills])
    ]


class Probe:
    """A customer who asks the same covered question without end; what tells how long the others would have waited."""

    def __init__(self, system: System, answers: dict[str, int]) -> None:
        self._system = system
        self._answers = answers
        self._answered = asyncio.Condition()
        self._last_sent_at = 0.0
        self.sent: list[Sent] = []

    async def run(self, stop: asyncio.Event) -> None:
        async with Api(self._system.run.api_url, self._system.key, self._answers) as api:
            conversation = await api.open(PROBE)
            while not stop.is_set():
                sent = Sent(conversation, f"{PROBE}-{len(self.sent)}", "covered", time.monotonic())
                self.sent.append(sent)
                # Repeated with the same id until the answer is there: a wait that ends early is no answer.
                while not sent.reply_ids and not stop.is_set() and sent.refused is None:
                    await api.say(sent, PROBE_QUESTION, wait=PROBE_WAIT_SECONDS)
                async with self._answered:
                    self._last_sent_at = sent.begun
                    self._answered.notify_all()
                await asyncio.sleep(PROBE_PAUSE_SECONDS)

    async def answered_after(self, moment: float) -> None:
        """Wait until a message is answered that was sent after `moment`."""
        async with self._answered:
            await self._answered.wait_for(lambda: self._last_sent_at > moment)


@dataclass(slots=True)
class Injector:
    """Carries the schedule out, one fault after another, each when the one before has been recovered from."""

    system: System
    model: Model
    probe: Probe
    client: Client
    seed: int
    done: list[Fault] = field(default_factory=list)

    async def run(self, faults: list[Fault], progress: Callable[[Fault], None]) -> None:
        """Raises TimeoutError when a fault is not recovered from: the system has stopped answering."""
        dice = random.Random(f"{self.seed}/injector")
        for fault in faults:
            if not fault.overlaps:
                async with asyncio.timeout(RECOVERY_SECONDS):
                    await self._whole()
            await asyncio.sleep(dice.uniform(0, 2 * PAUSE_SECONDS))
            await self._inject(fault, dice)
            self.done.append(fault)
            async with asyncio.timeout(RECOVERY_SECONDS):
                await self.probe.answered_after(fault.at)
            fault.recovery = time.monotonic() - fault.at
            progress(fault)

    async def _inject(self, fault: Fault, dice: random.Random) -> None:
        if fault.step == ANYWHERE:
            await self._kill(fault, dice.choice(await self._living(fault.victim)))
            return
        async with gates.held(self.system, self.model, fault.step, GATE_SECONDS) as standing:
            fault.reached = standing is not None
            running = await self._living(fault.victim)
            await self._kill(fault, standing if standing in running and standing is not None else dice.choice(running))

    async def _whole(self) -> None:
        """Wait until every worker polls again (the other processes serve the probe already)."""
        while True:
            if set(self.system.pids("worker")) <= await self.system.polling(self.client):
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _living(self, role: str) -> list[int]:
        """Processes of a role; between a death and a restart there may be none for a moment."""
        while True:
            if living := [pid for pid in self.system.pids(role) if is_alive(pid)]:
                return living
            await asyncio.sleep(LOOK_SECONDS)

    async def _kill(self, fault: Fault, pid: int) -> None:
        fault.at = time.monotonic()
        await kill(pid)
