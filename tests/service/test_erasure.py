"""A customer is erased for good: whatever held their words is searched for them, and nobody else's are touched."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest
from temporalio.client import Client

from models import processes
from models.contracts.privacy import ErasureInput
from models.contracts.routing import conversation_id, escalation_id
from models.payload_keys import connected
from models.repositories import erasure
from models.tables import metadata
from runtime.database import Database, driver_url
from runtime.embedded import Servers
from runtime.media import links
from tests.service.api.house import TEST_HOME, Company, settings_of
from tests.service.whole import eventually, open_escalation, servers_of_its_own, system

MARKER = "qzxverased"
QUESTION = f"Do you rent out {MARKER} castles for weddings?"
ANSWER = "We rent out no castles, but the ballroom on Abay avenue is free on Sundays."
PERSON = f"Can I speak to a real person, please? I am {MARKER}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("erasure")


@pytest.fixture(scope="module")
async def servers(folder: Path) -> AsyncIterator[Servers]:
    async with servers_of_its_own(folder) as servers:
        yield servers


@pytest.fixture(scope="module")
async def client(servers: Servers) -> AsyncIterator[Client]:
    async with connected(settings_of(servers)) as client:
        yield client


@pytest.fixture(scope="module")
async def altyn(servers: Servers) -> AsyncIterator[Company]:
    async with system(servers, learns=False) as altyn:
        yield altyn


@pytest.fixture
async def admin(servers: Servers) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(driver_url(servers.admin_database_url))
    yield connection
    await connection.close()


def temporals_database(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("temporal.db*"))


async def places(admin: "asyncpg.Connection[asyncpg.Record]", words: str) -> set[str]:
    """Every table that holds the words, in whatever column, bytes included."""
    raw = words.encode().hex()
    return {
        table.name
        for table in metadata.sorted_tables
        if await admin.fetchval(
            f"SELECT EXISTS (SELECT FROM {table.name} t WHERE t::text ILIKE $1 OR t::text LIKE $2)",
            f"%{words}%",
            f"%{raw}%",
        )
    }


async def customer_called(altyn: Company, external_id: str) -> dict[str, Any]:
    found = (await altyn.get("/v1/customers", params={"external_id": external_id})).json()["items"]
    assert len(found) == 1
    customer: dict[str, Any] = found[0]
    return customer


async def done(altyn: Company, erasure_id: str) -> dict[str, Any]:
    path = f"/v1/erasures/{erasure_id}"

    async def ended() -> bool:
        return bool((await altyn.get(path)).json()["status"] == "done")

    await eventually(ended, 60)
    report: dict[str, Any] = (await altyn.get(path)).json()
    return report


async def resolved_by_the_owner(altyn: Company, conversation: str) -> str:
    """The escalation's id; its question and answer are knowledge afterwards."""
    escalation: str = (await open_escalation(altyn, conversation))["id"]
    for verb, body in (("take", {}), ("reply", {"text": ANSWER}), ("resolve", {})):
        assert (await altyn.post(f"/v1/escalations/{escalation}/{verb}", body)).is_success
    return escalation


async def test_nothing_of_a_customer_is_left(
    altyn: Company, admin: "asyncpg.Connection[asyncpg.Record]", client: Client, folder: Path
) -> None:
    stays = await altyn.opened(customer={"external_id": "stays"})
    await altyn.said(stays)
    body = {"customer": {"external_id": f"{MARKER}-id", "name": f"{MARKER}Name"}}
    opened = await altyn.post("/v1/conversations", body, key=f"{MARKER}-open")
    conversation = opened.json()["id"]
    await altyn.post(
        f"/v1/conversations/{conversation}/messages?wait=20",
        {"text": QUESTION, "client_message_id": f"{MARKER}-1"},
        key=f"{MARKER}-say",
    )
    escalation = await resolved_by_the_owner(altyn, conversation)

    async def learned() -> bool:
        answer = await altyn.post("/v1/kb/search", {"query": "castles for weddings"})
        return any(MARKER in hit["title"] for hit in answer.json()["passages"])

    await eventually(learned, 60)
    # Another customer is answered from what this one has taught us.
    other = await altyn.opened(customer={"external_id": "other"})
    quoted = (await altyn.said(other, "Do you rent out castles for weddings?"))["reply"]
    assert MARKER in quoted["text"]
    assert ANSWER in quoted["text"]
    # And the first one is waiting for a person again.
    await altyn.said(conversation, PERSON)
    waiting = (await open_escalation(altyn, conversation))["id"]
    form = {"file": (f"{MARKER}.txt", f"{MARKER} file".encode())}
    stored = (await altyn.http.post(f"/v1/conversations/{conversation}/attachments", files=form)).json()
    file = TEST_HOME / "media" / urlsplit(stored["url"]).path.removeprefix(links.PATH)
    assert MARKER in file.read_text()
    customer = await customer_called(altyn, f"{MARKER}-id")
    path = f"/v1/customers/{customer['id']}"
    changed = await altyn.http.patch(path, json={"email": f"{MARKER}@example.com", "phone": "+7 701 123 45 67"})
    assert changed.is_success, changed.text
    assert (await altyn.post(f"{path}/identity-codes", {"conversation_id": conversation})).status_code == 202
    assert {"chunks", "documents"} <= await places(admin, ANSWER)
    planted = await places(admin, MARKER)
    assert planted == {
        "attachments",
        "customers",
        "conversations",
        "documents",
        "idempotency_keys",
        "learned_answers",
        "messages",
    }

    asked = await altyn.http.delete(path)
    assert asked.status_code == 202, asked.text
    assert (await altyn.get(path)).status_code == 404
    assert (await altyn.http.delete(path)).json() == asked.json(), "asked for twice, it is one erasure"
    report = await done(altyn, asked.json()["erasure_id"])

    assert await places(admin, MARKER) == set()
    assert await places(admin, ANSWER) == {"messages"}, "what the other customer was told"
    removed = report["removed"]
    assert {kind: removed[kind] for kind in ("customers", "conversations", "escalations", "learned_answers")} == {
        "customers": 1,
        "conversations": 1,
        "escalations": 2,
        "learned_answers": 1,
    }
    assert (removed["messages"], removed["files"]) == (5, 1)
    assert not file.exists()
    assert removed["knowledge_documents"] == 1
    assert removed["stored_responses"] == 2
    assert removed["identity_codes"] == 1

    ids = [conversation_id(altyn.id, UUID(conversation))]
    ids += [escalation_id(altyn.id, UUID(each)) for each in (escalation, waiting)]
    for process in ids:
        assert [run async for run in client.list_workflows(f'WorkflowId = "{process}"')] == []
    content = temporals_database(folder)
    assert altyn.id.hex.encode() in content.replace(b"-", b"")
    assert MARKER.encode() not in content

    # Others have their words, without the page's title in them, which was the customer's question.
    said = (await altyn.get(f"/v1/conversations/{other}/messages")).json()["items"]
    assert ANSWER in said[1]["text"]
    assert said[1]["citations"][0]["title"] is None
    kept = (await altyn.get(f"/v1/conversations/{stays}/messages")).json()["items"]
    assert [each["author"] for each in kept] == ["customer", "bot"]

    actions = await admin.fetch("SELECT action FROM audit_log WHERE target_id = $1 ORDER BY seq", UUID(customer["id"]))
    assert [row["action"] for row in actions][-2:] == ["customer.erasure_asked", "customer.erased"]


