"""The audit log: what is in it stays in it, as it was."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from models.contracts.audit import ActorKind, AuditAction
from models.repositories import audit
from models.repositories.audit import BEGINNING, SYSTEM, Actor, Chain
from runtime.database import Database, driver_url
from runtime.embedded import Servers
from runtime.ids import new_id


@pytest.fixture(scope="module")
async def admin(servers: Servers) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(driver_url(servers.admin_database_url))
    yield connection
    await connection.close()


async def written(database: Database, tenant: UUID, entries: int) -> None:
    async with database.tenant(tenant) as tx:
        for number in range(entries):
            await audit.record(tx, SYSTEM, AuditAction.SETTINGS_CHANGED, number=number, fields='"a", б\n\x1f')


async def verdict(database: Database, tenant: UUID) -> str | None:
    chain = Chain()
    async with database.tenant(tenant) as tx:
        chain.follow(await audit.after(tx, 0, limit=1000))
        chain.end(await audit.head(tx))
    return chain.problem


async def test_every_field_is_in_the_hash_and_computed_alike_on_both_sides(database: Database, tenant: UUID) -> None:
    actor = Actor(ActorKind.MEMBER, new_id(), "2001:db8::1", 'Mozilla/5.0 "quoted" \\ ©')
    async with database.tenant(tenant) as tx:
        await audit.record(
            tx, actor, AuditAction.MEMBER_CHANGED, new_id(), long_name="x", b=True, aa=None, n=-3, text="\t\x01€"
        )
        await audit.record(tx, Actor(ActorKind.ANONYMOUS, None, "10.0.0.1"), AuditAction.SIGN_IN_FAILED)
        await audit.record(tx, Actor(ActorKind.ANONYMOUS, None, "::ffff:10.0.0.1"), AuditAction.SIGN_IN_FAILED)
        first, second, third = await audit.after(tx, 0, limit=10)
    assert (first.seq, first.prev_hash, second.prev_hash) == (1, BEGINNING, first.hash)
    assert [each.actor.ip for each in (first, second, third)] == ["2001:db8::1", "10.0.0.1", "::ffff:10.0.0.1"]
    assert await verdict(database, tenant) is None


async def test_many_writers_at_once_make_one_chain(database: Database, tenant: UUID) -> None:
    await asyncio.gather(*(written(database, tenant, 2) for _ in range(25)))
    assert await verdict(database, tenant) is None
    async with database.tenant(tenant) as tx:
        assert (await audit.head(tx)).seq == 50


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE audit_log SET action = 'x'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "UPDATE audit_heads SET seq = 0",
        "DELETE FROM audit_heads",
        "INSERT INTO audit_heads (tenant_id, seq, hash) VALUES (gen_random_uuid(), 9, '')",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DROP TRIGGER chain_audit_entry ON audit_log",
    ],
)
async def test_the_application_cannot_change_it(database: Database, tenant: UUID, attempt: str) -> None:
    await written(database, tenant, 2)
    with pytest.raises(DBAPIError, match=r"denied|must be owner"):
        async with database.tenant(tenant) as tx:
            await tx.connection.execute(sa.text(attempt))
    assert await verdict(database, tenant) is None


async def test_the_application_cannot_put_a_head_of_its_own_in_place(database: Database, tenant: UUID) -> None:
    await written(database, tenant, 2)
    async with database.tenant(tenant) as tx:
        await tx.connection.execute(
            sa.text("CREATE TEMPORARY TABLE audit_heads (LIKE public.audit_heads) ON COMMIT DROP")
        )
        await tx.connection.execute(
            sa.text("INSERT INTO pg_temp.audit_heads VALUES (:tenant, 98, '\\x00')"), {"tenant": tenant}
        )
        await audit.record(tx, SYSTEM, AuditAction.SETTINGS_CHANGED)
    assert await verdict(database, tenant) is None


async def test_the_application_cannot_move_the_head_from_another_table(database: Database, tenant: UUID) -> None:
    await written(database, tenant, 2)
    chain = sa.text("CREATE TRIGGER chain BEFORE INSERT ON ours FOR EACH ROW EXECUTE FUNCTION chain_audit_entry()")
    async with database.tenant(tenant) as tx:
        await tx.connection.execute(sa.text("CREATE TEMPORARY TABLE ours (LIKE audit_log) ON COMMIT DROP"))
        with pytest.raises(DBAPIError, match="permission denied for function"):
            await tx.connection.execute(chain)
    assert await verdict(database, tenant) is None


async def test_the_application_cannot_choose_number_time_or_hash(database: Database, tenant: UUID) -> None:
    forged = "'2001-01-01', 'system', 'x', '\\x00', '\\x00'"
    async with database.tenant(tenant) as tx:
        await tx.connection.execute(
            sa.text(
                "INSERT INTO audit_log (tenant_id, seq, at, actor_kind, action, prev_hash, hash) "
                f"VALUES (:tenant, 99, {forged})"
            ),
            {"tenant": tenant},
        )
        (entry,) = await audit.after(tx, 0, limit=10)
    assert (entry.seq, entry.at.year > 2001) == (1, True)
    assert await verdict(database, tenant) is None


async def test_the_owner_of_the_tables_is_refused_too(
    database: Database, tenant: UUID, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await written(database, tenant, 2)
    for attempt in ("UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="never changed"):
            await admin.execute(attempt)


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE audit_log SET details = '{}' WHERE tenant_id = $1 AND seq = 3", "entry 3 was changed"),
        ("UPDATE audit_log SET at = at - interval '1 day' WHERE tenant_id = $1 AND seq = 2", "entry 2 was changed"),
        ("DELETE FROM audit_log WHERE tenant_id = $1 AND seq = 3", "entry 3 is missing"),
        ("DELETE FROM audit_log WHERE tenant_id = $1 AND seq = 1", "entry 1 is missing"),
        ("DELETE FROM audit_log WHERE tenant_id = $1 AND seq >= 4", "entries 4 to 5 are missing"),
        ("DELETE FROM audit_log WHERE tenant_id = $1", "entries 1 to 5 are missing"),
        (
            """UPDATE audit_log a SET action = b.action, details = b.details, at = b.at FROM audit_log b
            WHERE a.tenant_id = $1 AND b.tenant_id = $1 AND (a.seq, b.seq) IN ((2, 3), (3, 2))""",
            "entry 2 was changed",
        ),
    ],
)
async def test_whoever_switches_the_guards_off_is_found_out(
    database: Database, tenant: UUID, admin: "asyncpg.Connection[asyncpg.Record]", tampering: str, found: str
) -> None:
    await written(database, tenant, 5)
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        await admin.execute(tampering, tenant)
    assert await verdict(database, tenant) == found
