"""Whole turns: a question is posted, the answer comes as an event. Nothing is left out or short-circuited."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import httpx

# Questions about the sample pages, each asked in ever new words: a cache of embeddings must not help.
QUESTIONS = (
    "How much is delivery to Astana, order {n}?",
    "How many days do I have to return order {n}?",
    "Can I pay for order {n} by card?",
    "How long is the warranty on item {n}?",
)


class Turns:
    """Conversations of one tenant, and who waits for which answer."""

    def __init__(self, api: httpx.AsyncClient) -> None:
        self._api = api
        self._numbers = count()
        self._waiting: dict[str, asyncio.Future[float]] = {}
        self._conversations: list[str] = []
        self.accepted: list[float] = []
        self.kinds: dict[str, int] = {}

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Turns"]:
        """Follow the tenant's events as an integration would: one stream."""
        task = asyncio.create_task(self._listen())
        try:
            yield self
        finally:
            task.cancel()

    async def open(self, conversations: int) -> None:
        """So many more conversations, without a message yet."""
        while len(self._conversations) < conversations:
            created = (await self._api.post("/v1/conversations", json={})).raise_for_status()
            self._conversations.append(created.json()["id"])

    @property
    def conversations(self) -> list[str]:
        return self._conversations

    async def turn(self, client: int) -> float:
        """Seconds from sending a question in conversation `client` to having its answer."""
        number = next(self._numbers)
        conversation = self._conversations[client]
        answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting[conversation] = answered
        body = {"text": QUESTIONS[number % len(QUESTIONS)].format(n=number)}
        begun = time.perf_counter()
        (await self._api.post(f"/v1/conversations/{conversation}/messages", json=body)).raise_for_status()
        self.accepted.append(time.perf_counter() - begun)
        return await asyncio.wait_for(answered, 60) - begun

    async def _listen(self) -> None:
        async with self._api.stream("GET", "/v1/events", timeout=None) as stream:  # it never ends
            event = ""
            async for line in stream.aiter_lines():
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                elif line.startswith("data: ") and event == "message":
                    self._hear(json.loads(line.removeprefix("data: ")))

    def _hear(self, message: dict[str, str]) -> None:
        if message["author"] != "customer":
            self.kinds[message["kind"]] = self.kinds.get(message["kind"], 0) + 1
            if waiting := self._waiting.pop(message["conversation_id"], None):
                waiting.set_result(time.perf_counter())
