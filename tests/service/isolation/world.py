"""Two companies with something of everything, made the way customers and managers make it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import sqlalchemy as sa
from pyotp import TOTP

from models.contracts.channels import Provider
from models.contracts.crawl import AddressKind, CrawlMode
from models.contracts.desk import CardPost
from models.contracts.enums import Role
from models.contracts.knowledge import Usage
from models.contracts.policy import Policy, Topic
from models.contracts.settings import Budgets
from models.contracts.usage import CallOutcome, ModelCall, Purpose, Spender
from models.repositories import (
    api_keys,
    channel_accounts,
    crawl_pages,
    crawls,
    desk_posts,
    desks,
    drafts,
    gaps,
    inbox,
    knowledge_health,
    media_garbage,
    policies,
    previews,
    tenants,
    usage,
)
from models.repositories.crawl_pages import Address
from models.repositories.crawls import Definition
from models.repositories.desk_posts import NewPost
from models.repositories.vault import Vault
from models.tables import channel_inbox, chunks, gap_questions, mails, one_time_tokens, send_ledger
from models.tables import crawl_pages as page_table
from models.tables import gaps as gap_table
from runtime.crypto.roots import RootKeys
from runtime.database import Database, TenantTx
from runtime.embedded import Servers
from runtime.ids import new_id
from tests.service.api.house import ROOT_KEYS, Company, company
from tests.service.api.signing import message, sender
from tests.service.api.signing_in import CHEAP, PASSWORD, give_password, log_in
from tests.service.whole import eventually, job_is_done, open_escalation, system

PAGE = "# Delivery\n\nDelivery to {city} takes 2 days and costs 1,490 ₸. The courier is called {marker}page."
PERSON = "Can I speak to a real person, please? {marker}person"


@dataclass
class Side:
    """One company: its client, the word that is in all of its texts, and the ids of what it has, by kind."""

    company: Company
    marker: str
    session: dict[str, str] = field(default_factory=dict)
    """Headers of the owner, signed in."""
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        return self.company.id

    @property
    def slug(self) -> str:
        return self.company.slug


@dataclass
class World:
    database: Database
    app_url: str
    admin_url: str
    ours: Side
    theirs: Side


@asynccontextmanager
async def two_companies(servers: Servers) -> AsyncIterator[World]:
    async with system(servers, learns=False, **CHEAP) as ours:
        database = Database(servers.database_url)
        async with company(database, str(ours.http.base_url)) as theirs:
            world = World(
                database,
                servers.database_url,
                servers.admin_database_url,
                Side(ours, "qzxvours"),
                Side(theirs, "qzxvtheirs"),
            )
            await asyncio.gather(fill(database, world.ours), fill(database, world.theirs))
            yield world
        await database.close()


async def fill(database: Database, side: Side) -> None:
    """Something of everything, with the side's marker in every text."""
    tenant, ids = side.company, side.ids
    ids["tenant_id"] = str(tenant.id)
    ids["member_id"] = str(tenant.members["aigerim"].id)
    async with database.tenant(tenant.id) as tx:
        tenant.members["admin"] = await tenants.add_member(tx, name=f"{side.marker} Admin", role=Role.ADMIN)
        tenant.keys["admin"] = (await api_keys.create(tx, tenant.members["admin"].id, name="test"))[1]
    await sign_in(database, side)
    await employ(side)
    await know(side)
    await converse(side)
    await wait_for_a_person(side)
    await attach(side)
    await deliver(side)
    await employ_an_assistant(database, side)
    await identify(database, side)
    await erase(side)
    await take_away(side)
    async with database.tenant(tenant.id) as tx:
        draft = new_id()
        await drafts.put(
            tx,
            draft,
            UUID(ids["conversation_id"]),
            f"{side.marker} draft",
            Usage(provider="embedded", model=side.marker),
        )
        ids["draft_id"] = str(draft)
        await previews.put(tx, UUID(ids["conversation_id"]), draft, 0, f"{side.marker} preview")
        # A file that is just being written.
        await media_garbage.reserve(tx)
        await lack(tx, ids)
        await crawl(tx, side)
        await keep_a_desk(tx, ids)
        rules = Policy(topics=(Topic(name="fraud", phrases=(f"{side.marker} fraud",)),))
        await policies.put(tx, rules, note=f"{side.marker} note")


async def lack(tx: TenantTx, ids: dict[str, str]) -> None:
    """A gap that the unanswered question leads, and two passages that disagree."""
    question = (await tx.connection.execute(sa.select(gap_questions.c.id).limit(1))).scalar_one()
    await gaps.assign(tx, {question: question}, {})
    ids["question_id"] = str(question)
    ids["gap_id"] = str(await tx.connection.scalar(sa.select(gap_table.c.id)))
    two = (await tx.connection.scalars(sa.select(chunks.c.id).order_by(chunks.c.id).limit(2))).all()
    await knowledge_health.put_contradictions(tx, [(two[0], two[1])])


