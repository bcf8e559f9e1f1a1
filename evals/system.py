"""The system that is measured: all of it, as `mainstay up` runs it, over a folder of its own."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from models.contracts.enums import Language
from runtime.errors import OperatorError
from runtime.home import Home
from runtime.runfile import find

START_SECONDS = 180
PACKAGES = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class System:
    """A running system in whose folder tenants can be made."""

    url: str
    data_dir: Path

    async def tenant(self, slug: str, name: str, language: Language) -> str:
        """Make a tenant. Returns its owner's key."""
        arguments = ("tenant", "create", slug, "--name", name, "--language", language.value, "--json")
        create = await _command(*arguments, "--data-dir", str(self.data_dir), stdout=asyncio.subprocess.PIPE)
        out, _ = await create.communicate()
        if create.returncode:
            raise OperatorError(f"the tenant {slug} could not be made")
        key: str = json.loads(out)["api_key"]
        return key


@asynccontextmanager
async def running(data_dir: Path, settings: Mapping[str, str]) -> AsyncIterator[System]:
    """Start everything, with `settings` over those of the environment; drained and ended with the block."""
    up = await _command(
        *("up", "--data-dir", str(data_dir), "--port", "0"), stdout=asyncio.subprocess.DEVNULL, settings=settings
    )
    try:
        yield System(await _ready(data_dir, up), data_dir)
    finally:
        with contextlib.suppress(ProcessLookupError):
            up.send_signal(signal.SIGTERM)
        await up.wait()


async def _ready(data_dir: Path, up: asyncio.subprocess.Process) -> str:
    try:
        async with asyncio.timeout(START_SECONDS):
            # The file is there once everything is.
            while up.returncode is None:
                if (run := find(Home.at(data_dir))) is not None:
                    return run.api_url
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise OperatorError(f"the system was not ready after {START_SECONDS} s") from None
    raise OperatorError("the system did not start; what it said stands above")


async def _command(
    *arguments: str, stdout: int, settings: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    variables = {
        "MAINSTAY_LOG_LEVEL": "warning",
        **{name: value for name, value in os.environ.items() if not name.startswith("MAINSTAY_TEMPORAL")},
        **{f"MAINSTAY_{name}": value for name, value in (settings or {}).items()},
        "PYTHONPATH": os.pathsep.join(filter(None, (str(PACKAGES), os.environ.get("PYTHONPATH")))),
    }
    # A database of the operator's is never measured on, nor filled with made-up customers.
    for name in ("MAINSTAY_DATABASE_URL", "MAINSTAY_ADMIN_DATABASE_URL"):
        variables.pop(name, None)
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "cli", *arguments, env=variables, stdout=stdout
    )
