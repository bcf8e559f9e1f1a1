"""A worker as the installation runs it: a process of its own, which can be killed."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from runtime.embedded import Servers
from tests.service.api.house import ROOT_KEYS

ROOT = Path(__file__).parents[2]


class WorkerProcess:
    """`mainstay worker`, looking for unaccepted messages every second."""

    def __init__(self, servers: Servers) -> None:
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "MAINSTAY_DATABASE_URL": servers.database_url,
            "MAINSTAY_TEMPORAL_ADDRESS": servers.temporal_address,
            "MAINSTAY_ROOT_KEYS": ROOT_KEYS,
            # The examples that intents are told by are embedded once, not at every run of the tests.
            "MAINSTAY_DATA_DIR": str(ROOT / "build" / "test-home"),
            "MAINSTAY_RECONCILE_SECONDS": "1",
            "MAINSTAY_ADMIN_DATABASE_URL": servers.admin_database_url,
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Begin to start it, unless it runs: what waits for it is done when it is ready."""
        if self._process is not None and self._process.returncode is None:
            return
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "worker"), cwd=ROOT, env=self.environment, stdout=asyncio.subprocess.DEVNULL
        )

    async def kill(self) -> None:
        """kill -9."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()
