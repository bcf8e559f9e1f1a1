"""The checks of `mainstay doctor`. Each looks at one thing, says what it found, and knows the remedy."""

import asyncio
import shutil
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Literal

import asyncpg
import httpx
from pydantic import BaseModel
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.embedding.spaces import configured
from activities.provider.errors import ProviderError
from cli.context import found_settings
from models.contracts.routing import QUEUES
from runtime import models_file, secrets
from runtime.database import driver_url
from runtime.embedded.postgres import PGVECTOR_MINIMUM, parse_version
from runtime.errors import OperatorError
from runtime.home import Home
from runtime.models_file import EndpointConfig
from runtime.schema import inspect
from runtime.settings import Settings, SettingsError
from runtime.temporal import connect, missing_search_attributes, pollers

PYTHON_MINIMUM = (3, 11)
POSTGRES_MINIMUM = 17  # whose built-in locale folds Cyrillic the same everywhere
FREE_GIGABYTES_MINIMUM = 1.0
TIMEOUT_SECONDS = 10

NOT_RUNNING = "start it with `mainstay up`, or set {variable}"


class Check(BaseModel):
    """One line of the report. A failed one has a remedy; a skipped one says what it waits for."""

    name: str
    status: Literal["ok", "failed", "skipped"]
    found: str
    remedy: str | None = None