async def crawl(tx: TenantTx, side: Side) -> None:
    """A site that is crawled: queued, with an address that nobody has asked for yet."""
    url = f"https://{side.marker}.example/"
    definition = Definition(url=url, mode=CrawlMode.SITE, max_pages=1, max_depth=1)
    found = await crawls.put(tx, UUID(side.ids["source_id"]), definition)
    assert found is not None
    side.ids["crawl_id"] = str(found)
    await crawl_pages.add(tx, found, [Address(url, AddressKind.PAGE, 0)])
    side.ids["page_id"] = str(await tx.connection.scalar(sa.select(page_table.c.id)))


async def keep_a_desk(tx: TenantTx, ids: dict[str, str]) -> None:
    """A bot in a group, a topic there, and somebody who is to be known there; a delivery and a post that wait."""
    account = await channel_accounts.create(tx, provider=Provider.TELEGRAM, name="desk", branch_id=None)
    # Nobody is to work for it: there is no such bot.
    await channel_accounts.update(tx, account, name=None, disabled=True)
    await channel_accounts.put_credentials(tx, Vault(RootKeys.parse(ROOT_KEYS)), account, {"token": "none"})
    await inbox.put(tx, account, "1", {"update_id": 1})
    conversation = UUID(ids["conversation_id"])
    desk = await desks.create(tx, account, None)
    await desks.put_topic(tx, desk, conversation, "7")
    await desks.new_person_link(tx, UUID(ids["member_id"]))
    await desk_posts.enter(tx, account, desk, [NewPost(f"desk/{desk}", CardPost(), conversation)])
    ids["desk_id"] = str(desk)
    ids["delivery_id"] = str(await tx.connection.scalar(sa.select(channel_inbox.c.id)))
    ids["send_id"] = str(await tx.connection.scalar(sa.select(send_ledger.c.id).where(send_ledger.c.desk_id == desk)))


async def sign_in(database: Database, side: Side) -> None:
    tenant = side.company
    login = await log_in(tenant.http, await give_password(database, tenant, "owner"))
    side.session = login.headers
    sessions = (await tenant.get("/v1/auth/sessions", headers=login.headers)).json()
    side.ids["session_id"] = sessions["items"][0]["id"]
    begun = await tenant.post("/v1/auth/totp", {"password": PASSWORD}, headers=login.headers)
    code = TOTP(begun.json()["secret"]).now()
    confirmed = await tenant.post("/v1/auth/totp/confirm", {"code": code}, headers=login.headers)
    assert confirmed.is_success, confirmed.text


async def employ(side: Side) -> None:
    """Somebody is invited, a key made, a secret kept."""
    invited = await created(
        side, "/v1/members", {"email": f"new@{side.slug}.example", "name": f"{side.marker} New", "role": "agent"}
    )
    made = await created(side, "/v1/keys", {"name": f"{side.marker} key"})
    side.ids |= {"invited_id": invited["id"], "key_id": made["id"]}
    side.ids["name"] = "crm"
    for name in ("crm", "kept"):
        stored = await side.company.http.put(f"/v1/secrets/{name}", json={"value": f"{side.marker} value"})
        assert stored.is_success, stored.text


async def know(side: Side) -> None:
    page = {"name": "delivery", "text": PAGE.format(city="Astana", marker=side.marker), "language": "en"}
    staged = await created(side, "/v1/kb/sources", {"name": f"{side.marker} source", "documents": [page]})
    side.ids |= {"source_id": staged["source_id"], "job_id": staged["job_id"]}
    await eventually(lambda: job_is_done(side.company, staged["job_id"]), 60)
    file = ("delivery.txt", PAGE.format(city="Almaty", marker=side.marker).encode())
    sent = await side.company.http.post("/v1/kb/upload", data={"name": f"{side.marker} files"}, files={"files": file})
    assert sent.is_success, sent.text
    await eventually(lambda: job_is_done(side.company, sent.json()["job_id"]), 60)
    (report,) = (await side.company.get(f"/v1/kb/jobs/{sent.json()['job_id']}/files")).json()["items"]
    assert report["status"] == "read", report
    side.ids["file_id"] = report["id"]
    documents = (await side.company.get("/v1/kb/documents")).json()["items"]
    side.ids["document_id"] = documents[0]["id"]
    reindex = await created(side, "/v1/kb/reindex", {})
    side.ids["reindex_id"] = reindex["id"]
    chunks = (await side.company.get("/v1/kb/chunks", params={"document_id": documents[0]["id"]})).json()["items"]
    side.ids["chunk_id"] = chunks[0]["id"]


async def converse(side: Side) -> None:
    """A conversation that a manager took, answered and resolved; what was answered is learned."""
    tenant = side.company
    conversation = await opened(side)
    side.ids["resolved_conversation_id"] = conversation
    await tenant.said(conversation, f"Do you repair the roofs of {side.marker}castle?")
    await tenant.said(conversation, PERSON.format(marker=side.marker))
    escalation = (await open_escalation(tenant, conversation))["id"]
    async with tenant.stream(f"/v1/conversations/{conversation}/events") as stream:
        for verb, body in (("take", {}), ("reply", {"text": f"We do. {side.marker}manager"}), ("resolve", {})):
            await created(side, f"/v1/escalations/{escalation}/{verb}", body, key=f"{verb}-{uuid4()}")
        await stream.until("learned")
    side.ids["learned_id"] = (await tenant.get("/v1/learned")).json()["items"][0]["id"]


