"""No text of a customer, a manager, a page or a model is kept anywhere but in the records, and no secret anywhere.

A real system of several processes lives through a day of texts that all hold a marker, failures included. Then every
history, log and metric is searched for it. Each search also looks for something that has to be there.
"""

import base64
import json
import re
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import default
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
from google.protobuf.json_format import ParseDict
from llmock.scenarios import Behavior, Fail, Match, Reply
from llmock.testing import LLMockServer
from pyotp import TOTP
from temporalio.api.common.v1 import Payload
from temporalio.client import Client

from cli.context import running_settings
from models.contracts.conversation import Actor, CommandInput
from models.contracts.enums import Command, Role
from models.contracts.routing import conversation_id
from models.payload_keys import connected
from models.tables import metadata
from runtime.database import Database, driver_url
from runtime.embedded.ports import pick
from runtime.home import Home
from runtime.runfile import RunFile
from tests.service.api.house import Company, company
from tests.service.api.signing_in import PASSWORD, give_password, log_in, refreshed, try_login
from tests.service.processes import up
from tests.service.whole import eventually, job_is_done, messages_of, open_escalation

MARKER = "qzxv"
PAGE = f"# Delivery\n\nDelivery to Astana takes 2 days and costs 1,490 ₸. The courier is called {MARKER}page."
QUESTION = f"How much is delivery to Astana? I am {MARKER}customer."
QUESTION_RU = f"Сколько стоит доставка в Астану? Меня зовут {MARKER}покупатель."
UNCOVERED = f"Do you repair the roofs of {MARKER}castle?"
PERSON = f"Can I speak to a real person, please? {MARKER}angry"
ANSWER = f"Delivery to Astana takes 2 days and costs 1,490 ₸. {MARKER}model"

STREAMS = Match(stream=True)
A_QUESTION = Reply(text='{"intents": ["question"], "confidence": 0.9}', times=None, match=Match(stream=False))
"""What the model takes every message for: what it is told to write is asked for only then."""


class Day:
    """The system after its day: where it ran, and the names of what must be found."""

    def __init__(self, home: Home, found: RunFile, client: Client, metrics: str) -> None:
        self.home, self.found, self.client, self.metrics = home, found, client, metrics
        self.conversations: list[str] = []
        self.secrets: dict[str, str] = {}
        """What somebody was given, or gave, to get in: by what it is."""


@pytest.fixture(scope="module")
async def day(tmp_path_factory: pytest.TempPathFactory, model_server: LLMockServer) -> AsyncIterator[Day]:
    folder = tmp_path_factory.mktemp("private") / "data"
    metrics = f"127.0.0.1:{pick(set())}"
    chosen = {
        "LOG_LEVEL": "debug",
        "METRICS_ADDRESS": metrics,
        "LLM_PROVIDER": "openai",
        "LLM_MODEL": "gpt-4o",
        "LLM_URL": model_server.base_url(),
        "LLM_UNDERSTANDS": "true",
        "LLM_TURN_SECONDS": "3",
        "RECONCILE_SECONDS": "1",
    }
    async with up(folder, **chosen) as found, connected(running_settings(folder)) as client:
        day = Day(Home.at(folder), found, client, metrics)
        database = Database(found.database_url)
        async with company(database, found.api_url) as altyn:
            await get_in(day, altyn, database)
            await live_through(day, altyn, model_server)
        await database.close()
        yield day


