"""A gateway as clients meet it: over HTTP, on real servers, with a worker whose steps are scripted by the text."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from pydantic import SecretStr
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.routes.build import Routes
from api.answering import OpenAnswerer
from api.app import create_app
from api.connecting import OpenConnector
from api.search import OpenSearcher
from api.server import Server, configuration
from models.contracts.enums import Intent, Language, Role
from models.contracts.escalation import CLIMB, LEARN, PLAN, Climbed, ClimbInput, Learned, LearnInput, Plan, PlanInput
from models.contracts.knowledge import Understanding
from models.contracts.routing import CONVERSATIONS_QUEUE
from models.contracts.turn import PREPARE, RECORD, Prepared, PrepareInput, Recorded, RecordInput
from models.repositories import api_keys, messages, records, tenants
from models.repositories.records import Outgoing
from models.repositories.tenants import Member
from runtime.crypto.roots import new_root
from runtime.database import Database
from runtime.embedded import Servers
from runtime.ids import new_id
from runtime.settings import Settings
from workflows.conversation import ConversationWorkflow
from workflows.escalation import EscalationWorkflow

TEST_HOME = Path(__file__).parents[3] / "build" / "test-home"
"""Kept between runs of the tests, with what is cached in it."""

ROOT_KEYS = new_root()
"""Of every system in this process: several of them share servers."""

HELLO, PERSON = "Hello!", "I want to talk to a person."


def settings_of(servers: Servers, **changes: Any) -> Settings:
    given = {
        "database_url": SecretStr(servers.database_url),
        "root_keys": SecretStr(ROOT_KEYS),
        "temporal_address": servers.temporal_address,
        "port": 0,
        "drain_seconds": 5,
        # All tests come from one address.
        "rate_limit_sign_in": "1000000/minute",
        "rate_limit_strangers": "1000000/minute",
        **changes,
    }
    return Settings(_env_file=None, **given)


# --- Gateway


@asynccontextmanager
async def serving(
    settings: Settings,
    open_searcher: OpenSearcher | None = None,
    open_answerer: OpenAnswerer | None = None,
    open_connector: OpenConnector | None = None,
) -> AsyncIterator[tuple[str, Server]]:
    """The gateway on a free port; its URL, and the server to stop it by."""
    app = create_app(settings, open_searcher=open_searcher, open_answerer=open_answerer, open_connector=open_connector)
    server = Server(app, configuration(app, settings))
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the gateway did not start"
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", server
    server.should_exit = True
    await task


# --- Worker


@asynccontextmanager
async def working(client: Client, database: Database) -> AsyncIterator[None]:
    """Real conversations and escalations; who wants a person says PERSON, everybody else is greeted."""

    @activity.defn(name=PREPARE.name)
    async def prepare(given: PrepareInput) -> Prepared:
        async with database.tenant(given.tenant_id) as tx:
            burst = await messages.unhandled(tx, given.conversation_id, given.message_ids)
        if burst is None:
            return Prepared(message_ids=())
        wants = Intent.HUMAN_REQUEST if burst.text.endswith(PERSON) else Intent.GREETING
        understanding = Understanding(intent=wants, confidence=1, intents=(wants,), language=Language.EN)
        return Prepared(message_ids=burst.ids, understanding=understanding)

    @activity.defn(name=RECORD.name)
    async def record(given: RecordInput) -> Recorded:
        words = Outgoing("Words of the bot.", [{"title": "Help", "uri": None, "quote": "Words"}])
        async with database.tenant(given.tenant_id) as tx:
            applied = await records.apply(
                tx, given.conversation_id, given.run, given.record, words if given.record.reply else None
            )
        return applied.recorded

    @activity.defn(name=PLAN.name)
    async def plan(_: PlanInput) -> Plan:
        return Plan(rungs=())

    @activity.defn(name=CLIMB.name)
    async def climb(_: ClimbInput) -> Climbed:
        return Climbed(pending=False)

    @activity.defn(name=LEARN.name)
    async def learn(_: LearnInput) -> Learned:
        return Learned()

    async with Worker(
        client,
        task_queue=CONVERSATIONS_QUEUE,
        workflows=[ConversationWorkflow, EscalationWorkflow],
        activities=[prepare, record, plan, climb, learn],
    ):
        yield


# --- Tenants


@dataclass
class Company:
    """A tenant of its own, with a client that holds a key of each of its members."""

    id: UUID
    slug: str
    members: dict[str, Member]
    keys: dict[str, str]
    http: httpx.AsyncClient
    # Of the worker, where there is a real one.
    routes: Routes | None = None

    def as_(self, name: str) -> dict[str, str]:
        """Headers with the key of a member."""
        return {"Authorization": f"Bearer {self.keys[name]}"}

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.http.get(path, **options)

    async def post(self, path: str, body: Any = None, *, key: str | None = None, **options: Any) -> httpx.Response:
        headers = options.pop("headers", {}) | ({} if key is None else {"Idempotency-Key": key})
        return await self.http.post(path, json=body, headers=headers, **options)

    async def until_ready(self) -> None:
        """Wait for the gateway to have found its servers again."""
        async with asyncio.timeout(20):
            while (await self.get("/health")).json()["status"] != "ok":  # noqa: ASYNC110  # another's state, no event
                await asyncio.sleep(0.05)

    async def opened(self, **body: Any) -> str:
        """A new conversation's id."""
        response = await self.post("/v1/conversations", body)
        assert response.is_success, response.text
        found: str = response.json()["id"]
        return found

    async def said(self, conversation: str, text: str = HELLO, *, wait: float = 20, **body: Any) -> Any:
        """A message, with the bot's reply to it."""
        response = await self.post(f"/v1/conversations/{conversation}/messages?wait={wait}", {"text": text, **body})
        assert response.status_code == 200, response.text
        return response.json()

    async def escalated(self) -> tuple[str, str]:
        """A conversation whose customer has asked for a person, and the escalation."""
        conversation = await self.opened()
        await self.said(conversation, PERSON)
        listed = (await self.get("/v1/escalations?status=pending&limit=200")).json()["items"]
        return conversation, next(each["id"] for each in listed if each["conversation_id"] == conversation)

    @asynccontextmanager
    async def stream(self, path: str, **headers: str) -> AsyncIterator["Stream"]:
        async with self.http.stream("GET", path, headers=headers, timeout=30) as response:
            assert response.status_code == 200, (await response.aread()).decode()
            yield Stream(response)


