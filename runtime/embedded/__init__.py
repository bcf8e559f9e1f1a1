"""The servers that Mainstay brings along: Postgres and Temporal as child processes over one data directory."""

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime.embedded.ports import claim
from runtime.embedded.postgres import Postgres
from runtime.embedded.temporal import Temporal
from runtime.home import Home
from runtime.supervisor import Service, Supervisor

PORT_NAMES = ("postgres", "temporal", "temporal_ui", "temporal_http", "temporal_metrics")


@dataclass(frozen=True, slots=True)
class Servers:
    """Where both servers are. The database URLs contain passwords."""

    database_url: str
    admin_database_url: str
    temporal_address: str
    temporal_ui_url: str
    supervisor: Supervisor


class Embedded:
    """Both servers over `home`, not yet started."""

    def __init__(self, home: Home) -> None:
        ports = claim(home.ports, PORT_NAMES)
        self.postgres = Postgres(home, ports["postgres"])
        self.temporal = Temporal(
            home,
            port=ports["temporal"],
            ui_port=ports["temporal_ui"],
            http_port=ports["temporal_http"],
            metrics_port=ports["temporal_metrics"],
        )
        self.postgres_service = Service(
            "postgres", self.postgres.start, self.postgres.stop_steps, kill_signal=signal.SIGQUIT
        )
        self.temporal_service = Service("temporal", self.temporal.start, self.temporal.stop_steps)


@asynccontextmanager
async def running(data_dir: Path, report: Callable[[str], None] = lambda _: None) -> AsyncIterator[Servers]:
    """Both servers over `data_dir`, without gateway and worker, restarted if they die, ended with the block.

    The schema is not there yet: see `runtime.migrate.upgrade`. Raises OperatorError if `data_dir` is in use or a
    server does not come up.
    """
    home = Home.create(data_dir)
    with home.locked():
        embedded = Embedded(home)
        async with Supervisor(report) as supervisor:
            await supervisor.start(embedded.postgres_service, embedded.temporal_service)
            yield Servers(
                embedded.postgres.url,
                embedded.postgres.admin_url,
                embedded.temporal.address,
                embedded.temporal.ui_url,
                supervisor,
            )
