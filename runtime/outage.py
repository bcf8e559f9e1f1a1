"""Which errors mean that the database cannot be reached (now), as opposed to a fault in a statement."""

from asyncpg.exceptions import InterfaceError, PostgresConnectionError
from asyncpg.exceptions import OperatorInterventionError, InsufficientResourcesError
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import InterfaceError as SQLAlchemyInterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

DATABASE_OUTAGE = (
    OSError,
    TimeoutError,
    PostgresConnectionError,
    InterfaceError,
    OperatorInterventionError,
    InsufficientResourcesError,
    OperationalError,
    SQLAlchemyInterfaceError,
    PoolTimeoutError,
)
