"""The embedded servers, running: what they promise to whoever connects."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url

from runtime.embedded import Servers, running
from runtime.embedded.account import NOBODY
from runtime.embedded.postgres import PGVECTOR_MINIMUM, parse_version
from runtime.errors import OperatorError
from runtime.search_attributes import SEARCH_ATTRIBUTES
from runtime.settings import load
from runtime.temporal import connect, ensure_search_attributes, missing_search_attributes

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Closed to everybody but its owner, as a clone below /root is.
    closed = tmp_path_factory.mktemp("closed")
    closed.chmod(0o700)
    return closed / "data"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers(data_dir: Path) -> AsyncIterator[Servers]:
    async with running(data_dir) as servers:
        yield servers


@pytest_asyncio.fixture(loop_scope="module")
async def admin(servers: Servers) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(servers.admin_database_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="module")
async def app(servers: Servers) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(servers.database_url)
    yield connection
    await connection.close()


async def test_cyrillic_case_folds(app: "asyncpg.Connection[asyncpg.Record]") -> None:
    assert await app.fetchval("SELECT lower('ОПЛАТА')") == "оплата"
    assert await app.fetchval("SELECT 'ОПЛАТА' ILIKE 'оплата'")
    assert await app.fetchval("SELECT to_tsvector('russian', 'ОПЛАТА') = to_tsvector('russian', 'оплата')")


async def test_extensions_are_there(admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    rows = await admin.fetch("SELECT extname, extversion FROM pg_extension")
    installed: dict[str, str] = {row["extname"]: row["extversion"] for row in rows}
    assert {"vector", "pg_trgm", "unaccent"} <= installed.keys()
    assert parse_version(installed["vector"]) >= PGVECTOR_MINIMUM


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("password_encryption", "scram-sha-256"),
        ("server_encoding", "UTF8"),
    ],
)
async def test_server_is_durable_and_closed(
    admin: "asyncpg.Connection[asyncpg.Record]", setting: str, value: str
) -> None:
    assert await admin.fetchval("SELECT current_setting($1)", setting) == value


@pytest.mark.parametrize("role", ["postgres", "mainstay_app"])
async def test_loopback_alone_opens_nothing(servers: Servers, role: str) -> None:
    url = make_url(servers.database_url).set(username=role, password="guessed")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url.render_as_string(hide_password=False))


async def test_app_role_cannot_bypass_row_level_security(
    admin: "asyncpg.Connection[asyncpg.Record]", app: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await admin.execute("""
        CREATE TABLE secret (tenant text);
        INSERT INTO secret VALUES ('a');
        ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
        CREATE POLICY tenant ON secret USING (tenant = current_setting('app.tenant', true));
        GRANT SELECT ON secret TO mainstay_app;
    """)
    assert await app.fetch("SELECT * FROM secret") == []
    async with app.transaction():
        await app.execute("SELECT set_config('app.tenant', 'a', true)")
        assert await app.fetchval("SELECT tenant FROM secret") == "a"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await app.execute("SET row_security = off; SELECT * FROM secret")
    for escape in (
        "ALTER TABLE secret DISABLE ROW LEVEL SECURITY",
        "ALTER ROLE mainstay_app BYPASSRLS",
        "SET ROLE postgres",
        "CREATE ROLE other",
        "COPY secret TO PROGRAM 'cat'",
        "SELECT pg_read_file('postgresql.conf')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(escape)


async def test_log_quotes_no_statement_and_no_value(
    data_dir: Path, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    marker = f"marker{uuid4().hex}"
    log = data_dir / "logs" / "postgres.log"
    before = log.stat().st_size
    await admin.execute("CREATE TABLE once (word text UNIQUE)")
    await admin.execute("INSERT INTO once VALUES ($1)", marker)
    with pytest.raises(asyncpg.UniqueViolationError):
        await admin.execute("INSERT INTO once VALUES ($1)", marker)
    with pytest.raises(asyncpg.InvalidTextRepresentationError):
        await admin.execute(f"SELECT '{marker}'::uuid")
    # The server's own news comes after all that, and is logged: what is missing was left out, not merely late.
    await admin.execute("SELECT pg_reload_conf()")
    async with asyncio.timeout(10):
        while "reloading" not in (written := log.read_text()[before:]):  # noqa: ASYNC110  # a file tells nobody
            await asyncio.sleep(0.05)
    assert marker not in written


async def test_files_are_private(servers: Servers, data_dir: Path) -> None:
    for name in ("credentials.json", "ports.json", "temporal.db"):
        assert stat.S_IMODE((data_dir / name).stat().st_mode) == 0o600, name
    for name in ("postgres", "logs"):
        assert stat.S_IMODE((data_dir / name).stat().st_mode) == 0o700, name


async def test_runs_unprivileged_below_a_closed_folder(servers: Servers, data_dir: Path) -> None:
    expected = NOBODY if os.geteuid() == 0 else os.geteuid()
    assert uids_of(servers.supervisor.pids["postgres"]) == {expected}
    assert stat.S_IMODE(data_dir.parent.stat().st_mode) == 0o700, "a folder above the data was opened up"


def uids_of(pid: int) -> set[int]:
    """Real, effective, saved and file-system uid."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("Uid:"))
    return {int(uid) for uid in line.split()[1:]}


async def test_second_system_on_the_same_data_is_refused(servers: Servers, data_dir: Path) -> None:
    with pytest.raises(OperatorError, match=f"in use by process {os.getpid()}"):
        async with running(data_dir):
            pass
    connection = await asyncpg.connect(servers.database_url)
    await connection.close()


async def test_search_attributes_are_registered(servers: Servers) -> None:
    client = await connect(load(temporal_address=servers.temporal_address))
    assert await missing_search_attributes(client) == {}
    assert await ensure_search_attributes(client) == []


async def test_missing_search_attribute_is_registered_once(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SEARCH_ATTRIBUTES, "NewlyAdded", "Keyword")
    client = await connect(load(temporal_address=servers.temporal_address))
    assert await ensure_search_attributes(client) == ["NewlyAdded"]
    assert await ensure_search_attributes(client) == []


async def test_unreachable_temporal_is_named() -> None:
    settings = load(temporal_address="127.0.0.1:1")
    with pytest.raises(OperatorError, match=r"127\.0\.0\.1:1 cannot be reached.*MAINSTAY_TEMPORAL_ADDRESS"):
        await connect(settings)
    await connect(settings, lazy=True)
