"""The whole system on one machine: the embedded servers that are not configured elsewhere, gateway and workers."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from pydantic import SecretStr

from models.contracts.routing import CONVERSATIONS_QUEUE
from runtime import secrets, temporal
from runtime.embedded import Embedded
from runtime.embedded.ports import LOOPBACK, is_free, pick
from runtime.embedded.process import Child, StopSteps, spawn
from runtime.errors import OperatorError
from runtime.home import Home
from runtime.migrate import upgrade
from runtime.runfile import RunFile
from runtime.settings import PREFIX, Settings
from runtime.supervisor import Service, Supervisor, together

READY_SECONDS = 120
WORKER_SECONDS = 40
PACKAGES = Path(__file__).resolve().parent.parent
# A process that drains has a moment more than it was given, to say goodbye.
FAREWELL_SECONDS = 3
WORKER_NICENESS = 6
"""To make answers takes what processors there are, and that a message is accepted must not wait for it."""


class System:
    """What `mainstay up` runs."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        """`say` gets a line for people at every step."""
        self.settings = settings
        self._say = say
        self._supervisor = Supervisor(say, self._publish)
        self._home = Home.at(settings.data_dir)
        self._started_at = datetime.now(UTC)
        self._admin_url: str | None = None
        self._is_ready = False
        self._drain: StopSteps = ((signal.SIGTERM, settings.drain_seconds + FAREWELL_SECONDS),)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RunFile]:
        """Everything, started and ready; drained and ended with the block. Raises OperatorError if it does not start."""
        Home.create(self._home.root)
        with self._home.locked():
            async with self._supervisor:
                await self._start()
                try:
                    yield self._run_file()
                finally:
                    self._is_ready = False
                    self._home.run_file.unlink(missing_ok=True)

    def hurry(self) -> None:
        """End without draining."""
        self._supervisor.hurry()

    @property
    def api_url(self) -> str:
        host = {"0.0.0.0": LOOPBACK, "::": "[::1]"}.get(self.settings.host, self.settings.host)  # noqa: S104  # compared
        return f"http://{host}:{self.settings.port}"

    async def _start(self) -> None:
        self._choose_port()
        self._choose_root_keys()
        secrets.check(self.settings)
        embedded = Embedded(self._home)
        await together(self._start_postgres(embedded), self._start_temporal(embedded))
        self._say(f"starting the API and {self.settings.worker_processes} worker process(es)")
        await together(
            self._supervisor.start(*(self._worker(number) for number in range(self.settings.worker_processes))),
            self._supervisor.start(Service("api", self._start_api, self._drain)),
        )
        await self._until_polled()
        self._is_ready = True
        self._publish()

    def _choose_port(self) -> None:
        port = self.settings.port
        if port == 0:
            self.settings = self.settings.model_copy(update={"port": pick(set())})
        elif not is_free(port, self.settings.host):
            raise OperatorError(
                f"port {port} of {self.settings.host} is taken: choose one with --port, or 0 for any free one"
            )

    def _choose_root_keys(self) -> None:
        """The embedded Postgres has its own beside it; to another one, others may have the keys."""
        if self.settings.root_keys is None and self.settings.database_url is None:
            made = SecretStr(secrets.make_root_keys(self._home))
            self.settings = self.settings.model_copy(update={"root_keys": made})

    async def _start_postgres(self, embedded: Embedded) -> None:
        if self.settings.database_url is None:
            self._say("starting Postgres")
            await self._supervisor.start(embedded.postgres_service)
            self._admin_url = embedded.postgres.admin_url
            self.settings = self.settings.model_copy(update={"database_url": SecretStr(embedded.postgres.url)})
        else:
            self._admin_url = (self.settings.admin_database_url or self.settings.database_url).get_secret_value()
        self._say("bringing the schema up to date")
        await asyncio.to_thread(upgrade, self._admin_url)

    async def _start_temporal(self, embedded: Embedded) -> None:
        if self.settings.temporal_address is not None:
            return
        self._say("starting Temporal")
        await self._supervisor.start(embedded.temporal_service)
        self.settings = self.settings.model_copy(
            update={"temporal_address": embedded.temporal.address, "temporal_ui_url": embedded.temporal.ui_url}
        )

    async def _start_api(self) -> Child:
        child = await self._spawn("api", "api", {})
        try:
            await self._until_ready(child)
        except BaseException:
            await child.stop(())
            raise
        return child

    async def _until_ready(self, child: Child) -> None:
        deadline = time.monotonic() + READY_SECONDS
        answer = "nothing"
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while True:
                if child.exit_code is not None:
                    raise child.failure("did not start")
                try:
                    response = await client.get(f"{self.api_url}/health/ready")
                    answer = f"{response.status_code} {response.text[:500]}"
                    if response.is_success:
                        return
                except httpx.TransportError:
                    pass  # not listening yet
                if time.monotonic() > deadline:
                    raise child.failure(f"is not ready after {READY_SECONDS} s (last answer: {answer})")
                await asyncio.sleep(0.05)

    async def _until_polled(self) -> None:
        """Ready means that a question would be answered now, not only stored. A worker that takes long (the first
        one embeds its examples) is no failure: what is stored until then is answered then."""
        client = await temporal.connect(self.settings)
        deadline = time.monotonic() + WORKER_SECONDS
        while not await temporal.pollers(client, CONVERSATIONS_QUEUE):
            if time.monotonic() > deadline:
                self._say("the workers are not there yet; see logs/worker.log")
                return
            await asyncio.sleep(0.1)

    def _worker(self, number: int) -> Service:
        variables = {}
        if self.settings.metrics_address is not None:
            # Every process needs an address of its own.
            host, _, port = self.settings.metrics_address.rpartition(":")
            variables[f"{PREFIX}METRICS_ADDRESS"] = f"{host}:{int(port) + number}"
        name = "worker" if number == 0 else f"worker-{number + 1}"
        return Service(
            name,
            lambda: self._spawn(name, "worker", variables, WORKER_NICENESS),
            self._drain,
        )

    async def _spawn(self, name: str, command: str, variables: dict[str, str], niceness: int = 0) -> Child:
        # The folder this runs in may hold an `api` or `models` of its own: -P keeps it off the import path.
        return await spawn(
            name,
            [sys.executable, "-P", "-m", "cli", command],
            log=self._home.logs / f"{name}.log",
            env={**self._environment(), **variables},
            niceness=niceness,
        )

    def _environment(self) -> dict[str, str]:
        """What a child needs to find the rest, and no administrator's password."""
        settings = self.settings
        variables = {
            "DATABASE_URL": settings.database_url.get_secret_value() if settings.database_url else "",
            "ROOT_KEYS": settings.root_keys.get_secret_value() if settings.root_keys else "",
            "TEMPORAL_ADDRESS": settings.temporal_address,
            "TEMPORAL_UI_URL": settings.temporal_ui_url,
            "DATA_DIR": str(self._home.root),
            "HOST": settings.host,
            "PORT": str(settings.port),
        }
        inherited = {name: value for name, value in os.environ.items() if name != f"{PREFIX}ADMIN_DATABASE_URL"}
        return {
            **inherited,
            # The allocator's usual number of arenas is for many cores; each keeps what it was once given.
            "MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX", "2"),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(PACKAGES), os.environ.get("PYTHONPATH")))),
            "PYTHONUNBUFFERED": "1",
            **{PREFIX + name: value for name, value in variables.items() if value is not None},
        }

    def _publish(self) -> None:
        """Tell other commands where we are. Not before all of it is there."""
        if self._is_ready:
            self._run_file().write(self._home)

    def _run_file(self) -> RunFile:
        settings = self.settings
        if settings.database_url is None or settings.temporal_address is None:
            raise RuntimeError("asked for addresses before the servers were started")
        return RunFile(
            pid=os.getpid(),
            started_at=self._started_at,
            api_url=self.api_url,
            database_url=settings.database_url.get_secret_value(),
            admin_database_url=self._admin_url,
            temporal_address=settings.temporal_address,
            temporal_namespace=settings.temporal_namespace,
            temporal_ui_url=settings.temporal_ui_url,
            processes=self._supervisor.pids,
        )