class Finding(Exception):  # noqa: N818  # not an error of ours: something found wrong outside
    """What is wrong, and what to do about it."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(found)
        self.found = found
        self.remedy = remedy


async def examine(data_dir: Path | None) -> list[Check]:
    """Every check, in the order in which one rests on another."""
    checks = [await _check("python", _python())]
    try:
        settings = found_settings(data_dir)
    except SettingsError as error:
        return [*checks, Check(name="settings", status="failed", found=str(error), remedy="correct the variable")]
    checks += [
        Check(name="settings", status="ok", found="every variable is valid"),
        await _check("disk", _disk(settings)),
    ]
    database, temporal, models = await asyncio.gather(_database(settings), _temporal(settings), _models(settings))
    return [*checks, *database, *temporal, *models]


async def _check(name: str, work: Coroutine[None, None, str]) -> Check:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return Check(name=name, status="ok", found=await work)
    except Finding as finding:
        return Check(name=name, status="failed", found=finding.found, remedy=finding.remedy)
    except TimeoutError:
        return Check(
            name=name, status="failed", found=f"no answer in {TIMEOUT_SECONDS} s", remedy="see whether it is overloaded"
        )


def _skipped(reason: str, *names: str) -> list[Check]:
    return [Check(name=name, status="skipped", found=reason) for name in names]


async def _python() -> str:
    if sys.version_info < PYTHON_MINIMUM:
        raise Finding(sys.version.split()[0], f"install Python {'.'.join(map(str, PYTHON_MINIMUM))} or newer")
    return sys.version.split()[0]


async def _disk(settings: Settings) -> str:
    root = Home.at(settings.data_dir).root
    while not root.exists():
        root = root.parent
    gigabytes = shutil.disk_usage(root).free / 1e9
    if gigabytes < FREE_GIGABYTES_MINIMUM:
        raise Finding(f"{gigabytes:.1f} GB free at {root}", f"free at least {FREE_GIGABYTES_MINIMUM:g} GB")
    return f"{gigabytes:.1f} GB free at {root}"


# --- Postgres


async def _database(settings: Settings) -> list[Check]:
    if settings.database_url is None:
        remedy = NOT_RUNNING.format(variable="MAINSTAY_DATABASE_URL")
        return [
            Check(name="postgres", status="failed", found="not running here, and none is set", remedy=remedy),
            *_skipped("needs Postgres", "pgvector", "pg_trgm", "row-level security", "schema", "root keys"),
        ]
    url = settings.database_url.get_secret_value()
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            connection = await asyncpg.connect(driver_url(url))
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        remedy = "start it, or correct MAINSTAY_DATABASE_URL"
        return [
            Check(name="postgres", status="failed", found=f"unreachable: {type(error).__name__}", remedy=remedy),
            *_skipped("needs Postgres", "pgvector", "pg_trgm", "row-level security", "schema", "root keys"),
        ]
    try:
        return [
            await _check("postgres", _postgres(connection)),
            await _check("pgvector", _pgvector(connection)),
            await _check("pg_trgm", _pg_trgm(connection)),
            await _check("row-level security", _role(connection)),
            await _check("schema", _schema(url)),
            await _check("root keys", _root_keys(settings, connection)),
        ]
    finally:
        await connection.close()


async def _postgres(connection: "asyncpg.Connection[asyncpg.Record]") -> str:
    version = connection.get_server_version()
    if version.major < POSTGRES_MINIMUM:
        raise Finding(f"Postgres {version.major}", f"use Postgres {POSTGRES_MINIMUM} or newer")
    if await connection.fetchval("SELECT lower('ОПЛАТА')") != "оплата":
        raise Finding(
            "the database does not fold Cyrillic letters",
            "make it with --locale-provider=builtin --locale=C.UTF-8, and move the data there",
        )
    full_version: str = await connection.fetchval("SELECT current_setting('server_version')")
    return f"Postgres {full_version}"


async def _pgvector(connection: "asyncpg.Connection[asyncpg.Record]") -> str:
    version: str | None = await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    wanted = ".".join(map(str, PGVECTOR_MINIMUM))
    if version is None:
        raise Finding("not installed", "as superuser: CREATE EXTENSION vector")
    if parse_version(version) < PGVECTOR_MINIMUM:
        raise Finding(version, f"install pgvector {wanted} or newer, then: ALTER EXTENSION vector UPDATE")
    return version


async def _pg_trgm(connection: "asyncpg.Connection[asyncpg.Record]") -> str:
    version: str | None = await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'pg_trgm'")
    if version is None:
        raise Finding("not installed", "as superuser: CREATE EXTENSION pg_trgm")
    return version


async def _role(connection: "asyncpg.Connection[asyncpg.Record]") -> str:
    """The application's role must be bound by row-level security: no superuser, no BYPASSRLS, owner of nothing."""
    role = await connection.fetchrow(
        """
        SELECT r.rolname, r.rolsuper OR r.rolbypassrls AS bypasses, EXISTS (
            SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'public' AND c.relkind = 'r' AND pg_has_role(r.oid, c.relowner, 'MEMBER')) AS owns
        FROM pg_roles r WHERE r.rolname = current_user
        """
    )
    assert role is not None  # the role that asks
    if role["bypasses"]:
        raise Finding(
            f"role {role['rolname']} bypasses it",
            f"ALTER ROLE {role['rolname']} NOSUPERUSER NOBYPASSRLS, or name another role in MAINSTAY_DATABASE_URL",
        )
    if role["owns"]:
        raise Finding(
            f"role {role['rolname']} owns tables and could switch it off",
            "give the owner's address in MAINSTAY_ADMIN_DATABASE_URL and another role's in MAINSTAY_DATABASE_URL",
        )
    return f"binds role {role['rolname']}"


async def _schema(url: str) -> str:
    try:
        schema = await inspect(url)
    except asyncpg.InsufficientPrivilegeError:
        raise Finding("the application's role cannot read its version", "run `mainstay migrate`") from None
    if not schema.is_current:
        raise Finding(f"at {schema.current or 'nothing'}, the code wants {schema.head}", "run `mainstay migrate`")
    return f"current ({schema.head})"


