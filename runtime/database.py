"""The database engine, and the only way to a transaction: for one tenant, or for the system."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import Executable, Row
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from runtime.outages import is_outage


@dataclass(frozen=True, slots=True)
class TenantTx:
    """One transaction that row-level security confines to one tenant."""

    connection: AsyncConnection
    tenant_id: UUID


@dataclass(frozen=True, slots=True)
class SystemTx:
    """One transaction without a tenant: it sees no tenant's rows, only what definer functions hand out."""

    connection: AsyncConnection


class Database:
    """A pooled engine. Transactions commit when the block ends and roll back when it raises."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = async_url(url)
        self._pool_size = pool_size
        self.engine: AsyncEngine = create_async_engine(
            self.url,
            # The transactions below begin and end by statements of their own.
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            pool_recycle=1800,
            # Parameters are customers' words; an error that quotes them would carry them into logs.
            hide_parameters=True,
            connect_args={"timeout": 5, "command_timeout": 30, "server_settings": {"application_name": "mainstay"}},
        )

    @asynccontextmanager
    async def tenant(self, tenant_id: UUID, *, flushed: bool = True) -> AsyncIterator[TenantTx]:
        """A transaction confined to `tenant_id`; the setting ends with it, so a pooled connection leaks nothing.

        Not `flushed`: its end does not wait for the disk. Everybody sees it at once, and a server that crashes within the
        next second may lose it.
        """
        begin = f"BEGIN; SELECT set_config('app.tenant', '{tenant_id}', true)"
        if not flushed:
            begin += ", set_config('synchronous_commit', 'off', true)"
        async with self._transaction(begin) as connection:
            yield TenantTx(connection, tenant_id)

    @asynccontextmanager
    async def system(self) -> AsyncIterator[SystemTx]:
        """A transaction before any tenant is known (authentication, reconcile, health)."""
        async with self._transaction("BEGIN") as connection:
            yield SystemTx(connection)

    async def call(self, statement: Executable, parameters: Mapping[str, object]) -> Sequence[Row[Any]]:
        """The rows of one statement that is a transaction of its own, without a tenant: a single round trip.

        A connection that died in the pool is replaced and the statement repeated, though it may have been carried out.
        """
        for _ in range(self._pool_size + 1):
            async with self.engine.connect() as connection:
                try:
                    return (await connection.execute(statement, parameters)).all()
                except DBAPIError as error:
                    if not error.connection_invalidated:
                        raise
                    dead = error
        raise dead

    @asynccontextmanager
    async def _transaction(self, begin: str) -> AsyncIterator[AsyncConnection]:
        """Begin, tenant and all, in one round trip, where the engine by itself would take two or three."""
        connection, driver = await self._begun(begin)
        try:
            try:
                yield connection
            except BaseException:
                # Where even that fails (the server died), what went wrong in the block is the error to tell.
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    await _end(connection, driver, "ROLLBACK")
                raise
            await _end(connection, driver, "COMMIT")
        finally:
            await connection.close()

    async def _begun(self, begin: str) -> tuple[AsyncConnection, asyncpg.Connection]:
        """A connection with an open transaction, and the driver's beneath it.

        One that died in the pool is replaced: nothing has happened yet.
        """
        for _ in range(self._pool_size + 1):
            connection = await self.engine.connect()
            try:
                driver = (await connection.get_raw_connection()).driver_connection
                assert driver is not None, "a pooled connection has a driver's connection"
                await driver.execute(begin)
            except BaseException as error:
                await connection.invalidate()
                await connection.close()
                if not is_outage(error):
                    raise
                dead = error
            else:
                return connection, driver
        raise dead

    async def close(self) -> None:
        await self.engine.dispose()


async def _end(connection: AsyncConnection, driver: asyncpg.Connection, statement: str) -> None:
    """End the transaction; a connection in which that fails goes to nobody else."""
    try:
        await driver.execute(statement)
    except BaseException as error:
        await connection.invalidate()
        if isinstance(error, asyncpg.IntegrityConstraintViolationError):
            # As everywhere else a constraint that refuses is told, and not only one that is looked at in the end.
            raise IntegrityError(statement, None, error) from error
        raise


def async_url(url: str) -> str:
    """`postgresql://…` (any driver) as SQLAlchemy's asyncpg URL, password included."""
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def driver_url(url: str) -> str:
    """The same address for bare asyncpg (LISTEN, COPY)."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
