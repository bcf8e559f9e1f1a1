"""The database engine, and the only way to a transaction: for one tenant, or for the system."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

SET_TENANT = text("SELECT set_config('app.tenant', :tenant, true)")


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
        self.engine: AsyncEngine = create_async_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            # A connection that died with its server must not surface as an error of the next request.
            pool_pre_ping=False,
            pool_recycle=1800,
            # Parameters are customers' words; an error that quotes them would carry them into logs.
            hide_parameters=True,
            connect_args={"timeout": 5, "command_timeout": 30, "server_settings": {"application_name": "mainstay"}},
        )

    @asynccontextmanager
    async def tenant(self, tenant_id: UUID) -> AsyncIterator[TenantTx]:
        """A transaction confined to `tenant_id`; the setting ends with it, so a pooled connection leaks nothing."""
        async with self.engine.begin() as connection:
            await connection.execute(SET_TENANT, {"tenant": str(tenant_id)})
            yield TenantTx(connection, tenant_id)

    @asynccontextmanager
    async def system(self) -> AsyncIterator[SystemTx]:
        """A transaction before any tenant is known (authentication, reconcile, health)."""
        async with self.engine.begin() as connection:
            yield SystemTx(connection)

    async def close(self) -> None:
        await self.engine.dispose()


def async_url(url: str) -> str:
    """`postgresql://…` (any driver) as SQLAlchemy's asyncpg URL, password included."""
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def driver_url(url: str) -> str:
    """The same address for bare asyncpg (LISTEN, COPY)."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
