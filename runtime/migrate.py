"""The schema of the records: bring it up to date, or tell whether it is."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from runtime.database import driver_url
from runtime.errors import OperatorError

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


@dataclass(frozen=True, slots=True)
class Schema:
    """Revisions: the database's (None: empty) and the newest in the code."""

    current: str | None
    head: str

    @property
    def is_current(self) -> bool:
        return self.current == self.head


def upgrade(admin_url: str) -> None:
    """Run every missing migration as the owner of the tables. Blocks: call it in a thread from async code.

    Raises OperatorError naming the database error's class, never its details (they may quote rows).
    """
    try:
        command.upgrade(_config(admin_url), "head")
    except OSError as error:
        raise OperatorError(
            f"Postgres cannot be reached ({error.strerror or type(error).__name__}): start it, "
            "or correct MAINSTAY_ADMIN_DATABASE_URL"
        ) from error
    except (DBAPIError, CommandError, asyncpg.PostgresError) as error:
        reason = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        raise OperatorError(
            f"the migration failed: {_first_line(reason)}; it was rolled back. "
            "Check MAINSTAY_ADMIN_DATABASE_URL: it must be the owner of the tables"
        ) from error


async def inspect(url: str) -> Schema:
    """Compare the database behind `url` with the code. Raises OSError or asyncpg.PostgresError if unreachable."""
    head = _head()
    connection = await asyncpg.connect(driver_url(url), timeout=5)
    try:
        current: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        current = None
    finally:
        await connection.close()
    return Schema(current, head)


@cache
def _head() -> str:
    """The newest in the code: it does not change while a process runs, and reading every migration takes long."""
    head = ScriptDirectory.from_config(_config("")).get_current_head()
    if head is None:
        raise OperatorError(f"{MIGRATIONS} holds no migrations: the installation is incomplete")
    return head


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    # Not as an option: those are interpolated, and end up in error messages.
    config.attributes["url"] = url
    return config


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
