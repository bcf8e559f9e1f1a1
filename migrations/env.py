"""Runs migrations over asyncpg, as the owner of the tables, one transaction a migration."""

import asyncio

from alembic import context
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

from models.tables import metadata
from runtime.database import async_url
from runtime.settings import SettingsError, load

# A migration that waits for a lock holds up every query behind it: give up early instead.
LOCK_TIMEOUT = "5s"


def database_url() -> str:
    """The URL handed over by `runtime.migrate`, else the one in the environment."""
    if url := context.config.attributes.get("url"):
        return async_url(url)
    settings = load()
    secret = settings.admin_database_url or settings.database_url
    if secret is None:
        raise SettingsError("MAINSTAY_ADMIN_DATABASE_URL is not set: which database is to be migrated?")
    return async_url(secret.get_secret_value())


def migrate(connection: Connection) -> None:
    connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    connection.commit()
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def run() -> None:
    engine = create_async_engine(database_url(), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


asyncio.run(run())
