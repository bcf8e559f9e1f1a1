"""The schema of the records is brought up to date."""

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from runtime.errors import OperatorError
from runtime.schema import MIGRATIONS


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


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    # Not as an option: those are interpolated, and end up in error messages.
    config.attributes["url"] = url
    return config


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
