"""The whole system as `mainstay up` runs it: gateway and workers as processes of their own, over a folder."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cli.system import System
from runtime.runfile import RunFile
from runtime.settings import Settings


@asynccontextmanager
async def up(folder: Path, **chosen: str) -> AsyncIterator[RunFile]:
    """Running, with nothing set but what is `chosen` (names of settings in upper case)."""
    chosen = {"DATA_DIR": str(folder), "PORT": "0", "DRAIN_SECONDS": "2", **chosen}
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("MAINSTAY_")]:
            environment.delenv(name)
        for name, value in chosen.items():
            environment.setenv(f"MAINSTAY_{name}", value)
        async with System(Settings(_env_file=None), print).running() as found:
            yield found
