"""Whole tenants on real servers, with workers that are killed: suspended, exported, deleted, and the neighbour untouched."""

import asyncio
import io
import json
import sys
import zipfile
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from temporalio.client import Client

from models import processes, schedules
from models.contracts.routing import conversation_id
from models.contracts.tenant_life import DeletionInput
from models.payload_keys import connected
from models.repositories import tenant_deletion, tenants
from models.repositories.whole_tenant import COLUMNS_NOT_EXPORTED, NOT_DELETED, exported_tables
from models.schedules import ReindexSchedule
from models.tables import metadata
from runtime.database import Database, driver_url
from runtime.embedded import Servers
from tests.service.api.house import PERSON, Company, company, serving, settings_of
from tests.service.commands import ROOT, WorkerProcess
from tests.service.whole import eventually, job_is_done, servers_of_its_own
from worker.parking import PARKED

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

HELLO = "Hello there!"
MANY = 20_000
"""Rows of one table: enough for an export or a deletion to be caught in the middle."""
PATIENCE = 120
TENANT_TABLES = [table.name for table in metadata.sorted_tables if "tenant_id" in table.columns]

Admin = asyncpg.Connection


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with servers_of_its_own(tmp_path_factory.mktemp("life")) as servers:
        yield servers


@pytest.fixture(scope="module")
async def client(servers: Servers) -> AsyncIterator[Client]:
    async with connected(settings_of(servers)) as client:
        yield client


@pytest.fixture(scope="module")
async def database(servers: Servers) -> AsyncIterator[Database]:
    database = Database(servers.database_url)
    yield database
    await database.close()


@pytest.fixture(scope="module")
async def admin(servers: Servers) -> "AsyncIterator[Admin[asyncpg.Record]]":
    connection = await asyncpg.connect(driver_url(servers.admin_database_url))
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def the_worker(servers: Servers) -> AsyncIterator[WorkerProcess]:
    worker = WorkerProcess(servers)
    yield worker
    await worker.kill()


@pytest.fixture
async def worker(the_worker: WorkerProcess) -> WorkerProcess:
    """It runs, whatever the test before has done to it."""
    await the_worker.start()
    return the_worker


@pytest.fixture(scope="module")
async def url(servers: Servers) -> AsyncIterator[str]:
    async with serving(settings_of(servers)) as (url, _):
        yield url


@pytest.fixture
async def acme(database: Database, url: str) -> AsyncIterator[Company]:
    async with company(database, url) as acme:
        yield acme


@pytest.fixture
async def globex(database: Database, url: str) -> AsyncIterator[Company]:
    async with company(database, url) as globex:
        yield globex


async def answered(tenant: Company, conversation: str, times: int) -> None:
    """Wait for the bot's answers; a worker may take half a minute to start."""

    async def there() -> bool:
        found = await tenant.get(f"/v1/conversations/{conversation}/messages")
        return found.is_success and Counter(each["author"] for each in found.json()["items"])["bot"] >= times

    await eventually(there, PATIENCE)


async def say(tenant: Company, conversation: str, text: str = HELLO) -> None:
    sent = await tenant.post(f"/v1/conversations/{conversation}/messages", {"text": text})
    assert sent.status_code == 202, sent.text


async def lived(tenant: Company) -> None:
    """A tenant that has a bit of everything."""
    staged = await tenant.post(
        "/v1/kb/sources", {"name": "help", "documents": [{"name": "a.md", "text": "# Hours\n\nNine."}]}
    )
    assert staged.is_success, staged.text
    conversation = await tenant.opened(customer={"name": "Aliya"})
    await say(tenant, conversation, PERSON)
    await answered(tenant, conversation, 1)
    await eventually(lambda: job_is_done(tenant, staged.json()["job_id"]), PATIENCE)
    assert (await tenant.http.put("/v1/secrets/telegram", json={"value": "do-not-tell"})).is_success
    file = {"file": ("photo.txt", b"A photo.")}
    assert (await tenant.http.post(f"/v1/conversations/{conversation}/attachments", files=file)).is_success


async def add_customers(admin: "Admin[asyncpg.Record]", tenant: UUID) -> None:
    await admin.execute(
        "INSERT INTO customers (tenant_id, id, name) SELECT $1, gen_random_uuid(), 'C ' || n FROM generate_series(1, $2) n",
        tenant,
        MANY,
    )


async def rows_of(admin: "Admin[asyncpg.Record]", tenant: UUID) -> dict[str, int]:
    counts = {
        table: await admin.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", tenant)
        for table in TENANT_TABLES
        if table not in NOT_DELETED
    }
    counts["tenants"] = await admin.fetchval("SELECT count(*) FROM tenants WHERE id = $1", tenant)
    return counts


