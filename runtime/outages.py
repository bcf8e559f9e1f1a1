"""Telling a database that is away from a statement that is wrong, and from one that it will not have."""

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

# Classes of SQLSTATE that a later attempt may not meet: lost connections, refused ones, a transaction that lost
# against another, a full disk, a server that stops or starts.
PASSING = ("08", "28", "3D", "40", "53", "57", "58")
PASSING_STATES = {
    "25006",  # read-only: a standby that is not yet promoted
    "55P03",  # a lock was not to be had in time
}


def is_outage(error: BaseException) -> bool:
    """Whether `error`, raised by work inside a transaction, says that the database cannot serve now.

    True means that the same request may succeed later; false, that repeating it is pointless.
    """
    if isinstance(error, OSError | PoolTimeoutError):  # a refused connection, a timeout, an exhausted pool
        return True
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        error = error.orig or error
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return True  # the driver's own: the connection is closing, closed, or has lost its server in mid-sentence
    state = getattr(error, "sqlstate", None)
    return isinstance(state, str) and (state.startswith(PASSING) or state in PASSING_STATES)


def is_refusal(error: BaseException) -> bool:
    """Whether a constraint refuses what was to be written: it contradicts the records, now and at any later attempt."""
    if isinstance(error, DBAPIError):
        error = error.orig or error
    state = getattr(error, "sqlstate", None)
    return isinstance(state, str) and state.startswith("23")
