"""The load: customers who follow their scripts, and managers who take, answer and end escalations."""

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.client import Api, Sent
from tests.chaos.script import Line, bursts
from tests.chaos.system import System

REPLY_WAIT_SECONDS = 8.0
MANAGER_PAUSE_SECONDS = 0.7
LAST_WORDS = "How much is delivery to Astana?"


@dataclass(slots=True)
class Load:
    """Everything that clients did and saw. `answers` counts what the servers could not decide."""

    system: System
    seed: int
    conversations: int
    rate: float
    """Bursts a second, by all customers together."""
    ids: list[str] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    replied: list[Sent] = field(default_factory=list)
    """Managers' replies; `client_message_id` is the text, which is unique."""
    answers: dict[str, int] = field(default_factory=dict)

    async def open(self) -> None:
        """Open every conversation."""
        async with self._api() as api:
            for customer in range(self.conversations):
                self.ids.append(await api.open(f"customer-{customer}"))

    async def run(self, stop: asyncio.Event) -> None:
        """Talk until told to stop; then everybody finishes what he has begun."""
        async with self._api() as api, asyncio.TaskGroup() as people:
            for customer, conversation in enumerate(self.ids):
                people.create_task(self._customer(api, customer, conversation, stop))
            for name in self.system.managers:
                people.create_task(self._manager(name, stop))

    async def last_words(self) -> None:
        """Every customer asks once more, when all faults are over: who gets no answer is stuck."""
        async with self._api() as api:
            for customer, conversation in enumerate(self.ids):
                await api.say(self._noted(conversation, f"{customer}-last", "last"), LAST_WORDS)

    def _api(self) -> Api:
        return Api(self.system.run.api_url, self.system.key, self.answers)

    def _noted(self, conversation: str, name: str, kind: str) -> Sent:
        sent = Sent(conversation, name, kind, time.monotonic())
        self.sent.append(sent)
        return sent

    async def _customer(self, api: Api, customer: int, conversation: str, stop: asyncio.Event) -> None:
        number = 0
        mean = self.conversations / self.rate
        for share, lines in bursts(self.seed, customer):
            with suppress(TimeoutError):
                async with asyncio.timeout(share * mean):
                    await stop.wait()
                    return
            for line in lines:
                # One after another: the order in which a customer writes is the order that must be kept.
                await self._say(api, self._noted(conversation, f"{customer}-{number}", line.kind), line)
                number += 1

    async def _say(self, api: Api, sent: Sent, line: Line) -> None:
        wait = REPLY_WAIT_SECONDS if line.awaited else 0
        async with asyncio.TaskGroup() as copies:
            for _ in range(line.copies):
                copies.create_task(api.say(sent, line.text, wait=wait))

    async def _manager(self, name: str, stop: asyncio.Event) -> None:
        dice = random.Random(f"{self.seed}/manager/{name}")
        commands = 0
        async with Api(self.system.run.api_url, self.system.managers[name], self.answers) as api:
            while not stop.is_set():
                listed = await api.decided("GET", "/v1/escalations", params={"status": "pending"})
                waiting = listed.raise_for_status().json()["items"]
                if waiting:
                    commands += 1
                    await self._handle(api, dice.choice(waiting)["id"], f"{name}-{commands}", dice)
                with suppress(TimeoutError):
                    async with asyncio.timeout(dice.uniform(0, 2 * MANAGER_PAUSE_SECONDS)):
                        await stop.wait()

    async def _handle(self, api: Api, escalation: str, name: str, dice: random.Random) -> None:
        """Take an escalation (or answer it, which takes it), reply, and mostly end it. Who comes too late lets go."""

        async def command(verb: str, body: dict[str, Any]) -> bool:
            response = await api.decided(
                "POST",
                f"/v1/escalations/{escalation}/{verb}",
                json=body,
                headers={"Idempotency-Key": f"{name}-{verb}"},
            )
            return response.is_success

        if dice.random() < 0.6 and not await command("take", {}):
            return
        text = f"A manager's answer {name}"
        sent = Sent(escalation, text, "reply", time.monotonic())
        self.replied.append(sent)
        if not await command("reply", {"text": text}):
            return
        sent.acknowledged = time.monotonic()
        await command(dice.choices(("resolve", "return", "skip"), (6, 2, 1))[0], {})
