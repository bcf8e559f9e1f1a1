"""A supervisor in a process of its own, to be killed: both embedded servers and a child that does nothing.

`python holder.py DATA_DIR` prints one JSON line when everything is up, then waits to be ended.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from runtime.embedded import running
from runtime.embedded.process import spawn
from runtime.supervisor import Service


async def main(data_dir: Path) -> None:
    async with running(data_dir, lambda line: print(line, file=sys.stderr)) as servers:
        # It ignores every polite request, so only the kernel's or the supervisor's SIGKILL can end it.
        stubborn = "trap '' TERM INT QUIT HUP; while :; do sleep 60; done"
        await servers.supervisor.start(
            Service(
                "stub",
                lambda: spawn("stub", ["/bin/sh", "-c", stubborn], log=data_dir / "logs" / "stub.log", env=os.environ),
                ((signal.SIGTERM, 0.2),),
            )
        )
        done = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
        print(
            json.dumps(
                {
                    "database_url": servers.database_url,
                    "admin_database_url": servers.admin_database_url,
                    "temporal_address": servers.temporal_address,
                    "pids": servers.supervisor.pids,
                }
            ),
            flush=True,
        )
        await done.wait()


asyncio.run(main(Path(sys.argv[1])))
