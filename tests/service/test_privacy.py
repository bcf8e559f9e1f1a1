"""No text of a customer, a manager, a page or a model is kept anywhere but in the records.

A real system of several processes lives through a day of texts that all hold a marker, failures included. Then every
history, log and metric is searched for it. Each search also looks for something that has to be there.
"""

import base64
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from llmock.scenarios import Behavior, Fail, Match, Reply
from llmock.testing import LLMockServer
from temporalio.client import Client

from cli.system import System
from models.contracts.conversation import Actor, CommandInput
from models.contracts.enums import Command, Role
from models.contracts.routing import conversation_id
from runtime.database import Database, driver_url
from runtime.embedded.ports import pick
from runtime.home import Home
from runtime.runfile import RunFile
from runtime.settings import Settings
from runtime.temporal import connect
from tests.service.api.house import Company, company
from tests.service.whole import eventually, job_is_done, messages_of, open_escalation

MARKER = "qzxv"
PAGE = f"# Delivery\n\nDelivery to Astana takes 2 days and costs 1,490 ₸. The courier is called {MARKER}page."
QUESTION = f"How much is delivery to Astana? I am {MARKER}customer."
QUESTION_RU = f"Сколько стоит доставка в Астану? Меня зовут {MARKER}покупатель."
UNCOVERED = f"Do you repair the roofs of {MARKER}castle?"
PERSON = f"Can I speak to a real person, please? {MARKER}angry"
ANSWER = f"Delivery to Astana takes 2 days and costs 1,490 ₸. {MARKER}model"

STREAMS = Match(stream=True)


class Day:
    """The system after its day: where it ran, and the names of what must be found."""

    def __init__(self, home: Home, found: RunFile, client: Client, metrics: str) -> None:
        self.home, self.found, self.client, self.metrics = home, found, client, metrics
        self.conversations: list[str] = []


@pytest.fixture(scope="module")
async def day(tmp_path_factory: pytest.TempPathFactory, llmock_server: LLMockServer) -> AsyncIterator[Day]:
    folder = tmp_path_factory.mktemp("private") / "data"
    metrics = f"127.0.0.1:{pick(set())}"
    chosen = {
        "DATA_DIR": str(folder),
        "LOG_LEVEL": "debug",
        "METRICS_ADDRESS": metrics,
        "LLM_PROVIDER": "openai",
        "LLM_MODEL": "gpt-4o",
        "LLM_URL": llmock_server.base_url(),
        "LLM_UNDERSTANDS": "true",
        "LLM_TURN_SECONDS": "3",
        "LLM_STALL_SECONDS": "0.5",
        "DRAIN_SECONDS": "2",
        "PORT": "0",
        "RECONCILE_SECONDS": "1",
    }
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("MAINSTAY_")]:
            environment.delenv(name)
        for name, value in chosen.items():
            environment.setenv(f"MAINSTAY_{name}", value)
        async with System(Settings(_env_file=None), print).running() as found:
            client = await connect(Settings(_env_file=None, temporal_address=found.temporal_address))
            day = Day(Home.at(folder), found, client, metrics)
            database = Database(found.database_url)
            async with company(database, found.api_url) as altyn:
                await live_through(day, altyn, llmock_server)
            await database.close()
            yield day


async def live_through(day: Day, altyn: Company, model: LLMockServer) -> None:
    staged = await altyn.post(
        "/v1/kb/sources", {"name": f"{MARKER} source", "documents": [{"name": "d", "text": PAGE}]}
    )
    await eventually(lambda: job_is_done(altyn, staged.json()["job_id"]), 60)

    async def opened() -> str:
        customer = {"external_id": f"{MARKER}-{uuid4()}", "name": f"{MARKER} Name"}
        day.conversations.append(await altyn.opened(customer=customer))
        return day.conversations[-1]

    faults: list[list[Behavior]] = [
        [Reply(text=ANSWER, match=STREAMS)],
        [Reply(text=f"It costs 7,777 ₸, says {MARKER}invented.", match=STREAMS)],
        [Fail(500, message=f"{MARKER} overloaded", times=None)],
        [Fail(400, message=f"{MARKER} refused", times=None)],
        [Reply(text=f"{MARKER} is no JSON", times=None)],
    ]
    for behaviours in faults:
        for question in (QUESTION, QUESTION_RU):
            model.state.scenarios.clear()
            model.state.scenarios.add(*behaviours)
            await altyn.said(await opened(), question)
    model.state.scenarios.clear()
    model.state.scenarios.add(Fail(503, times=None))

    for answering in ("aigerim", "owner"):
        conversation = await opened()
        await altyn.said(conversation, UNCOVERED)
        if answering == "owner":
            await altyn.said(conversation, PERSON)
        escalation = f"/v1/escalations/{(await open_escalation(altyn, conversation))['id']}"
        async with altyn.stream(f"/v1/conversations/{conversation}/events") as stream:
            for verb, body in (("take", {}), ("reply", {"text": f"We do. {MARKER}manager"}), ("resolve", {})):
                done = await altyn.post(f"{escalation}/{verb}", body, headers=altyn.as_(answering))
                assert done.is_success, done.text
            await stream.until("learned")

    # What is refused, and what breaks inside.
    await altyn.post(f"/v1/conversations/{conversation}/messages", {"text": f"{MARKER} " * 9000})
    await altyn.post(f"/v1/conversations/{conversation}/messages", {f"{MARKER}field": f"{MARKER}value"})
    await altyn.get(f"/v1/conversations/{MARKER}")
    await altyn.http.post("/v1/conversations", content=f'{{"text": "{MARKER}', headers={"Authorization": MARKER})
    await a_step_fails_on_a_customers_row(day, altyn, await opened())


