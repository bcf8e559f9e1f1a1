"""What every fake of a provider shares: a real server on this machine that logs its calls and commits faults."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.fakes.faults import PATIENCE, Call, Fault, Faults, Watch
from tests.fakes.listening import Dropped, listening
from tests.fakes.outbox import Outbox


class Provider(ABC):
    """A provider's server. `async with` starts and stops it; then it answers at `url`.

    `calls` has every request in the order in which they came, whatever became of it; `wrong` why requests were refused
    that the provider's schema does not allow: a test of the product's requests asserts that it is empty.
    """

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[Call] = []
        self.wrong: list[str] = []
        self.faults = Faults()
        self.watch = Watch()
        self.outboxes: list[Outbox] = []
        self._failures: list[Exception] = []
        self._open = AsyncExitStack()

    @abstractmethod
    async def understand(self, request: Request) -> Call:
        """What is asked for: method, account, chat and fields. Judges nothing."""

    @abstractmethod
    async def act(self, call: Call, request: Request) -> Response:
        """Do it, or refuse to."""

    @abstractmethod
    def misbehave(self, fault: Fault) -> Response:
        """How the provider words a fault in which nothing is done."""

    async def called(
        self, method: str, *, count: int = 1, chat: object = None, account: str | None = None, within: float = PATIENCE
    ) -> list[Call]:
        """Wait until so many calls of a method have been answered or dropped, and return all that came."""

        def seen() -> list[Call]:
            calls = [
                call
                for call in self.calls
                if call.method == method
                and (chat is None or call.chat == str(chat))
                and (account is None or call.account == account)
                and (call.status is not None or call.fault is not None)
            ]
            return calls if len(calls) >= count else []

        return await self.watch.until(seen, within, f"{count} calls of {method}")

    async def _answer(self, request: Request) -> Response:
        call = await self.understand(request)
        self.calls.append(call)
        self.watch.changed()
        fault = self.faults.take(call)
        answer = await self._struck(call, request, fault) if fault else await self.act(call, request)
        if not isinstance(answer, Dropped):
            call.status = answer.status_code
        self.watch.changed()
        return answer

    async def _struck(self, call: Call, request: Request, fault: Fault) -> Response:
        if fault.kind == "drop_before":
            return Dropped()
        if fault.kind == "html":
            return Response("<html><body>Bad gateway</body></html>", fault.status, media_type="text/html")
        if fault.kind not in ("slow", "drop_after"):
            return self.misbehave(fault)
        answer = await self.act(call, request)
        if fault.kind == "drop_after":
            return Dropped()
        self.watch.changed()
        await asyncio.sleep(fault.seconds)
        if fault.until is not None:
            await fault.until.wait()
        return answer

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except ClientDisconnect:
            return
        except Exception as error:
            self._failures.append(error)
            raise
        await answer(scope, receive, send)

    async def __aenter__(self) -> Self:
        self.url = await self._open.enter_async_context(listening(self._serve))
        # What it posts to has certificates of a test, if any.
        client = httpx.AsyncClient(timeout=10, trust_env=False, verify=False)
        self.client = await self._open.enter_async_context(client)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(outbox.stop() for outbox in self.outboxes))
        await self._open.aclose()
        # A mistake of the fake itself must not pass for one of the provider.
        if self._failures:
            raise self._failures[0]
