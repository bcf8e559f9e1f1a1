"""The database itself: it is what the models say, and keeps tenants apart whatever the code does."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from models.contracts.enums import ChannelKind, Role
from models.repositories import conversations, tenants
from models.tables import metadata
from runtime.database import Database, async_url, driver_url
from runtime.embedded import Servers
from runtime.ids import new_id
from tests.service.conftest import new_tenant

TENANT_TABLES = sorted(table.name for table in metadata.sorted_tables if "tenant_id" in table.columns)
OURS = [*TENANT_TABLES, "tenants"]


@pytest.fixture(scope="module")
async def admin(servers: Servers) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(driver_url(servers.admin_database_url))
    yield connection
    await connection.close()


# What the schema is -------------------------------------------------------------------------------


async def test_the_models_are_the_migrated_schema(servers: Servers) -> None:
    def differences(connection: Connection) -> list[Any]:
        # Indexes of embedding spaces are made as models come (ensure_embedding_space), the bookkeeping is Alembic's own.
        def ours(thing: object, name: str | None, kind: str, *_: object) -> bool:
            return not (kind == "index" and (name or "").startswith("ix_embeddings_space_"))

        context = MigrationContext.configure(
            connection, opts={"include_object": ours, "compare_type": True, "compare_server_default": False}
        )
        return list(compare_metadata(context, metadata))

    engine = create_async_engine(async_url(servers.admin_database_url))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_check_constraints_are_those_of_the_models(admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Alembic does not compare them. Of a choice, the words are compared too."""
    rows = await admin.fetch(
        "SELECT c.conrelid::regclass::text AS table, c.conname AS name, pg_get_constraintdef(c.oid) AS rule "
        "FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace "
        "WHERE c.contype = 'c' AND n.nspname = 'public'"
    )
    migrated = {(row["table"], row["name"]): row["rule"] for row in rows}
    tables = metadata.sorted_tables
    assert migrated.keys() == {
        (table.name, str(constraint.name))
        for table in tables
        for constraint in table.constraints
        if isinstance(constraint, sa.CheckConstraint)
    }
    for table in tables:
        for column in table.columns:
            if isinstance(column.type, sa.Enum):
                rule = migrated[table.name, f"ck_{table.name}_{column.name}"]
                assert re.findall("'([^']*)'", rule) == column.type.enums, f"{table.name}.{column.name}"