@dataclass
class Received:
    """`id` -1: it has none."""

    id: int
    type: str
    data: dict[str, Any]


class Stream:
    """Server-sent events, one at a time."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> Received | None:
        """The next event; None when the stream has ended."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                return Received(int(fields.get("id", -1)), fields["event"], json.loads(fields["data"]))
        return None

    async def until(self, type_: str, **wanted: Any) -> list[Received]:
        """Events up to and including the first of `type_` whose data has what is `wanted`."""
        got: list[Received] = []
        while True:
            event = await self.next()
            assert event is not None, f"the stream ended before {type_} {wanted}: {got}"
            got.append(event)
            if event.type == type_ and all(event.data.get(name) == value for name, value in wanted.items()):
                return got


@asynccontextmanager
async def company(database: Database, url: str) -> AsyncIterator[Company]:
    """A new tenant with an owner and two agents, Aigerim and Boris. The client speaks as the owner."""
    tenant = new_id()
    slug = f"t-{tenant.hex}"
    people = {"owner": Role.OWNER, "aigerim": Role.AGENT, "boris": Role.AGENT, "user": Role.USER}
    members, keys = {}, {}
    async with database.tenant(tenant) as tx:
        await tenants.create(tx, slug=slug, name="A company", language=Language.EN)
        for name, role in people.items():
            members[name] = await tenants.add_member(tx, name=name.title(), role=role)
            keys[name] = (await api_keys.create(tx, members[name].id, name="test"))[1]
    headers = {"Authorization": f"Bearer {keys['owner']}"}
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, limits=limits, trust_env=False) as http:
        yield Company(tenant, slug, members, keys, http)