async def get_in(day: Day, altyn: Company, database: Database) -> None:
    """Every kind of credential there is, used once, and some of them wrongly."""
    secrets = day.secrets
    secrets |= {f"key of {name}": key for name, key in altyn.keys.items()}
    secrets["password"] = PASSWORD
    address = await give_password(database, altyn, "owner")
    login = await log_in(altyn.http, address)
    secrets |= {"access token": login.access, "refresh token": login.refresh, "device token": login.device}
    again = (await refreshed(altyn.http, login.refresh)).json()
    headers = {"Authorization": f"Bearer {again['access_token']}"}
    secrets |= {"next access token": again["access_token"], "next refresh token": again["refresh_token"]}
    begun = (await altyn.post("/v1/auth/totp", {"password": PASSWORD}, headers=headers)).json()
    secrets["totp secret"] = begun["secret"]
    codes = await altyn.post("/v1/auth/totp/confirm", {"code": TOTP(begun["secret"]).now()}, headers=headers)
    secrets |= {f"recovery code {n}": code for n, code in enumerate(codes.json()["recovery_codes"])}
    secrets["recovery code, as it is typed"] = codes.json()["recovery_codes"][0].replace("-", "")
    await log_in(altyn.http, address, code=codes.json()["recovery_codes"][0])
    made = (await altyn.post("/v1/keys", {"name": "a key"})).json()
    secrets["made key"] = made["secret"]
    secrets["rotated key"] = (await altyn.post(f"/v1/keys/{made['id']}/rotate")).json()["secret"]
    secrets["tenant's secret"] = f"{MARKER}-{uuid4()}"
    await altyn.http.put("/v1/secrets/crm", json={"value": secrets["tenant's secret"]})
    secrets["wrong password"] = f"wrong {MARKER} {uuid4()}"
    await try_login(altyn.http, address, secrets["wrong password"])
    await altyn.get("/v1/auth/me", headers={"Authorization": f"Bearer {login.access}x"})
    await altyn.get("/v1/auth/me", headers={"Authorization": f"Bearer {altyn.keys['owner']}x"})
    await altyn.post("/v1/members", {"email": f"new@{altyn.slug}.example", "name": "New", "role": "agent"})
    await altyn.post("/v1/auth/forgot-password", {"email": address}, headers={"Authorization": ""})
    await eventually(lambda: mails_are_there(day, 2))
    for number, token in enumerate(re.findall(r"#token=([\w-]+)", written_mails(day))):
        secrets[f"mailed token {number}"] = token


async def mails_are_there(day: Day, number: int) -> bool:
    return len(set(re.findall(r"#token=([\w-]+)", written_mails(day)))) >= number


def written_mails(day: Day) -> str:
    messages = [message_from_bytes(file.read_bytes(), policy=default) for file in day.home.mail.glob("*.eml")]
    return "\n".join(body.get_content() for message in messages if (body := message.get_body()) is not None)


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
        [A_QUESTION, Reply(text=ANSWER, match=STREAMS)],
        [A_QUESTION, Reply(text=f"It costs 7,777 ₸, says {MARKER}invented.", match=STREAMS)],
        [Fail(400, message=f"{MARKER} refused", times=None)],
        [Reply(text=f"{MARKER} is no JSON", times=None)],
        # Last: after some of these the model is left alone for a while.
        [Fail(500, message=f"{MARKER} overloaded", times=None)],
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
            reply = {"text": f"We do. {MARKER}manager", "attachment_ids": [await uploaded(day, altyn, conversation)]}
            for verb, body in (("take", {}), ("reply", reply), ("resolve", {})):
                done = await altyn.post(f"{escalation}/{verb}", body, headers=altyn.as_(answering))
                assert done.is_success, done.text
            await stream.until("learned")

    # What is refused, and what breaks inside.
    await altyn.post(f"/v1/conversations/{conversation}/messages", {"text": f"{MARKER} " * 9000})
    await altyn.post(f"/v1/conversations/{conversation}/messages", {f"{MARKER}field": f"{MARKER}value"})
    await altyn.get(f"/v1/conversations/{MARKER}")
    await altyn.http.post("/v1/conversations", content=f'{{"text": "{MARKER}', headers={"Authorization": MARKER})
    await a_step_fails_on_a_customers_row(day, altyn, await opened())


async def uploaded(day: Day, altyn: Company, conversation: str) -> str:
    """A file's id; somebody has fetched it by its link."""
    file = {"file": (f"{MARKER}.txt", f"{MARKER} file".encode())}
    stored = (await altyn.http.post(f"/v1/conversations/{conversation}/attachments", files=file)).json()
    link = urlsplit(stored["url"])
    day.secrets["link to a file"] = parse_qs(link.query)["signature"][0]
    fetched = await altyn.get(f"{link.path}?{link.query}", headers={"Authorization": ""})
    assert fetched.text == f"{MARKER} file", fetched.text
    found: str = stored["id"]
    return found


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