async def test_who_comes_back_is_somebody_new(altyn: Company) -> None:
    before = await altyn.opened(customer={"external_id": "returns", "name": "Before"})
    await altyn.said(before)
    first = await customer_called(altyn, "returns")
    asked = (await altyn.http.delete(f"/v1/customers/{first['id']}")).json()["erasure_id"]
    # At once, while the process may still be at work.
    after = await altyn.opened(customer={"external_id": "returns"})
    assert after != before
    await altyn.said(after)
    await done(altyn, asked)
    again = await customer_called(altyn, "returns")
    assert again["id"] != first["id"]
    assert again["name"] is None
    assert len((await altyn.get(f"/v1/conversations/{after}/messages")).json()["items"]) == 2
    late = await altyn.post(f"/v1/conversations/{before}/messages", {"text": "Hello?"})
    assert late.status_code == 404


async def test_messages_that_come_meanwhile_are_erased_or_refused(
    altyn: Company, admin: "asyncpg.Connection[asyncpg.Record]", client: Client
) -> None:
    conversation = await altyn.opened(customer={"external_id": "talks"})
    await altyn.said(conversation)
    customer = await customer_called(altyn, "talks")
    codes: list[int] = []

    async def talk() -> None:
        while 404 not in codes:
            response = await altyn.post(f"/v1/conversations/{conversation}/messages", {"text": f"{MARKER} late"})
            codes.append(response.status_code)

    talking = asyncio.create_task(talk())
    erasure_id = (await altyn.http.delete(f"/v1/customers/{customer['id']}")).json()["erasure_id"]
    await talking
    assert set(codes) <= {202, 404}
    await done(altyn, erasure_id)
    assert await places(admin, f"{MARKER} late") == set()
    process = conversation_id(altyn.id, UUID(conversation))
    assert [run async for run in client.list_workflows(f'WorkflowId = "{process}"')] == []


async def test_an_erasure_that_was_killed_half_way_goes_on_and_counts_once(
    altyn: Company, servers: Servers, client: Client
) -> None:
    conversations = [
        (await altyn.post("/v1/conversations", {"channel": channel, "customer": {"external_id": "two"}})).json()["id"]
        for channel in ("api", "web")
    ]
    for each in conversations:
        await altyn.said(each)
    customer = await customer_called(altyn, "two")
    database = Database(servers.database_url)
    async with database.tenant(altyn.id) as tx:
        begun = await erasure.begin(tx, UUID(customer["id"]))
    assert begun is not None
    # The worker dies in the second conversation: its transaction is lost.
    async with database.tenant(altyn.id) as tx:
        removed = await erasure.erase_conversation(tx, UUID(conversations[0]))
        await erasure.enter(tx, begun[0], removed)

    async def killed() -> None:
        async with database.tenant(altyn.id) as tx:
            await erasure.erase_conversation(tx, UUID(conversations[1]))
            raise ConnectionError("killed")

    with pytest.raises(ConnectionError):
        await killed()
    async with database.tenant(altyn.id) as tx:
        assert await erasure.erase_conversation(tx, UUID(conversations[0])) == {}
    await database.close()
    start = ErasureInput(tenant_id=altyn.id, erasure_id=begun[0])
    await processes.erase(client, start)
    await processes.erase(client, start)
    report = await done(altyn, str(begun[0]))
    assert (report["removed"]["conversations"], report["removed"]["messages"]) == (2, 4)
