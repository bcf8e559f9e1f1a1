"""Readers of event streams: each resumes where it was cut off and writes down every event that it was given."""

import asyncio
import json
from dataclasses import dataclass, field

import httpx

from tests.chaos.client import RETRY_SECONDS
from tests.chaos.system import System

IDLE_SECONDS = 40.0
"""A stream that says nothing for so long, not even a sign of life, is opened anew."""


@dataclass(slots=True)
class Reader:
    """One subscriber of one conversation. `seen` are the numbers of its events, in the order in which they came."""

    conversation: str
    seen: list[int] = field(default_factory=list)
    resumed: int = 0
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self, system: System) -> None:
        """Read until cancelled."""
        headers = {"Authorization": f"Bearer {system.key}"}
        timeout = httpx.Timeout(10, read=IDLE_SECONDS)
        async with httpx.AsyncClient(
            base_url=system.run.api_url, headers=headers, timeout=timeout, trust_env=False
        ) as http:
            while True:
                last = str(self.seen[-1]) if self.seen else "0"
                path = f"/v1/conversations/{self.conversation}/events"
                try:
                    async with http.stream("GET", path, headers={"Last-Event-ID": last}) as response:
                        await self._read(response)
                except httpx.TransportError:
                    pass  # cut off: resume
                self.resumed += 1
                await asyncio.sleep(RETRY_SECONDS)

    async def _read(self, response: httpx.Response) -> None:
        """An event counts when it is complete; a torn one will come again. One without a number is of its moment alone."""
        if not response.is_success:
            return
        number: int | None = None
        data = ""
        async for line in response.aiter_lines():
            name, _, value = line.partition(":")
            match name:
                case "id":
                    number = int(value)
                case "data":
                    data += value
                case "" if not line and data:
                    json.loads(data)
                    if number is not None:
                        async with self._news:
                            self.seen.append(number)
                            self._news.notify_all()
                    number, data = None, ""
                case _:
                    pass

    async def reaches(self, number: int) -> None:
        """Wait until the event `number` has been seen."""
        async with self._news:
            await self._news.wait_for(lambda: bool(self.seen) and self.seen[-1] >= number)
