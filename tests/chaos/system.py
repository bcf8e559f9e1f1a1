"""The system under test: all of it, as `mainstay up` runs it, over a folder of its own."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from sqlalchemy.engine import make_url
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from models.contracts.routing import CONVERSATIONS_QUEUE, MODELS_QUEUE
from runtime.database import driver_url
from runtime.embedded.process import spawn
from runtime.home import Home
from runtime.runfile import RunFile, find

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples" / "altyn_home"

WORKFLOWS, ACTIVITIES = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
POLLED = ((CONVERSATIONS_QUEUE, WORKFLOWS), (CONVERSATIONS_QUEUE, ACTIVITIES), (MODELS_QUEUE, ACTIVITIES))

START_SECONDS = 120
STOP_SECONDS = 45
MANAGERS = ("Saule", "Timur")


@dataclass(frozen=True, slots=True)
class System:
    """A running system with one tenant that knows the sample pages. `managers` are API keys by name."""

    home: Home
    tenant: UUID
    key: str
    managers: dict[str, str]

    @property
    def run(self) -> RunFile:
        """Addresses and process ids as they are now: a restarted process has a new id."""
        found = find(self.home)
        if found is None:
            raise RuntimeError("the supervisor is gone")
        return found

    def pids(self, role: str) -> list[int]:
        """Process ids by role: worker (there may be several), api, temporal or postgres."""
        return [pid for name, pid in self.run.processes.items() if name == role or name.startswith(f"{role}-")]

    async def polling(self, client: Client) -> set[int]:
        """Ids of the worker processes that have polled every queue of a turn, killed ones included.

        The server forgets its pollers when it is restarted: who is back on this list has found it again.
        """
        try:
            described = await asyncio.gather(
                *(
                    client.workflow_service.describe_task_queue(
                        DescribeTaskQueueRequest(
                            namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
                        ),
                        timeout=timedelta(seconds=2),
                    )
                    for queue, kind in POLLED
                )
            )
        except RPCError:
            return set()
        # An SDK's default identity is `process id@host`.
        found = [{int(poller.identity.partition("@")[0]) for poller in each.pollers} for each in described]
        return set.intersection(*found)

    @asynccontextmanager
    async def records(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection that sees every tenant's rows."""
        url = self.run.admin_database_url
        assert url is not None
        connection = await asyncpg.connect(driver_url(url), timeout=5)
        try:
            yield connection
        finally:
            connection.terminate()

    @property
    def ports(self) -> dict[str, int]:
        run = self.run
        return {
            "api": httpx.URL(run.api_url).port or 80,
            "postgres": make_url(run.database_url).port or 5432,
            "temporal": int(run.temporal_address.rpartition(":")[2]),
        }


@asynccontextmanager
async def running(data_dir: Path, **variables: str) -> AsyncIterator[System]:
    """Start everything, with settings from `variables` (names without prefix), and end it whatever happens."""
    home = Home.at(data_dir)
    home.root.mkdir(parents=True)
    environment = os.environ | {f"MAINSTAY_{name}": value for name, value in variables.items()}
    # Installed code is compiled. What is measured here must not depend on whether this checkout is.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(ROOT / "build" / "pycache")}
    # The kernel ends it when this process dies, and it ends its children: nothing can be left behind.
    up = await spawn(
        "mainstay",
        [sys.executable, "-P", "-m", "cli", "up", "--data-dir", str(data_dir), "--port", "0"],
        log=data_dir / "up.log",
        env=environment,
    )
    try:
        await _ready(home, lambda: up.exit_code is None)
        async with asyncio.timeout(START_SECONDS):
            owner = await _mainstay(environment, "tenant", "create", "chaos", "--data-dir", str(data_dir))
            managers = {}
            for name in MANAGERS:
                member = await _mainstay(environment, "member", "add", name, "--data-dir", str(data_dir))
                managers[name] = member["api_key"]
            system = System(home, UUID(owner["id"]), owner["api_key"], managers)
            await _teach(system)
        yield system
    finally:
        await asyncio.shield(asyncio.create_task(up.stop([(signal.SIGTERM, STOP_SECONDS), (signal.SIGTERM, 5)])))


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Keep a port from being used, so that a server which was killed stays away."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port))
        yield


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def gone(pid: int) -> None:
    """Wait until a process has ended."""
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)


async def kill(pid: int) -> None:
    """kill -9, done when the process is gone. One that has just died by itself counts as killed."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    await gone(pid)


async def _ready(home: Home, alive: Any) -> None:
    async with asyncio.timeout(START_SECONDS):
        while find(home) is None:
            if not alive():
                raise RuntimeError(f"the system did not start: {(home.root / 'up.log').read_text()[-2000:]}")
            await asyncio.sleep(0.05)


async def _mainstay(environment: dict[str, str], *arguments: str) -> dict[str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "cli", *arguments, "--json"), env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"mainstay {' '.join(arguments[:2])} failed")
    made: dict[str, str] = json.loads(out)
    return made


async def _teach(system: System) -> None:
    documents = [
        {"name": f"{page.parent.name}/{page.name}", "text": page.read_text("utf-8")}
        for page in sorted(SAMPLES.glob("*/*.md"))
    ]
    headers = {"Authorization": f"Bearer {system.key}"}
    async with httpx.AsyncClient(base_url=system.run.api_url, headers=headers, timeout=60) as api:
        # Every message must be answered here, however fast they come.
        unlimited = await api.put("/v1/policy", json={"flood": None}, headers={"If-Match": "*"})
        unlimited.raise_for_status()
        staged = await api.post("/v1/kb/sources", json={"name": "samples", "documents": documents})
        job = staged.raise_for_status().json()["job_id"]
        while (status := (await api.get(f"/v1/kb/jobs/{job}")).json()["status"]) != "done":
            if status == "failed":
                raise RuntimeError("the sample pages could not be ingested")
            await asyncio.sleep(0.1)
