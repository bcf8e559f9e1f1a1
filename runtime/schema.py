"""Which schema the records have, and which one the code wants. Every process asks; to bring it up to date is
`runtime.migrate`, whose libraries only whoever does that need hold in memory."""

from dataclasses import dataclass
from pathlib import Path

import asyncpg

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


async def inspect(url: str) -> Schema:
    """Compare the database behind `url` with the code. Raises OSError or asyncpg.PostgresError if unreachable."""
    connection = await asyncpg.connect(driver_url(url), timeout=5)
    try:
        current: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        current = None
    finally:
        await connection.close()
    return Schema(current, head())


def head() -> str:
    """The newest revision in the code: each file's name begins with its own, and they follow each other by number."""
    revisions = [path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")]
    if not revisions:
        raise OperatorError(f"{MIGRATIONS} holds no migrations: the installation is incomplete")
    return max(revisions)
