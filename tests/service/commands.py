"""What an installation runs, each as a process of its own: workers that can be killed, and replicas of the gateway."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from runtime.embedded import Servers
from runtime.embedded.ports import pick
from tests.service.api.house import ROOT_KEYS, TEST_HOME

ROOT = Path(__file__).parents[2]
READY_SECONDS = 100


def environment(servers: Servers, **chosen: object) -> dict[str, str]:
    """For a command on these servers, with what is `chosen` (names of settings in lower case)."""
    settings = {
        "database_url": servers.database_url,
        "admin_database_url": servers.admin_database_url,
        "temporal_address": servers.temporal_address,
        "root_keys": ROOT_KEYS,
        "data_dir": TEST_HOME,
        # All tests come from one address.
        "rate_limit_sign_in": "1000000/minute",
        "rate_limit_strangers": "1000000/minute",
        **chosen,
    }
    variables = {f"MAINSTAY_{name.upper()}": str(value) for name, value in settings.items()}
    return {**os.environ, "PYTHONPATH": str(ROOT), **variables}


async def started(command: str, variables: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", command), cwd=ROOT, env=variables, stdout=asyncio.subprocess.DEVNULL
    )


@asynccontextmanager
async def gateway(servers: Servers, **chosen: object) -> AsyncIterator[str]:
    """`mainstay api`, ready; its URL."""
    port = pick(set())
    url = f"http://127.0.0.1:{port}"
    process = await started("api", environment(servers, port=port, drain_seconds=1, **chosen))
    try:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http, asyncio.timeout(READY_SECONDS):
            while not await is_ready(http):
                assert process.returncode is None, "the gateway did not start"
                await asyncio.sleep(0.05)
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def is_ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/health/ready")).is_success
    except httpx.TransportError:
        return False


class WorkerProcess:
    """`mainstay worker`, looking for unaccepted messages every second."""

    def __init__(self, servers: Servers, **chosen: object) -> None:
        self.environment = environment(servers, reconcile_seconds=1, **chosen)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Begin to start it, unless it runs: what waits for it is done when it is ready."""
        if self._process is None or self._process.returncode is not None:
            self._process = await started("worker", self.environment)

    async def kill(self) -> None:
        """kill -9."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()
