"""Servers behind the gateway away: messages are stored or refused with 503, and nothing is lost or stored twice."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.engine import make_url

from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import HELLO, Company, company, serving, settings_of
from tests.service.api.signing import message, sender
from tests.service.api.wire import Wire


@pytest.fixture
async def postgres(servers: Servers) -> AsyncIterator[Wire]:
    url = make_url(servers.database_url)
    async with Wire.to(url.host or "", url.port or 0) as wire:
        yield wire


@pytest.fixture
async def temporal(servers: Servers) -> AsyncIterator[Wire]:
    host, _, port = servers.temporal_address.rpartition(":")
    async with Wire.to(host, int(port)) as wire:
        yield wire


@pytest.fixture
async def far(
    servers: Servers, postgres: Wire, temporal: Wire, database: Database, worker: None
) -> AsyncIterator[Company]:
    """A tenant whose gateway reaches its servers over wires that can be cut."""
    database_url = make_url(servers.database_url).set(host="127.0.0.1", port=postgres.port)
    settings = settings_of(
        servers,
        database_url=database_url.render_as_string(hide_password=False),
        temporal_address=f"127.0.0.1:{temporal.port}",
    )
    async with serving(settings) as (url, _), company(database, url) as far:
        yield far


async def test_without_postgres_nothing_is_promised_and_nothing_is_lost(far: Company, postgres: Wire) -> None:
    conversation = await far.opened()
    await postgres.cut()
    for _ in range(3):
        refused = await far.post(
            f"/v1/conversations/{conversation}/messages", {"text": HELLO, "client_message_id": "m"}
        )
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "2"
        assert refused.headers["content-type"] == "application/problem+json"
    assert (await far.get("/health/live")).status_code == 200
    assert (await far.get("/health/ready")).status_code == 503
    await postgres.join()
    await far.until_ready()
    assert (await far.said(conversation, client_message_id="m"))["duplicate"] is False
    listed = (await far.get(f"/v1/conversations/{conversation}/messages")).json()["items"]
    assert [each["author"] for each in listed] == ["customer", "bot"]


async def test_without_postgres_a_webhook_is_asked_to_come_again(far: Company, postgres: Wire) -> None:
    shop = await sender(far)
    given = message()
    await postgres.cut()
    refused = await shop.deliver(given, name="d-1")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    await postgres.join()
    await far.until_ready()
    stored = await shop.deliver(given, name="d-1")
    assert (stored.status_code, stored.json()["duplicate"]) == (200, False)


async def test_without_temporal_a_webhook_is_stored(far: Company, temporal: Wire) -> None:
    shop = await sender(far)
    await temporal.cut()
    stored = await shop.deliver(message())
    assert (stored.status_code, stored.json()["duplicate"]) == (200, False)


async def test_a_stream_outlives_an_outage_of_postgres(far: Company, postgres: Wire) -> None:
    conversation = await far.opened()
    async with far.stream(f"/v1/conversations/{conversation}/events") as stream:
        await far.said(conversation, "before")
        await stream.until("state")
        await postgres.cut()
        assert (await far.get("/v1/conversations")).status_code == 503
        await postgres.join()
        await far.until_ready()
        await far.said(conversation, "after")
        events = await stream.until("state")
    assert [event.data["text"] for event in events if event.data.get("author") == "customer"] == ["after"]


async def test_without_temporal_messages_are_accepted_and_nobody_waits_long(far: Company, temporal: Wire) -> None:
    conversation = await far.opened()
    await far.said(conversation)
    await temporal.cut()
    began = time.monotonic()
    accepted = [
        await far.post(f"/v1/conversations/{conversation}/messages", {"text": HELLO, "client_message_id": f"m{n}"})
        for n in range(10)
    ]
    assert [response.status_code for response in accepted] == [202] * 10
    assert time.monotonic() - began < 8, "while Temporal is away only few requests find that out"
    command = await far.post(f"/v1/conversations/{conversation}/close")
    assert command.status_code == 503
    assert command.headers["retry-after"] == "2"
    ready = await far.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["status"] == "degraded"
    async with far.stream(f"/v1/conversations/{conversation}/events") as stream:
        await temporal.join()
        # Nobody repeats anything and no reconcile runs here: the gateway itself remembers whom it owes.
        handled: set[str] = set()
        while not {response.json()["message_id"] for response in accepted} <= handled:
            for event in await stream.until("state"):
                handled |= set(event.data.get("handled", []))
    answered = await far.said(conversation, client_message_id="m9")
    assert answered["duplicate"] is True
    assert answered["reply"] is not None


async def test_a_gateway_starts_without_its_servers(
    far: Company, postgres: Wire, temporal: Wire, servers: Servers
) -> None:
    await postgres.cut()
    await temporal.cut()
    url = make_url(servers.database_url).set(host="127.0.0.1", port=postgres.port)
    settings = settings_of(
        servers, database_url=url.render_as_string(hide_password=False), temporal_address=f"127.0.0.1:{temporal.port}"
    )
    async with serving(settings) as (address, _):
        assert (await far.http.get(f"{address}/health/live")).status_code == 200
        assert (await far.http.get(f"{address}/health")).json()["status"] == "unavailable"
        assert (await far.http.get(f"{address}/v1/conversations")).status_code == 503
        await postgres.join()
        async with asyncio.timeout(10):
            while (await far.http.get(f"{address}/health/ready")).status_code != 200:  # noqa: ASYNC110  # no event
                await asyncio.sleep(0.05)
        assert (await far.http.get(f"{address}/v1/conversations")).status_code == 200