async def scheduled_crawl(tenant: Company) -> UUID:
    """A crawl that runs once a day; nothing is reached at its address."""
    body = {"name": "site", "url": "https://127.0.0.1/", "mode": "page", "every_hours": 24}
    asked = await tenant.post("/v1/kb/crawls", body)
    assert asked.is_success, asked.text
    crawl = UUID(asked.json()["id"])

    async def over() -> bool:
        return bool((await tenant.get(f"/v1/kb/crawls/{crawl}")).json()["status"] == "failed")

    await eventually(over, PATIENCE)
    return crawl


async def process_ids(client: Client, tenant: UUID) -> list[str]:
    return [each.id async for each in client.list_workflows() if str(tenant) in each.id]


# Suspended --------------------------------------------------------------------------------------------------------


async def test_a_suspended_tenant_waits_where_it_was_and_goes_on(
    acme: Company, globex: Company, database: Database, worker: WorkerProcess, client: Client
) -> None:
    conversation = await acme.opened()
    other = await globex.opened()
    await say(acme, conversation)
    await answered(acme, conversation, 1)
    await worker.kill()
    # In the middle: stored and signalled, and nobody has begun to work on it.
    await say(acme, conversation)
    async with database.tenant(acme.id) as tx:
        await tenants.suspend(tx, "The invoice is open.")
    await worker.start()
    await say(globex, other)
    await answered(globex, other, 1)

    handle = client.get_workflow_handle(conversation_id(acme.id, UUID(conversation)))

    async def parked(attempts: int) -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        if not pending or pending[0].attempt < attempts:
            return False
        return bool(pending[0].last_failure.application_failure_info.type == PARKED)

    await eventually(lambda: parked(2), PATIENCE)
    length = (await handle.describe()).history_length
    refused = await acme.post(f"/v1/conversations/{conversation}/messages", {"text": HELLO})
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:mainstay:problem:suspended")
    assert "The invoice is open." in refused.json()["detail"]

    await worker.kill()
    await worker.start()
    await say(globex, other)
    await answered(globex, other, 2)
    await eventually(lambda: parked(4), PATIENCE)
    described = await handle.describe()
    assert described.history_length == length, "waiting is no event"
    async with database.tenant(acme.id) as tx:
        handovers = await tx.connection.exec_driver_sql("SELECT handovers FROM messages WHERE status = 'stored'")
        assert list(handovers.scalars()) == [0], "reconcile leaves it alone"
        await tenants.resume(tx)

    await answered(acme, conversation, 2)


# Exported ---------------------------------------------------------------------------------------------------------


async def test_everything_is_exported_once_though_the_worker_is_killed(
    acme: Company, globex: Company, admin: "Admin[asyncpg.Record]", worker: WorkerProcess, database: Database
) -> None:
    await asyncio.gather(lived(acme), lived(globex))
    await add_customers(admin, acme.id)
    begun = await acme.post("/v1/tenant/exports")
    assert begun.status_code == 202, begun.text
    export = begun.json()["id"]
    assert (await acme.post("/v1/tenant/exports")).status_code == 409

    async def parts() -> int:
        found: int = await admin.fetchval("SELECT parts FROM tenant_exports WHERE id = $1", UUID(export))
        return found

    await eventually(parts, PATIENCE)
    await worker.kill()
    made = await parts()
    early = await acme.get(f"/v1/tenant/exports/{export}")
    assert early.json()["status"] == "running", "killed too late to show anything"
    assert (await acme.get(f"/v1/tenant/exports/{export}/file")).status_code == 409
    await worker.start()

    async def done() -> bool:
        return bool((await acme.get(f"/v1/tenant/exports/{export}")).json()["status"] == "done")

    await eventually(done, PATIENCE * 2)
    assert await parts() > made
    assert (await globex.get(f"/v1/tenant/exports/{export}/file")).status_code == 404
    assert (await acme.get(f"/v1/tenant/exports/{export}/file", headers=acme.as_("boris"))).status_code == 403
    fetched = await acme.get(f"/v1/tenant/exports/{export}/file")
    assert fetched.headers["Cache-Control"] == "no-store"
    assert fetched.headers["Content-Disposition"].startswith("attachment")

    archive = zipfile.ZipFile(io.BytesIO(fetched.content))
    assert archive.testzip() is None
    manifest = json.loads(archive.read("manifest.json"))
    rows: dict[str, list[dict[str, Any]]] = {}
    for name in archive.namelist():
        if name.endswith(".ndjson") and not name.startswith("files/"):
            lines = archive.read(name).decode().splitlines()
            rows.setdefault(name.split("/")[0], []).extend(map(json.loads, lines))
    assert {table: len(found) for table, found in rows.items()} == manifest["rows"]
    counts = await rows_of(admin, acme.id)
    for table in exported_tables():
        # What the export itself has written down comes after what it has read.
        if table.name not in ("audit_log", "events", "event_counters"):
            assert len(rows.get(table.name, [])) == counts[table.name], table.name
        keys = [tuple(row[column.name] for column in table.primary_key) for row in rows.get(table.name, [])]
        assert len(set(keys)) == len(keys), table.name
    text = json.dumps(rows)
    assert "do-not-tell" not in text
    assert str(globex.id) not in text
    assert not [
        name for name in COLUMNS_NOT_EXPORTED for row in rows.get(name.split(".")[0], []) if name.split(".")[1] in row
    ]
    sealed = await admin.fetch("SELECT sealed FROM tenant_export_parts WHERE tenant_id = $1", acme.id)
    assert sealed
    assert not [row for row in sealed if b"Aliya" in row["sealed"]]