async def plain(day: Day, value: Any) -> list[str]:
    """Every string below `value`, with payloads decrypted and decoded: ciphertext would hide what should not be there."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [each for item in value for each in await plain(day, item)]
    if not isinstance(value, dict):
        return []
    if "metadata" in value and "data" in value:
        codec = day.client.data_converter.payload_codec
        assert codec is not None, "payloads are encrypted"
        (payload,) = await codec.decode([ParseDict(value, Payload())])
        return [payload.data.decode(errors="replace")]
    return [each for item in value.values() for each in await plain(day, item)]


async def test_histories_hold_no_texts(day: Day) -> None:
    kinds, seen = set(), ""
    async for execution in day.client.list_workflows():
        kinds.add(execution.workflow_type)
        handle = day.client.get_workflow_handle(execution.id, run_id=execution.run_id)
        history = "\n".join(await plain(day, json.loads((await handle.fetch_history()).to_json())))
        now = await handle.describe()
        for text in (history, str(now.raw_description), str(await now.static_details())):
            assert MARKER not in text, f"{execution.workflow_type} {execution.id}"
            assert secrets_in(day, text) == [], f"{execution.workflow_type} {execution.id}"
        seen += history
    assert kinds == {"conversation", "escalation", "ingest", "mail", "reconcile"}
    assert all(conversation in seen for conversation in day.conversations)


async def test_temporals_database_holds_no_texts(day: Day) -> None:
    files = sorted(day.home.root.glob("temporal.db*"))
    content = b"".join(file.read_bytes() for file in files)
    assert all(conversation.encode() in content for conversation in day.conversations)
    assert MARKER.encode() not in content
    assert base64.b64encode(MARKER.encode())[:5] not in content
    assert secrets_in(day, content.decode(errors="replace")) == []


def log_of(day: Day, process: str) -> str:
    return (day.home.logs / f"{process}.log").read_text(errors="replace")


async def test_logs_hold_no_texts(day: Day) -> None:
    logs = {process: log_of(day, process) for process in ("api", "worker", "postgres", "temporal")}
    leaking = {name: line for name, text in logs.items() for line in text.splitlines() if MARKER in line}
    assert leaking == {}
    assert secrets_in(day, "\n".join(logs.values())) == []
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
    assert secrets_in(day, api + worker) == []


# Where what customers, managers and pages say is kept, because it is the record of it.
RECORD = {
    "attachments": {"name"},
    "chunks": {"heading", "text", "words"},
    "conversations": {"chat_id"},
    "customers": {"external_id", "name"},
    "documents": {"body", "title"},
    "drafts": {"text"},
    "idempotency_keys": {"body"},
    "ingest_files": {"name", "uri"},
    "learned_answers": {"answer", "question"},
    "messages": {"citations", "text"},
    "previews": {"text"},
    "sources": {"name"},
    "vocabulary": {"word"},
}


async def test_the_records_hold_texts_where_they_belong_and_secrets_nowhere(day: Day) -> None:
    connection = await asyncpg.connect(driver_url(str(day.found.admin_database_url)))
    found: dict[str, set[str]] = {}
    try:
        for table in metadata.sorted_tables:
            for row in await connection.fetch(f"SELECT to_jsonb(t)::text AS content FROM {table.name} t"):
                columns = json.loads(row["content"])
                assert secrets_in(day, row["content"]) == [], table.name
                holding = {name for name, value in columns.items() if MARKER in json.dumps(value, ensure_ascii=False)}
                if holding:
                    found[table.name] = found.get(table.name, set()) | holding
    finally:
        await connection.close()
    misplaced = {table: rest for table, columns in found.items() if (rest := columns - RECORD.get(table, set()))}
    assert misplaced == {}
    assert found["messages"] >= {"text"}


def secrets_in(day: Day, text: str) -> list[str]:
    """The secrets that `text` holds, as they are, in base64 or in hex."""
    assert len(day.secrets) > 20
    return [
        name
        for name, secret in day.secrets.items()
        if any(
            form in text
            for form in (secret, base64.b64encode(secret.encode()).decode().rstrip("="), secret.encode().hex())
        )
    ]


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
