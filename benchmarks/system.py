"""The system under test: the whole of it, as `mainstay up` runs it, over a folder of its own."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx

from cli import sample
from runtime.home import Home
from runtime.runfile import RunFile, find

START_SECONDS = 120
WITHOUT_LIMITS = {"RATE_LIMIT_MODEL": "1000000/minute", "RATE_LIMIT_READ": "1000000/minute"}
"""Settings for clients that ask more than a person could."""


@dataclass(frozen=True, slots=True)
class System:
    """A running system with one tenant that knows the sample pages."""

    run: RunFile
    tenant: UUID
    api: httpx.AsyncClient

    def resident_bytes(self, process: str) -> int:
        """Memory of one of its processes, as the kernel counts it."""
        status = Path(f"/proc/{self.run.processes[process]}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def processor_seconds(self, process: str) -> float:
        """Time that one of its processes has had of a core so far, with that of its threads."""
        # Behind the name in brackets, which may hold anything.
        fields = Path(f"/proc/{self.run.processes[process]}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def running(**settings: str) -> AsyncIterator[System]:
    """Start everything with its defaults, apart from `settings`, and end it afterwards."""
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-") as folder:
        data_dir = Path(folder) / "data"
        environment = (
            os.environ
            | {"MAINSTAY_LOG_LEVEL": "warning"}
            | {f"MAINSTAY_{name}": value for name, value in settings.items()}
        )
        # Installed modules are compiled. With this, each new conversation would compile its own anew, in its sandbox.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        up = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "up", "--data-dir", str(data_dir), "--port", "0"),
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            run = await _ready(data_dir, up)
            tenant, key = await _tenant(data_dir)
            limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx.AsyncClient(base_url=run.api_url, headers=headers, timeout=60, limits=limits) as api:
                # One customer asks there more in a minute than a person could.
                unlimited = await api.put("/v1/policy", json={"flood": None}, headers={"If-Match": "*"})
                unlimited.raise_for_status()
                await _teach(api)
                yield System(run, tenant, api)
        finally:
            if up.returncode is None:
                up.send_signal(signal.SIGTERM)
            await up.wait()


async def _ready(data_dir: Path, up: asyncio.subprocess.Process) -> RunFile:
    async with asyncio.timeout(START_SECONDS):
        async with httpx.AsyncClient() as probe:
            while up.returncode is None:
                run = find(Home.at(data_dir))
                if run is not None:
                    try:
                        if (await probe.get(f"{run.api_url}/health/ready")).status_code == httpx.codes.OK:
                            return run
                    except httpx.HTTPError:
                        pass
                await asyncio.sleep(0.1)
    raise RuntimeError("the system did not start")


async def _tenant(data_dir: Path) -> tuple[UUID, str]:
    create = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "tenant", "create", "bench", "--json", "--data-dir", str(data_dir)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await create.communicate()
    created = json.loads(out)
    return UUID(created["id"]), created["api_key"]


async def _teach(api: httpx.AsyncClient) -> None:
    accepted = (
        await api.post("/v1/kb/sources", json={"name": "samples", "documents": sample.pages()})
    ).raise_for_status()
    job = accepted.json()["job_id"]
    async with asyncio.timeout(START_SECONDS):
        while True:
            if (await api.get(f"/v1/kb/jobs/{job}")).json()["status"] == "done":
                return
            await asyncio.sleep(0.2)