# Deleted ----------------------------------------------------------------------------------------------------------


async def test_a_deletion_can_be_called_off(acme: Company, worker: WorkerProcess) -> None:
    mistyped = await acme.http.request("DELETE", "/v1/tenant", json={"slug": "acme"})
    assert (mistyped.status_code, mistyped.json()["errors"][0]["field"]) == (422, "slug")
    admin_only = await acme.http.request("DELETE", "/v1/tenant", json={"slug": acme.slug}, headers=acme.as_("boris"))
    assert admin_only.status_code == 403
    assert (await acme.post("/v1/tenant/deletion/cancel")).status_code == 404
    asked = await acme.http.request("DELETE", "/v1/tenant", json={"slug": acme.slug})
    assert asked.status_code == 202, asked.text
    assert asked.json()["status"] == "waiting"
    assert (await acme.get("/v1/tenant")).status_code == 403
    assert (await acme.http.request("DELETE", "/v1/tenant", json={"slug": acme.slug})).status_code == 403
    assert (await acme.get("/v1/tenant/deletion", headers=acme.as_("boris"))).status_code == 403
    assert (await acme.get("/v1/tenant/deletion")).json()["status"] == "waiting"
    cancelled = await acme.post("/v1/tenant/deletion/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (await acme.get("/v1/tenant")).status_code == 200
    assert (await acme.post("/v1/tenant/deletion/cancel")).status_code == 409


async def test_nothing_is_left_of_a_deleted_tenant_though_the_worker_is_killed(
    acme: Company,
    globex: Company,
    admin: "Admin[asyncpg.Record]",
    worker: WorkerProcess,
    client: Client,
    database: Database,
) -> None:
    await asyncio.gather(lived(acme), lived(globex))
    await add_customers(admin, acme.id)
    for tenant in (acme.id, globex.id):
        await schedules.put_reindex(client, tenant, ReindexSchedule(every=timedelta(days=30)))
    crawls = await asyncio.gather(scheduled_crawl(acme), scheduled_crawl(globex))
    before, neighbour = await rows_of(admin, acme.id), await rows_of(admin, globex.id)
    assert await process_ids(client, acme.id)
    neighbours = sorted(await process_ids(client, globex.id))
    asked = await acme.http.request("DELETE", "/v1/tenant", json={"slug": acme.slug})
    deletion = UUID(asked.json()["id"])
    # The operator's --now.
    await admin.execute("UPDATE tenant_deletions SET due_at = now() WHERE id = $1", deletion)
    await processes.deletion(client, DeletionInput(tenant_id=acme.id, deletion_id=deletion))

    async def customers_go() -> bool:
        report = await admin.fetchval("SELECT row_counts ->> 'customers' FROM tenant_deletions WHERE id = $1", deletion)
        return report is not None

    await eventually(customers_go, PATIENCE)
    await worker.kill()
    assert 0 < (await rows_of(admin, acme.id))["customers"] < MANY, "killed too late to show anything"
    assert (await acme.get("/v1/tenant/deletion")).status_code == 401, "its keys went first"
    async with database.tenant(acme.id) as tx:
        assert await tenant_deletion.cancel(tx) is None, "it has begun"
    await worker.start()

    async def finished() -> bool:
        found = await admin.fetchval("SELECT finished_at FROM tenant_deletions WHERE id = $1", deletion)
        return found is not None

    await eventually(finished, PATIENCE * 2)
    assert set((await rows_of(admin, acme.id)).values()) == {0}
    assert not await admin.fetchval("SELECT count(*) FROM media_garbage WHERE tenant_id = $1", acme.id), (
        "no file either"
    )
    assert await process_ids(client, acme.id) == []
    assert await schedules.get_reindex(client, acme.id) is None
    assert await schedules.get_reindex(client, globex.id) is not None
    assert not await schedules.delete_crawl(client, acme.id, crawls[0])
    assert await schedules.delete_crawl(client, globex.id, crawls[1])
    # What goes on there goes on: its usage is entered seconds later.
    kept = await rows_of(admin, globex.id)
    assert {table: count for table, count in neighbour.items() if kept[table] < count} == {}
    assert sorted(await process_ids(client, globex.id)) == neighbours
    assert (await acme.get("/v1/tenant")).status_code == 401
    report = json.loads(await admin.fetchval("SELECT row_counts FROM tenant_deletions WHERE id = $1", deletion))
    assert report["customers"] == before["customers"]
    # What the deletion itself was written down in is there too.
    assert report["audit_log"] >= before["audit_log"]
    assert {table for table, count in before.items() if count} <= report.keys()
    row = await admin.fetchrow("SELECT processes, asked_by_kind, slug FROM tenant_deletions WHERE id = $1", deletion)
    assert row is not None
    assert row["processes"] >= 2
    assert (row["asked_by_kind"], row["slug"]) == ("api_key", acme.slug)


@pytest.mark.parametrize(
    "attempt",
    [
        "SELECT delete_tenant_rows('{tenant}', 'messages', 10)",
        "DELETE FROM tenants",
        "DELETE FROM audit_log",
        "UPDATE tenant_deletions SET due_at = now()",
        "INSERT INTO tenant_deletions (tenant_id, id) VALUES ('{tenant}', '{tenant}')",
        "UPDATE tenant_deletions SET started_at = now()",
    ],
)
async def test_the_application_role_deletes_no_tenant_that_is_not_due(
    acme: Company, servers: Servers, attempt: str
) -> None:
    connection = await asyncpg.connect(driver_url(servers.database_url))
    try:
        await connection.execute(f"SELECT set_config('app.tenant', '{acme.id}', false)")
        due = await connection.fetchval(
            "SELECT ask_tenant_deletion(gen_random_uuid(), interval '-1 year', 'system', NULL) - now()"
        )
        assert due.total_seconds() > 3500, "nobody is quicker than an hour"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(attempt.format(tenant=acme.id))
    finally:
        await connection.close()


async def test_what_has_begun_deletes_tables_of_tenants_and_no_others(
    acme: Company, servers: Servers, admin: "Admin[asyncpg.Record]"
) -> None:
    connection = await asyncpg.connect(driver_url(servers.database_url))
    try:
        await connection.execute(f"SELECT set_config('app.tenant', '{acme.id}', false)")
        await connection.fetchval("SELECT ask_tenant_deletion(gen_random_uuid(), interval '1 hour', 'system', NULL)")
        await admin.execute("UPDATE tenant_deletions SET started_at = now() WHERE tenant_id = $1", acme.id)
        for table in ("tenants", "tenant_deletions", "installation_keys", "pg_authid", "messages; DROP TABLE messages"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("SELECT delete_tenant_rows($1, $2, 10)", acme.id, table)
    finally:
        await connection.close()


# On the command line ----------------------------------------------------------------------------------------------


async def test_an_operator_does_all_of_it(
    acme: Company, admin: "Admin[asyncpg.Record]", worker: WorkerProcess, tmp_path: Path
) -> None:
    async def mainstay(*arguments: str, fails: bool = False) -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "tenant", *arguments),
            cwd=ROOT,
            env=worker.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert (process.returncode != 0) == fails, err.decode()
        return (err if fails else out).decode()

    await mainstay("suspend", acme.slug, "--reason", "Unpaid.")
    assert "Unpaid." in (await acme.get("/v1/tenant")).json()["detail"]
    shown = json.loads(await mainstay("show", acme.slug, "--json"))
    assert (shown["suspended"], shown["members"], shown["branches"], shown["deletion"]) == (True, 4, 1, None)
    await mainstay("resume", acme.slug)
    assert (await acme.get("/v1/tenant")).status_code == 200

    file = tmp_path / "acme.zip"
    await mainstay("export", acme.slug, "--to", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    members = zipfile.ZipFile(file).read("members/00001.ndjson").decode().splitlines()
    assert {json.loads(line)["name"] for line in members} == {"Owner", "Aigerim", "Boris", "User"}
    assert "exists already" in await mainstay("export", acme.slug, "--to", str(file), fails=True)

    assert "--yes" in await mainstay("delete", acme.slug, fails=True)
    await mainstay("delete", acme.slug, "--yes")
    assert "mainstay tenant keep" in await mainstay("resume", acme.slug, fails=True)
    await mainstay("keep", acme.slug)
    assert (await acme.get("/v1/tenant")).status_code == 200
    deleted = json.loads(await mainstay("delete", acme.slug, "--yes", "--now", "--json"))
    assert (deleted["status"], deleted["row_counts"]["tenants"]) == ("done", 1)
    assert set((await rows_of(admin, acme.id)).values()) == {0}
    listed = json.loads(await mainstay("deletions", "--json"))
    assert [each["status"] for each in listed if each["slug"] == acme.slug] == ["done", "cancelled"]
    assert "there is no tenant" in await mainstay("show", acme.slug, fails=True)
