"""Which failures of a transaction are the database's, so that a repetition may succeed, and which are ours."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from runtime.outages import is_outage


class FromDriverError(Exception):
    """An error as SQLAlchemy's asyncpg dialect passes it on."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("private")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        PoolTimeoutError(),
        asyncpg.CannotConnectNowError(),
        asyncpg.TooManyConnectionsError(),
        asyncpg.InterfaceError("connection is closed"),
        *(
            DBAPIError("s", {}, FromDriverError(state))
            for state in ("57P01", "53100", "40001", "40P01", "25006", "55P03", "08006", "58030")
        ),
        DBAPIError("s", {}, FromDriverError("XX000"), connection_invalidated=True),
    ],
)
def test_the_databases(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        IntegrityError("s", {}, FromDriverError("23505")),
        ProgrammingError("s", {}, FromDriverError("42P01")),
        DBAPIError("s", {}, FromDriverError("22021")),
        asyncpg.UniqueViolationError(),
        ValueError(),
        KeyError(),
    ],
)
def test_ours(error: Exception) -> None:
    assert not is_outage(error)
