"""Exact moments inside a turn, found and held from outside: no line of the product knows that it is being tested.

Each step of a turn touches a table. A trigger on it (installed over the running system) asks for a shared advisory
lock, which costs nothing until the run holds that lock: then whoever is just there waits, in a known place of a known
transaction, and the server tells which process it serves. There are two kinds of places:

- `writing`: a statement has run, the transaction is open. A process killed here leaves nothing behind.
- `written`: COMMIT was sent and is under way. A process killed here has written, and will never know it.

Steps that only read are held by an exclusive lock on a table that they read, or whoever else comes to it first; the
middle of a generation by the model server, which is ours.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from tests.chaos.model import Model
from tests.chaos.system import System

LOCKS = 7_201_966
"""The first half of this run's advisory locks; the second is the gate's number."""
LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Gate:
    """A trigger's place: after `change` of rows of `table` for which `when` holds."""

    table: str
    change: str
    when: str
    at_commit: bool


GATES = {
    "message.writing": Gate("messages", "INSERT", "NEW.author = 'customer'", at_commit=False),
    "message.written": Gate("messages", "INSERT", "NEW.author = 'customer'", at_commit=True),
    "draft.writing": Gate("drafts", "INSERT", "true", at_commit=False),
    "draft.written": Gate("drafts", "INSERT", "true", at_commit=True),
    "record.writing": Gate("messages", "INSERT", "NEW.author = 'bot'", at_commit=False),
    "record.written": Gate("messages", "INSERT", "NEW.author = 'bot'", at_commit=True),
    "escalation.writing": Gate("escalations", "INSERT", "true", at_commit=False),
    "escalation.written": Gate("escalations", "INSERT", "true", at_commit=True),
    "ladder.writing": Gate("notices", "INSERT", "true", at_commit=False),
    "ladder.written": Gate("notices", "INSERT", "true", at_commit=True),
    "command.stored": Gate("messages", "INSERT", "NEW.author = 'manager'", at_commit=True),
    "command.written": Gate("messages", "UPDATE", "NEW.author = 'manager'", at_commit=True),
}
READS = {"prepare.policy": "policies", "prepare.search": "embeddings"}
MODEL = "generate.streaming"

NUMBERS = {name: number for number, name in enumerate(GATES)}

FUNCTION = """
    CREATE SCHEMA chaos;
    GRANT USAGE ON SCHEMA chaos TO PUBLIC;
    CREATE FUNCTION chaos.gate() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(TG_ARGV[0]::int, TG_ARGV[1]::int);
        RETURN NULL;
    END $$
"""

# Whoever waits for a lock that this connection holds, and the client's end of his connection.
WAITING = """
    SELECT a.client_port FROM pg_stat_activity a
    WHERE pg_backend_pid() = ANY(pg_blocking_pids(a.pid)) AND a.client_port > 0
    ORDER BY a.query_start LIMIT 1
"""


async def install(system: System) -> None:
    """Put the gates in. All of them are open."""
    async with system.records() as connection:
        await connection.execute(FUNCTION)
        for name, gate in GATES.items():
            timing = "DEFERRABLE INITIALLY DEFERRED" if gate.at_commit else "NOT DEFERRABLE"
            await connection.execute(
                f'CREATE CONSTRAINT TRIGGER "z_{name}" AFTER {gate.change} ON {gate.table} {timing} '
                f"FOR EACH ROW WHEN ({gate.when}) EXECUTE FUNCTION chaos.gate({LOCKS}, {NUMBERS[name]})"
            )


@asynccontextmanager
async def held(system: System, model: Model, step: str, seconds: float) -> AsyncIterator[int | None]:
    """Close a gate until somebody stands before it: his process id, for the time of the block.

    None when nobody comes in time (or the database is away): nothing is held then.
    """
    if step == MODEL:
        async with model.holding() as waiting:
            port = None
            try:
                async with asyncio.timeout(seconds):
                    port = await waiting.get()
            except TimeoutError:
                pass
            yield None if port is None else await asyncio.to_thread(owner, port)
        return
    async with AsyncExitStack() as stack:
        port = None
        try:
            connection = await stack.enter_async_context(system.records())
            port = await _first_waiting(connection, step, seconds)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pass  # the database is away: this step cannot be reached now
        yield None if port is None else await asyncio.to_thread(owner, port)


async def _first_waiting(connection: asyncpg.Connection, step: str, seconds: float) -> int | None:
    try:
        async with asyncio.timeout(seconds):
            if step in READS:
                await connection.execute("BEGIN")
                await connection.execute(f"LOCK TABLE {READS[step]} IN ACCESS EXCLUSIVE MODE")
            else:
                await connection.execute("SELECT pg_advisory_lock($1, $2)", LOCKS, NUMBERS[step])
            while True:
                port: int | None = await connection.fetchval(WAITING)
                if port is not None:
                    return port
                # The server announces no waiters.
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        return None


def owner(port: int) -> int | None:
    """The process that has a connection from local `port`; None if it has just ended."""
    inode = next((fields[9] for fields in _sockets() if int(fields[1].rpartition(":")[2], 16) == port), None)
    for folder in Path("/proc").iterdir() if inode is not None else ():
        if not folder.name.isdecimal():
            continue
        try:
            for descriptor in (folder / "fd").iterdir():
                if str(descriptor.readlink()) == f"socket:[{inode}]":
                    return int(folder.name)
        except OSError:
            continue  # gone meanwhile
    return None


def _sockets() -> list[list[str]]:
    lines = [line for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    return [line.split() for line in lines]
