"""A mail that was promised comes, whatever was away; and its token stands nowhere but in it."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest
from temporalio.client import Client, WorkflowHistory

from models.contracts.ingest import RECONCILE, HandOverInput
from models.contracts.routing import OPERATIONS_QUEUE
from models.payload_keys import connected
from runtime.database import Database, driver_url
from runtime.embedded import Servers
from runtime.ids import new_id
from tests.service.api.house import Company, company, serving, settings_of
from tests.service.api.post import Postbox, mailing
from tests.service.api.wire import Wire


@pytest.fixture
async def client(servers: Servers) -> AsyncIterator[Client]:
    async with connected(settings_of(servers)) as client:
        yield client


@pytest.fixture
async def postbox() -> AsyncIterator[Postbox]:
    async with Postbox.open() as postbox:
        yield postbox


async def reconcile(client: Client) -> None:
    """As the schedule does."""
    await client.execute_workflow(
        RECONCILE.name, HandOverInput(after_seconds=0), id=f"reconcile-{new_id()}", task_queue=OPERATIONS_QUEUE
    )


async def test_a_mail_survives_an_outage_of_temporal(
    servers: Servers, database: Database, client: Client, postbox: Postbox
) -> None:
    host, _, port = servers.temporal_address.rpartition(":")
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(Wire.to(host, int(port)))
        url, _ = await stack.enter_async_context(
            serving(settings_of(servers, temporal_address=f"127.0.0.1:{wire.port}"))
        )
        acme = await stack.enter_async_context(company(database, url))
        await wire.cut()
        email = f"{new_id().hex}@example.com"
        invited = await acme.post("/v1/members", {"email": email, "name": "Dana"})
        assert invited.status_code == 201, invited.text
        await stack.enter_async_context(mailing(client, database, postbox.port))
        await reconcile(client)
        purpose, _ = await postbox.token(email)
        assert purpose == "invite"
        assert len(postbox.all_to(email)) == 1


async def test_a_mail_survives_an_outage_of_its_server(
    acme: Company, database: Database, client: Client, postbox: Postbox
) -> None:
    async with Wire.to("127.0.0.1", postbox.port) as wire:
        await wire.cut()
        async with mailing(client, database, wire.port):
            email = f"{new_id().hex}@example.com"
            assert (await acme.post("/v1/members", {"email": email, "name": "Dana"})).status_code == 201
            await wire.join()
            await postbox.to(email)


async def test_a_token_and_a_password_stand_nowhere(
    acme: Company,
    database: Database,
    client: Client,
    postbox: Postbox,
    servers: Servers,
    capfd: pytest.CaptureFixture[str],
) -> None:
    email, password = f"{new_id().hex}@example.com", "correct horse battery staple"
    async with mailing(client, database, postbox.port):
        invited = await acme.post("/v1/members", {"email": email, "name": "Dana"}, key="once")
        _, token = await postbox.token(email)
        accepted = await acme.post("/v1/auth/accept-invite", {"token": token, "password": password}, key="accept")
        assert accepted.status_code == 204
        refused = await acme.post("/v1/auth/accept-invite", {"token": token, "password": password})
        assert refused.status_code == 422
    assert token not in refused.text
    logged = "".join(capfd.readouterr())
    assert "/v1/auth/accept-invite" in logged
    stored = await everything_in(servers)
    assert invited.json()["id"] in stored
    assert email in stored
    found = [await history_of(client, acme, mail_id) for mail_id in await mails_of(servers, acme)]
    assert found
    assert all(str(acme.id) in each for each in found)
    for place in (logged, stored, *found):
        assert token not in place
        assert password not in place
    assert not [each for each in found if email in each]


async def everything_in(servers: Servers) -> str:
    """Every row of every table as text, like a dump."""
    connection = await asyncpg.connect(driver_url(servers.admin_database_url))
    try:
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        rows = [await connection.fetch(f'SELECT t::text FROM "{table["relname"]}" t') for table in tables]
    finally:
        await connection.close()
    return "\n".join(row[0] for found in rows for row in found)


async def mails_of(servers: Servers, acme: Company) -> list[str]:
    connection = await asyncpg.connect(driver_url(servers.admin_database_url))
    try:
        return [str(row["id"]) for row in await connection.fetch("SELECT id FROM mails WHERE tenant_id = $1", acme.id)]
    finally:
        await connection.close()


async def history_of(client: Client, acme: Company, mail_id: str) -> str:
    """A mail's history with its payloads decrypted."""
    history: WorkflowHistory = await client.get_workflow_handle(f"mail/{acme.id}/{mail_id}").fetch_history()
    codec = client.data_converter.payload_codec
    texts = [json.dumps(history.to_json_dict())]
    for event in history.events:
        for attributes in (
            event.workflow_execution_started_event_attributes.input,
            event.activity_task_scheduled_event_attributes.input,
            event.activity_task_completed_event_attributes.result,
        ):
            payloads = list(attributes.payloads)
            decoded = payloads if codec is None else await codec.decode(payloads)
            texts += [payload.data.decode() for payload in decoded]
    return "\n".join(texts)
