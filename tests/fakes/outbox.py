"""What a provider tells of by webhook: posted in order, each again and again until it is taken."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from tests.fakes.faults import PATIENCE, Json, Watch


def _no_headers(body: bytes) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Address:
    """Where notices are posted, and with which headers: a secret, or a signature of the body."""

    url: str
    headers: Callable[[bytes], Mapping[str, str]] = _no_headers


class Outbox:
    """Notices on their way to one address. `made` has all there ever were, `pending` those that were not taken yet.

    While `held`, nothing is posted by itself and the test does it (`deliver`). `last_error` is when and why an attempt
    failed; `retry_after` the seconds between two of them, fewer than any provider waits.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.made: list[Json] = []
        self.pending: dict[int, Json] = {}
        self.held = False
        self.retry_after = 0.1
        self.address: Address | None = None
        self.last_error: tuple[int, str] | None = None
        self.watch = Watch()
        self._client = client
        self._posting: asyncio.Task[None] | None = None

    def put(self, notice: Json) -> None:
        self.made.append(notice)
        self.pending[id(notice)] = notice
        self.watch.changed()

    def point(self, address: Address | None) -> None:
        """Post to this address from now on; to none: let notices wait."""
        self.address, self.last_error = address, None
        self.watch.changed()
        if address is not None and self._posting is None:
            self._posting = asyncio.create_task(self._post_all())

    async def stop(self) -> None:
        if self._posting is not None:
            self._posting.cancel()
            await asyncio.gather(self._posting, return_exceptions=True)

    async def taken(self, within: float = PATIENCE) -> None:
        """Wait until nothing is pending."""
        await self.watch.until(lambda: not self.pending, within, "all notices taken")

    async def deliver(self, notices: Sequence[Json], *, times: int = 1, at_once: int = 1) -> None:
        """Post these notices in this order, each so often, and so many at the same time, until all are taken."""
        gate = asyncio.Semaphore(at_once)

        async def deliver_one(notice: Json) -> None:
            async with gate:
                while not await self._post(notice):
                    pass

        await asyncio.gather(*(deliver_one(notice) for notice in notices for _ in range(times)))

    async def _post_all(self) -> None:
        while True:
            while self.held or self.address is None or not self.pending:
                await self.watch.next()
            await self._post(next(iter(self.pending.values())))

    async def _post(self, notice: Json) -> bool:
        """Post once and say whether it was taken; if not, wait as long as lies between two attempts."""
        assert self.address is not None, "nobody said where to post"
        body = json.dumps(notice).encode()
        headers = {"Content-Type": "application/json", **self.address.headers(body)}
        try:
            answer = await self._client.post(self.address.url, content=body, headers=headers)
        except httpx.HTTPError as error:
            why = "Read timeout expired" if isinstance(error, httpx.TimeoutException) else "Connection refused"
        else:
            if answer.is_success:
                self.pending.pop(id(notice), None)
                self.watch.changed()
                return True
            why = f"Wrong response from the webhook: {answer.status_code} {HTTPStatus(answer.status_code).phrase}"
        self.last_error = (int(time.time()), why)
        self.watch.changed()
        await asyncio.sleep(self.retry_after)
        return False
