"""The yardstick: a workflow of the same shape that does nothing. A signal (with start) wakes one loop, which runs
three activities without a body, on the same server, with the same worker settings.

Run as a program it is that workflow's worker; a datagram tells the driver that a round has ended.
"""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import GrpcCompression
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from temporalio.contrib.pydantic import pydantic_data_converter

QUEUE = "bare"


@activity.defn
async def first(_: str) -> str:
    return ""


@activity.defn
async def second(_: str) -> str:
    return ""


class Last:
    """The third activity does nothing either, but for saying that the round is over."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))

    @activity.defn
    async def third(self, name: str) -> str:
        self._socket.send(name.encode())
        return ""


@workflow.defn
class Bare:
    @workflow.init
    def __init__(self, inbox: list[str]) -> None:
        self._inbox = inbox
        self._rounds = 0

    @workflow.signal
    def inbound(self, name: str) -> None:
        self._inbox.append(name)

    @workflow.run
    async def run(self, _: list[str]) -> None:
        limit = timedelta(seconds=10)
        while True:
            await workflow.wait_condition(lambda: bool(self._inbox))
            name = self._inbox.pop(0)
            await workflow.execute_activity(first, name, start_to_close_timeout=limit)
            await workflow.execute_activity(second, name, start_to_close_timeout=limit)
            await workflow.execute_activity("third", name, start_to_close_timeout=limit)
            self._rounds += 1
            if self._rounds >= 100 or workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(self._inbox)


class Rounds:
    """Drives bare workflows, one a client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._names = [str(uuid4()) for _ in range(64)]
        self._waiting: dict[str, asyncio.Future[float]] = {}

    async def round(self, client: int) -> float:
        """Seconds from the signal to the end of the third activity."""
        name = self._names[client]
        over: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting[name] = over
        begun = time.perf_counter()
        await self._client.start_workflow(
            Bare.run,
            [],
            id=f"bare/{name}",
            task_queue=QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal="inbound",
            start_signal_args=[name],
        )
        return await asyncio.wait_for(over, 60) - begun

    def hear(self, name: str) -> None:
        self._waiting.pop(name).set_result(time.perf_counter())


class _Ears(asyncio.DatagramProtocol):
    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds

    def datagram_received(self, data: bytes, _: object) -> None:
        self._rounds.hear(data.decode())


async def connect(address: str) -> Client:
    return await Client.connect(address, data_converter=pydantic_data_converter, grpc_compression=GrpcCompression.NONE)


@asynccontextmanager
async def driving(address: str) -> AsyncIterator[Rounds]:
    """A worker process for the bare workflow, and the means to drive it."""
    rounds = Rounds(await connect(address))
    loop = asyncio.get_running_loop()
    ears, _ = await loop.create_datagram_endpoint(lambda: _Ears(rounds), local_addr=("127.0.0.1", 0))
    port = ears.get_extra_info("sockname")[1]
    worker = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.bare", address, str(port))
    try:
        await rounds.round(0)
        yield rounds
    finally:
        worker.terminate()
        await worker.wait()
        ears.close()


async def work(address: str, port: int) -> None:
    """Poll until the process is ended."""
    worker = Worker(
        await connect(address),
        task_queue=QUEUE,
        workflows=[Bare],
        activities=[first, second, Last(port).third],
        max_cached_workflows=1000,
    )
    await worker.run()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], int(sys.argv[2])))
