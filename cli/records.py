"""The database from the command line: one piece of work, then gone."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import ProgrammingError

from cli.context import running_settings
from cli.migrate import admin_url
from models.repositories import tenants
from models.repositories.tenants import Tenant
from runtime.database import Database
from runtime.errors import OperatorError
from runtime.outages import is_outage

Result = TypeVar("Result")

INSUFFICIENT_PRIVILEGE = "42501"


def with_database(data_dir: Path | None, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """What `work` returns. Raises OperatorError when there is no database, or it cannot be reached."""
    url = running_settings(data_dir).database_url
    assert url is not None, "running_settings found one"
    return asyncio.run(done(url.get_secret_value(), work))


def as_owner(data_dir: Path | None, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """What `work` returns, done as the owner of the tables. Raises OperatorError when that is not to be had."""
    return asyncio.run(done(admin_url(data_dir), work))


async def done(url: str, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """What `work` returns. Raises OperatorError when the database cannot be reached, or forbids it."""
    database = Database(url, pool_size=1)
    try:
        return await work(database)
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != INSUFFICIENT_PRIVILEGE:
            raise
        raise OperatorError(
            "this role may not do that: name the owner of the tables in MAINSTAY_ADMIN_DATABASE_URL"
        ) from None
    except Exception as error:
        if is_outage(error):
            raise OperatorError("Postgres cannot be reached: is it running?") from error
        raise
    finally:
        await database.close()


async def tenant_called(database: Database, slug: str | None) -> Tenant:
    """The tenant with this slug; without one, the only tenant that there is. Raises OperatorError."""
    async with database.system() as tx:
        found = await tenants.list_all(tx)
    if not found:
        raise OperatorError("there is no tenant yet: `mainstay tenant create SLUG`")
    slugs = ", ".join(tenant.slug for tenant in found)
    if slug is None:
        if len(found) > 1:
            raise OperatorError(f"say which tenant with --tenant: {slugs}")
        return found[0]
    for tenant in found:
        if tenant.slug == slug:
            return tenant
    raise OperatorError(f"there is no tenant {slug}; there are: {slugs}")
