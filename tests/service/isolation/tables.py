"""Probes of the tables themselves: what the application role gets of another tenant's rows by raw SQL."""

from collections.abc import Iterator
from typing import TypeAlias
from uuid import UUID

import asyncpg

from models.tables import metadata

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

OURS = "tenant_id = current_setting('app.tenant')::uuid"
TENANT_TABLES = sorted(table.name for table in metadata.sorted_tables if "tenant_id" in table.columns)
# Of the installation, not of a tenant: what is in them is nobody's data, or reachable by definer functions only.
NOT_OF_A_TENANT = {
    "alembic_version": "the schema's version",
    "installation_keys": "wrapped keys that are no tenant's",
    "rate_limits": "counts, by hashes of who is counted",
    "embedding_spaces": "names of models",
    "tenants": "its own column is the tenant: see test_tenants_are_apart_too",
}


def key_columns(table: str) -> list[str]:
    return [column.name for column in metadata.tables[table].primary_key.columns]


async def leaks(connection: Connection, table: str, other: UUID) -> list[str]:
    """What the current role, in the current transaction, can do with `other`'s rows of `table`. Nothing: []."""
    found = []
    for doing, statement in _attempts(table):
        savepoint = connection.transaction()
        await savepoint.start()
        try:
            touched = len(await connection.fetch(statement, other))
        except asyncpg.InsufficientPrivilegeError:
            touched = 0  # refused by a grant or by a policy's check
        except asyncpg.PostgresError as error:
            # Every other refusal tells of a row that should not be seen.
            found.append(f"{doing} {table}: {type(error).__name__}")
            continue
        finally:
            await savepoint.rollback()
        if touched:
            found.append(f"{doing} {table}: {touched} rows")
    return found


def _attempts(table: str) -> Iterator[tuple[str, str]]:
    columns = ", ".join(
        f'"{column.name}"' for column in metadata.tables[table].columns if not (column.computed or column.identity)
    )
    key = key_columns(table)[-1]
    yield "read", f"SELECT 1 FROM {table} WHERE tenant_id = $1"
    yield (
        "count",
        f"SELECT 1 FROM {table} WHERE tenant_id <> current_setting('app.tenant')::uuid AND $1::uuid IS NOT NULL",
    )
    yield "update", f'UPDATE {table} SET "{key}" = "{key}" WHERE tenant_id = $1 RETURNING 1'
    yield (
        "steal",
        f"UPDATE {table} SET tenant_id = current_setting('app.tenant')::uuid WHERE tenant_id = $1 RETURNING 1",
    )
    yield "delete", f"DELETE FROM {table} WHERE tenant_id = $1 RETURNING 1"
    # A copy of an own row that claims to be theirs. Policies are checked before keys are.
    planted = columns.replace('"tenant_id"', "$1::uuid")
    yield "plant", f"INSERT INTO {table} ({columns}) SELECT {planted} FROM {table} WHERE {OURS} LIMIT 1 RETURNING 1"