async def test_row_level_security_is_forced_on_every_tenants_table(
    admin: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    rows = await admin.fetch(
        "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS forced, "
        "array(SELECT p.polname::text FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY p.polname) AS policies "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = 'public'"
    )
    found = {row["relname"]: (row["forced"], row["policies"]) for row in rows}
    assert {name: found[name] for name in OURS} == dict.fromkeys(OURS, (True, ["owner", "tenant"]))
    without = {name for name, (forced, _) in found.items() if not forced}
    assert without == {"alembic_version", "embedding_spaces", "installation_keys", "rate_limits"}, (
        "these hold nothing of a tenant's"
    )


# What the application role can do -----------------------------------------------------------------


async def test_what_runs_as_the_owner_trusts_nothing_of_its_caller(
    admin: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """Temporary tables come last in its search path, and only who was named may call it (see migration 0012)."""
    rows = await admin.fetch(
        "SELECT p.proname, p.proconfig, has_function_privilege('public', p.oid, 'EXECUTE') AS everybodys "
        "FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace"
    )
    assert rows
    trusting = [
        row["proname"]
        for row in rows
        if row["everybodys"] or row["proconfig"] != ["search_path=pg_catalog, public, pg_temp"]
    ]
    assert trusting == []


async def test_the_application_role_is_no_owner_and_bypasses_nothing(
    database: Database, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with database.system() as tx:
        role = (
            await tx.connection.execute(
                sa.text(
                    "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user"
                )
            )
        ).one()
    assert tuple(role)[1:] == (False, False, False)
    owned = await admin.fetchval(
        "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = $1", role.rolname
    )
    assert owned == 0


@pytest.mark.parametrize("table", OURS)
async def test_without_a_tenant_nothing_is_seen(database: Database, tenant: UUID, table: str) -> None:
    async with database.system() as tx:
        assert await tx.connection.scalar(sa.select(sa.func.count()).select_from(metadata.tables[table])) == 0


async def test_a_tenant_sees_and_writes_its_own_rows_only(database: Database, tenant: UUID) -> None:
    other = await new_tenant(database)
    async with database.tenant(other) as tx:
        stranger = await tenants.add_member(tx, name="Somebody", role=Role.AGENT)
    members = metadata.tables["members"]
    async with database.tenant(tenant) as tx:
        assert await tenants.get_member(tx, stranger.id) is None
        changed = await tx.connection.execute(sa.update(members).where(members.c.id == stranger.id).values(name="X"))
        assert changed.rowcount == 0
        removed = await tx.connection.execute(sa.delete(members).where(members.c.id == stranger.id))
        assert removed.rowcount == 0
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.tenant(tenant) as tx:
            await tx.connection.execute(sa.insert(members).values(tenant_id=other, id=new_id(), name="X", role="agent"))


@pytest.mark.parametrize(
    "attempt",
    [
        "SET ROLE postgres",
        "SET row_security = off; SELECT count(*) FROM members",
        "ALTER TABLE members DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON members",
        "CREATE POLICY all_of_them ON members USING (true)",
        "CREATE TABLE mine (id integer)",
        "SELECT * FROM pg_authid",
        "DELETE FROM tenants",
        "INSERT INTO embedding_spaces (provider, model, dimension) VALUES ('x', 'y', 3)",
    ],
)
async def test_the_application_role_cannot_get_out(servers: Servers, attempt: str) -> None:
    connection = await asyncpg.connect(driver_url(servers.database_url))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(attempt)
    finally:
        await connection.close()


# What it hands out --------------------------------------------------------------------------------

CLAIMS = {
    "claim_unaccepted_messages": "INSERT INTO messages (tenant_id, id, conversation_id, direction, author, status, text, "
    "created_at) SELECT $1, gen_random_uuid(), $2, 'inbound', 'customer', 'stored', '', now() - interval '60 hours' "
    "FROM generate_series(1, 6)",
    "claim_unsent_mails": "INSERT INTO mails (tenant_id, id, member_id, purpose, created_at) "
    "SELECT $1, gen_random_uuid(), $2, 'invite', now() - interval '60 hours' FROM generate_series(1, 6)",
    "claim_running_erasures": "INSERT INTO erasures (tenant_id, id, customer_id, created_at) "
    "SELECT $1, gen_random_uuid(), gen_random_uuid(), now() - interval '60 hours' "
    "FROM generate_series(1, 6) WHERE $2::uuid IS NOT NULL",
}


@pytest.mark.parametrize("claim", CLAIMS)
async def test_no_more_is_claimed_than_was_asked_for_whatever_the_plan(
    admin: "asyncpg.Connection[asyncpg.Record]", database: Database, tenant: UUID, claim: str
) -> None:
    """Where statistics say that a table is empty, Postgres may run a sub-select of FROM for every row of it."""
    async with database.tenant(tenant) as tx:
        member = (await tenants.add_member(tx, name="Aigerim", role=Role.OWNER)).id
        conversation, _ = await conversations.open_(tx, channel=ChannelKind.API)
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute(CLAIMS[claim], tenant, conversation if "messages" in claim else member)
        table = claim.rpartition("_")[2]
        await admin.execute("UPDATE pg_class SET reltuples = 0, relpages = 1 WHERE oid = $1::text::regclass", table)
        for kind in ("hashjoin", "mergejoin", "material"):
            await admin.execute(f"SET LOCAL enable_{kind} = off")
        claimed = [len(await admin.fetch(f"SELECT * FROM {claim}('48 hours', 2)")) for _ in range(4)]
        assert claimed == [2, 2, 2, 0]
    finally:
        await transaction.rollback()
