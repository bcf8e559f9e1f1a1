"""Transactions as a request has them: a database that is away is a problem that the client can act on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
        try:
            async with self.database.tenant(tenant_id) as tx:
                yield tx
        except Exception as error:
            _translate(error)
            raise

    @asynccontextmanager
    async def system(self) -> AsyncIterator[SystemTx]:
        """A transaction before any tenant is known. Raises ProblemError (503) when the database cannot serve now."""
        try:
            async with self.database.system() as tx:
                yield tx
        except Exception as error:
            _translate(error)
            raise


def _translate(error: Exception) -> None:
    if is_outage(error):
        log.warning("database_unavailable", cause=type(error).__name__)
        raise unavailable(
            "The records cannot be reached now. Repeat the request: with the same client_message_id or Idempotency-Key "
            "nothing is stored twice."
        ) from error