async def wait_for_a_person(side: Side) -> None:
    tenant = side.company
    conversation = await opened(side)
    receipt = await tenant.said(conversation, PERSON.format(marker=side.marker))
    found = (await tenant.get(f"/v1/conversations/{conversation}")).json()
    side.ids |= {
        "conversation_id": conversation,
        "message_id": receipt["message_id"],
        "customer_id": found["customer"]["id"],
        "escalation_id": (await open_escalation(tenant, conversation))["id"],
    }


async def attach(side: Side) -> None:
    """A file that waits to be sent."""
    path = f"/v1/conversations/{side.ids['conversation_id']}/attachments"
    stored = await side.company.http.post(path, files={"file": (f"{side.marker}.txt", side.marker.encode())})
    assert stored.is_success, stored.text
    side.ids["attachment_id"] = stored.json()["id"]
    side.ids["media_key"] = "/".join(urlsplit(stored.json()["url"]).path.split("/")[-2:])


async def employ_an_assistant(database: Database, side: Side) -> None:
    """With a prompt of its own, for whom a model was called."""
    body = {"slug": "seller", "name": f"{side.marker} Seller", "assistant": {"persona": f"{side.marker} persona"}}
    made = await created(side, "/v1/assistants", body)
    side.ids["assistant_id"] = made["id"]
    await created(side, f"/v1/assistants/{made['id']}/prompts", {"template": f"{side.marker} {{persona}}"})
    call = ModelCall(
        purpose=Purpose.ANSWER, route="default", endpoint="default", model=side.marker, outcome=CallOutcome.OK
    )
    spender = Spender(tenant_id=side.id, assistant_id=UUID(made["id"]))
    async with database.tenant(side.id) as tx:
        await usage.settle(tx, spender, Budgets(), [call], [])


async def deliver(side: Side) -> None:
    """An account of another system, which has delivered a message."""
    side.ids["branch_id"] = (await side.company.get("/v1/branches")).json()["items"][0]["id"]
    other_side = await sender(side.company, f"{side.marker} shop")
    side.ids["account_id"] = other_side.account
    stored = await other_side.deliver(message(f"Hello {side.marker}"))
    assert stored.is_success, stored.text


async def identify(database: Database, side: Side) -> None:
    """A customer with an address, to whom a code was sent, and somebody who has tried a wrong one."""
    tenant, customer = side.company, f"/v1/customers/{side.ids['customer_id']}"
    changed = await tenant.http.patch(customer, json={"email": f"customer@{side.slug}.example"})
    assert changed.is_success, changed.text
    side.ids["code_id"] = (await created(side, f"{customer}/identity-codes", {}))["id"]

    async def tried() -> bool:
        checked = await created(side, f"{customer}/identity-codes/check", {"code": "000000"})
        return bool(checked["outcome"] == "wrong")

    await eventually(tried)
    async with database.tenant(tenant.id) as tx:
        side.ids["mail_id"] = str(await tx.connection.scalar(sa.select(mails.c.id).limit(1)))

        async def mailed() -> bool:
            return bool(await tx.connection.scalar(sa.select(sa.func.count()).select_from(one_time_tokens)))

        await eventually(mailed)


async def erase(side: Side) -> None:
    gone = (await side.company.get(f"/v1/conversations/{await opened(side)}")).json()["customer"]["id"]
    erasing = await side.company.http.delete(f"/v1/customers/{gone}")
    assert erasing.is_success, erasing.text
    side.ids["erasure_id"] = erasing.json()["erasure_id"]

    async def done() -> bool:
        return bool((await side.company.get(f"/v1/erasures/{side.ids['erasure_id']}")).json()["finished_at"])

    await eventually(done)


async def take_away(side: Side) -> None:
    """Everything is exported; and the company's end was asked for, and thought better of."""
    export = await created(side, "/v1/tenant/exports", {})
    side.ids["export_id"] = export["id"]

    async def done() -> bool:
        return bool((await side.company.get(f"/v1/tenant/exports/{export['id']}")).json()["status"] == "done")

    await eventually(done)
    request = side.company.http.build_request("DELETE", "/v1/tenant", json={"slug": side.slug})
    asked = await side.company.http.send(request)
    assert asked.is_success, asked.text
    await created(side, "/v1/tenant/deletion/cancel", {})


async def opened(side: Side) -> str:
    customer = {"external_id": f"{side.marker}-{uuid4()}", "name": f"{side.marker} Name"}
    return await side.company.opened(customer=customer)


async def created(side: Side, path: str, body: dict[str, Any], *, key: str | None = None) -> dict[str, Any]:
    response = await side.company.post(path, body, key=key)
    assert response.is_success, f"{path}: {response.text}"
    found: dict[str, Any] = response.json()
    return found
