"""Transactions as a request has them: a database that is away is a problem that the client can act on."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from uuid import UUID

import structlog

from api.problems import unavailable
from runtime.database import Database, SystemTx, TenantTx
from runtime.outages import is_outage

log = structlog.get_logger(__name__)


class Records:
    """The database. Inside the blocks: statements and nothing else, so that every failure is the database's."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @asynccontextmanager
    async def tenant(self, tenant_id: UUID) -> AsyncIterator[TenantTx]:
        """A transaction confined to one tenant. Raises ProblemError (503) when the database cannot serve now."""
        with translated():
            async with self.database.tenant(tenant_id) as tx:
                yield tx

    @asynccontextmanager
    async def system(self) -> AsyncIterator[SystemTx]:
        """A transaction before any tenant is known. Raises ProblemError (503) when the database cannot serve now."""
        with translated():
            async with self.database.system() as tx:
                yield tx


@contextmanager
def translated() -> Iterator[None]:
    """What happens inside is the database's: an outage becomes ProblemError (503)."""
    try:
        yield
    except Exception as error:
        if is_outage(error):
            log.warning("database_unavailable", cause=type(error).__name__)
            raise unavailable(
                "The records cannot be reached now. Repeat the request: with the same client_message_id or "
                "Idempotency-Key nothing is stored twice."
            ) from error
        raise