async def a_step_fails_on_a_customers_row(day: Day, altyn: Company, conversation: str) -> None:
    """An operator's signal names a customer's message as the manager's reply: the database will not have it."""
    await altyn.said(conversation, PERSON)
    escalation = await open_escalation(altyn, conversation)
    (asked, *_) = await messages_of(altyn, conversation)
    given = CommandInput(
        by=Actor(member_id=altyn.members["aigerim"].id, role=Role.AGENT),
        escalation_id=escalation["id"],
        message_id=asked["id"],
    )
    handle = day.client.get_workflow_handle(conversation_id(altyn.id, conversation))  # type: ignore[arg-type]
    await handle.signal(Command.REPLY.value, given)
    await altyn.said(conversation, PERSON)


def plain(value: Any) -> Iterator[str]:
    """Every string below `value`, with payloads decoded."""
    if isinstance(value, str):
        yield value
        with suppress(ValueError):
            yield base64.b64decode(value, validate=True).decode(errors="replace")
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from plain(item)


async def test_histories_hold_no_texts(day: Day) -> None:
    kinds, seen = set(), ""
    async for execution in day.client.list_workflows():
        kinds.add(execution.workflow_type)
        handle = day.client.get_workflow_handle(execution.id, run_id=execution.run_id)
        history = "\n".join(plain(json.loads((await handle.fetch_history()).to_json())))
        now = await handle.describe()
        for text in (history, str(now.raw_description), str(await now.static_details())):
            assert MARKER not in text, f"{execution.workflow_type} {execution.id}"
        seen += history
    assert kinds == {"conversation", "escalation", "ingest", "reconcile"}
    assert all(conversation in seen for conversation in day.conversations)


async def test_temporals_database_holds_no_texts(day: Day) -> None:
    files = sorted(day.home.root.glob("temporal.db*"))
    content = b"".join(file.read_bytes() for file in files)
    assert all(conversation.encode() in content for conversation in day.conversations)
    assert MARKER.encode() not in content
    assert base64.b64encode(MARKER.encode())[:5] not in content


def log_of(day: Day, process: str) -> str:
    return (day.home.logs / f"{process}.log").read_text(errors="replace")


async def test_logs_hold_no_texts(day: Day) -> None:
    logs = {process: log_of(day, process) for process in ("api", "worker", "postgres", "temporal")}
    leaking = {name: line for name, text in logs.items() for line in text.splitlines() if MARKER in line}
    assert leaking == {}
    assert '"request"' in logs["api"]
    assert "generation failed" in logs["worker"]
    assert "answer blocked" in logs["worker"]


async def test_metrics_hold_no_texts(day: Day) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        api = (await http.get(f"{day.found.api_url}/metrics")).text
        worker = (await http.get(f"http://{day.metrics}/metrics")).text
    assert "mainstay" in api
    assert "temporal_" in worker
    assert MARKER not in api + worker


@pytest.mark.parametrize(
    ("statement", "arguments"),
    [
        (f"SELECT '{MARKER}'::integer", []),
        (f"SELECT {MARKER} FROM nowhere", []),
        (f"SELECT '{MARKER} & |'::tsquery", []),
        ("SELECT $1::text::integer", [MARKER]),
        ("INSERT INTO tenants (id, slug, name) VALUES (gen_random_uuid(), $1, 'Not a slug')", [f"{MARKER} !"]),
    ],
)
async def test_a_failing_statement_is_not_logged(day: Day, statement: str, arguments: list[str]) -> None:
    connection = await asyncpg.connect(driver_url(str(day.found.admin_database_url)))
    with pytest.raises(asyncpg.PostgresError):
        await connection.execute(statement, *arguments)
    await connection.close()
    assert MARKER not in log_of(day, "postgres")