async def _root_keys(settings: Settings, connection: "asyncpg.Connection[asyncpg.Record]") -> str:
    """Every key in the database is wrapped by one of ours; the secrets are none that others know."""
    try:
        secrets.check(settings)
    except OperatorError as error:
        raise Finding("not fit to start with", str(error)) from None
    ours = secrets.root_keys(settings).ids
    try:
        needed = {row[0] for row in await connection.fetch("SELECT root_keys_in_use()")}
    except asyncpg.UndefinedFunctionError:
        raise Finding("the schema knows of none", "run `mainstay migrate`") from None
    if missing := needed - set(ours):
        raise Finding(
            f"{', '.join(sorted(missing))} is missing", "add it to MAINSTAY_ROOT_KEYS, or what is encrypted is lost"
        )
    return ", ".join(ours)


# --- Temporal


async def _temporal(settings: Settings) -> list[Check]:
    if settings.temporal_address is None:
        remedy = NOT_RUNNING.format(variable="MAINSTAY_TEMPORAL_ADDRESS")
        return [
            Check(name="temporal", status="failed", found="not running here, and none is set", remedy=remedy),
            *_skipped("needs Temporal", "search attributes", "workers"),
        ]
    try:
        client = await connect(settings)
    except OperatorError as error:
        return [
            Check(name="temporal", status="failed", found="unreachable", remedy=str(error)),
            *_skipped("needs Temporal", "search attributes", "workers"),
        ]
    return [
        await _check("temporal", _namespace(client)),
        await _check("search attributes", _search_attributes(client)),
        await _check("workers", _workers(client)),
    ]


async def _namespace(client: Client) -> str:
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        raise Finding(
            f"namespace {client.namespace}: {error.status.name}",
            f"`temporal operator namespace create {client.namespace}`, or correct MAINSTAY_TEMPORAL_NAMESPACE",
        ) from None
    return f"{client.service_client.config.target_host}, namespace {client.namespace}"


async def _search_attributes(client: Client) -> str:
    try:
        missing = await missing_search_attributes(client)
    except RPCError as error:
        raise Finding(f"cannot be listed: {error.status.name}", "see `temporal` above") from None
    except OperatorError as error:
        raise Finding("one has another kind", str(error)) from None
    if missing:
        raise Finding(f"missing: {', '.join(missing)}", "start a worker: it registers them")
    return "all registered"


async def _workers(client: Client) -> str:
    try:
        silent = [queue for queue in QUEUES if not await pollers(client, queue)]
    except RPCError as error:
        raise Finding(f"cannot be seen: {error.status.name}", "see `temporal` above") from None
    if silent:
        raise Finding(f"nobody polls {', '.join(silent)}", "start `mainstay worker`, or see logs/worker.log")
    return f"poll {', '.join(QUEUES)}"


# --- Models


async def _models(settings: Settings) -> list[Check]:
    checks = [await _check("embeddings", _embeddings(settings))]
    try:
        models = models_file.configured(settings)
    except SettingsError as error:
        return [*checks, Check(name="models", status="failed", found=str(error), remedy="correct the file")]
    if models is None:
        return [*checks, Check(name="models", status="ok", found="none set: answers quote the best passage")]
    found = [_check(f"model {name}", _model(each)) for name, each in models.file.endpoints.items()]
    return [*checks, *await asyncio.gather(*found)]


async def _embeddings(settings: Settings) -> str:
    embedder, _ = configured(settings)
    try:
        vector = await embedder.embed_query("ping")
    except ProviderError as error:
        raise Finding(f"{settings.embedding_provider}: {type(error).__name__}", "see MAINSTAY_EMBEDDING_*") from None
    finally:
        await embedder.close()
    if len(vector) != settings.embedding_dimension:
        raise Finding(
            f"vectors have {len(vector)} dimensions", f"set MAINSTAY_EMBEDDING_DIMENSION={len(vector)}, then re-index"
        )
    return embedder.space.name


async def _model(endpoint: EndpointConfig) -> str:
    """Reachable at all; whether it answers, `mainstay models --check` finds out."""
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, proxy=endpoint.proxy) as client:
            response = await client.get(endpoint.url)
    except httpx.HTTPError as error:
        raise Finding(
            f"unreachable: {type(error).__name__}", "start the model server, or correct its URL where models are set"
        ) from None
    return f"answers ({response.status_code})"
