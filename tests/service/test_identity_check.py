"""Who a customer is, told by a code, with a model on the far side that sees neither codes nor what identifies people."""

import email
import json
from collections.abc import AsyncIterator
from email.message import EmailMessage
from email.policy import default
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Match, Reply
from llmock.testing import LLMockServer

from models.contracts.enums import Language
from models.contracts.policy import Policy, Topic
from models.repositories import policies, tenants
from models.tables import identity_codes
from runtime.database import Database
from runtime.embedded import Servers
from runtime.home import Home
from tests.service.api.house import TEST_HOME, Company
from tests.service.whole import eventually, job_is_done, messages_of, open_escalation, servers_of_its_own, system

ACCOUNT = "What is the balance of my bonus account?"
POLICY = Policy(topics=(Topic(name="account", phrases=("bonus account", "бонусный счёт"), action="identify"),))
PAGE = "# Contacts\n\nCall us on +7 727 250 00 00 or write to shop@example.kz. Delivery to Astana costs 1,490 ₸."
IS_A_QUESTION = '{"intents": ["question"], "confidence": 0.9}'
ANSWERED = "Delivery to Astana costs 1,490 ₸. Call us on +7 727 250 00 00."


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with servers_of_its_own(tmp_path_factory.mktemp("identity")) as servers:
        yield servers


@pytest.fixture(scope="module")
async def database(servers: Servers) -> AsyncIterator[Database]:
    database = Database(servers.database_url)
    yield database
    await database.close()


@pytest.fixture(scope="module")
async def altyn(servers: Servers, database: Database, model_server: LLMockServer) -> AsyncIterator[Company]:
    """A model writes, tells intents and embeds; what is about the bonus account needs a known customer."""
    async with system(
        servers,
        learns=False,
        llm_provider="openai",
        llm_url=model_server.base_url(),
        llm_model="gpt-4o",
        llm_understands=True,
        embedding_provider="openai",
        embedding_url=model_server.base_url(),
        embedding_model="text-embedding-3-small",
        embedding_dimension=1536,
    ) as altyn:
        async with database.tenant(altyn.id) as tx:
            await policies.put(tx, POLICY)
        yield altyn


@pytest.fixture
def model(llmock: LLMock) -> LLMock:
    """Takes every message for a question."""
    return llmock.add(Reply(text=IS_A_QUESTION, times=None, match=Match(stream=False)))


def far_side(model: LLMock) -> str:
    """All that the model's server has received."""
    records = model._server.state.journal.records(wait=5)
    return "\n".join(json.dumps(each.body, ensure_ascii=False) for each in records)


async def known(altyn: Company, name: str, address: str | None) -> tuple[str, str]:
    """A customer's conversation and id, with an address on file."""
    conversation = await altyn.opened(customer={"external_id": name, "name": name})
    customer: str = (await altyn.get(f"/v1/conversations/{conversation}")).json()["customer"]["id"]
    if address is not None:
        assert (await altyn.http.patch(f"/v1/customers/{customer}", json={"email": address})).is_success
    return conversation, customer


async def mailed(database: Database, altyn: Company, customer: str) -> tuple[EmailMessage, str]:
    """The customer's last mail, and the code in it."""
    async with database.tenant(altyn.id) as tx:
        newest = await tx.connection.scalar(
            sa.select(identity_codes.c.id)
            .where(identity_codes.c.customer_id == UUID(customer))
            .order_by(identity_codes.c.created_at.desc())
            .limit(1)
        )
    path = Home.at(TEST_HOME).mail / f"{newest}.eml"

    async def arrived() -> bool:
        return path.exists()

    await eventually(arrived)
    message = email.message_from_bytes(path.read_bytes(), policy=default)
    text = message.get_content()
    return message, next(word.strip(".,") for word in text.split() if word.strip(".,").isdigit() and len(word) >= 6)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


async def said(altyn: Company, conversation: str, text: str) -> Any:
    return (await altyn.said(conversation, text))["reply"]


async def test_a_customer_shows_who_they_are(altyn: Company, database: Database, model: LLMock) -> None:
    conversation, customer = await known(altyn, "Aigerim", "aigerim@example.com")
    asked = await said(altyn, conversation, ACCOUNT)
    assert asked["kind"] == "identify"
    mail, code = await mailed(database, altyn, customer)
    assert mail["To"].addresses[0].addr_spec == "aigerim@example.com"
    assert code not in str(mail["Subject"])

    assert (await said(altyn, conversation, f"It is {wrong(code)}"))["kind"] == "wrong_code"
    assert not (await altyn.get(f"/v1/conversations/{conversation}")).json()["customer_verified"]
    reply = await said(altyn, conversation, f"my code: {code[:3]} {code[3:]}")
    assert reply["kind"] == "verified"
    assert (await altyn.get(f"/v1/conversations/{conversation}")).json()["customer_verified"]

    escalation = await open_escalation(altyn, conversation)
    assert escalation["customer_verified"]
    assert escalation["reason"] == "policy"
    detail = (await altyn.get(f"/v1/escalations/{escalation['id']}")).json()
    assert detail["trigger"]["text"] == ACCOUNT, "what the manager is to read first"
    texts = [each["text"] for each in await messages_of(altyn, conversation) if each["author"] == "customer"]
    assert texts == [ACCOUNT, "[code]", "[code]"]
    assert code not in far_side(model)
    assert wrong(code) not in far_side(model)

    # Their next matter needs no code; another conversation of theirs does.
    assert (await altyn.post(f"/v1/escalations/{escalation['id']}/return")).is_success
    assert (await said(altyn, conversation, ACCOUNT))["kind"] == "escalated"
    elsewhere = await altyn.post("/v1/conversations", {"channel": "web", "customer": {"external_id": "Aigerim"}})
    assert (await said(altyn, elsewhere.json()["id"], ACCOUNT))["kind"] == "identify"


async def test_after_five_wrong_codes_a_person_is_asked(altyn: Company, database: Database, model: LLMock) -> None:
    conversation, customer = await known(altyn, "Boris", "boris@example.com")
    await said(altyn, conversation, ACCOUNT)
    _, code = await mailed(database, altyn, customer)
    kinds = [(await said(altyn, conversation, wrong(code)))["kind"] for _ in range(5)]
    assert kinds == ["wrong_code"] * 4 + ["escalated"]
    escalation = await open_escalation(altyn, conversation)
    assert not escalation["customer_verified"]
    # The right one is too late.
    await altyn.post(f"/v1/conversations/{conversation}/messages?wait=20", {"text": code})
    assert not (await altyn.get(f"/v1/conversations/{conversation}")).json()["customer_verified"]
    assert wrong(code) not in far_side(model)


async def test_without_an_address_a_person_is_asked(altyn: Company, model: LLMock) -> None:
    conversation, _ = await known(altyn, "Nobody", None)
    assert (await said(altyn, conversation, ACCOUNT))["kind"] == "escalated"
    assert not (await open_escalation(altyn, conversation))["customer_verified"]


async def test_a_code_that_is_over_leads_to_another(altyn: Company, database: Database, model: LLMock) -> None:
    conversation, customer = await known(altyn, "Late", "late@example.com")
    await said(altyn, conversation, ACCOUNT)
    _, code = await mailed(database, altyn, customer)
    async with database.tenant(altyn.id) as tx:
        await tx.connection.execute(
            sa.update(identity_codes)
            .where(identity_codes.c.customer_id == UUID(customer))
            .values(expires_at=sa.func.now() - sa.text("interval '1 second'"))
        )
    assert (await said(altyn, conversation, code))["kind"] == "identify"
    _, another = await mailed(database, altyn, customer)
    assert (await said(altyn, conversation, another))["kind"] == "verified"
    detail = (await altyn.get(f"/v1/escalations/{(await open_escalation(altyn, conversation))['id']}")).json()
    assert detail["trigger"]["text"] == ACCOUNT


async def test_codes_of_another_system(altyn: Company, database: Database) -> None:
    conversation, customer = await known(altyn, "Phone", "phone@example.com")
    path = f"/v1/customers/{customer}/identity-codes"
    asked = await altyn.post(path, {"conversation_id": conversation})
    assert asked.status_code == 202, asked.text
    _, code = await mailed(database, altyn, customer)
    checked = (await altyn.post(f"{path}/check", {"code": wrong(code)})).json()
    assert (checked["outcome"], checked["verified"], checked["tries_left"]) == ("wrong", False, 4)
    checked = (await altyn.post(f"{path}/check", {"code": code})).json()
    assert (checked["outcome"], checked["verified"]) == ("right", True)
    assert (await altyn.post(f"{path}/check", {"code": code})).json()["outcome"] == "none", "a code is good once"
    assert (await altyn.get(f"/v1/conversations/{conversation}")).json()["customer_verified"]


async def test_the_far_side_sees_nothing_that_identifies_people(
    altyn: Company, database: Database, model: LLMock
) -> None:
    staged = await altyn.post("/v1/kb/sources", {"name": "help", "documents": [{"name": "d", "text": PAGE}]})
    await eventually(lambda: job_is_done(altyn, staged.json()["job_id"]), 60)
    model.add(Reply(text=ANSWERED, times=None, match=Match(stream=True)))
    secrets = ["4111 1111 1111 1111", "KZ86 125K ZT50 0410 0100", "900101300136", "me@home.example", "+7 701 123 45 67"]
    question = f"How much is delivery to Astana? Order 12345678. My data: {', '.join(secrets)}"
    async with database.tenant(altyn.id) as tx:
        settings = await tenants.get_settings(tx)
    conversation = await altyn.opened()
    await said(altyn, conversation, question)
    await altyn.post("/v1/kb/search", {"query": question})
    seen = far_side(model)
    assert [secret for secret in secrets if secret in seen] == []
    for kept in ("[card]", "[iban]", "[id]", "[email]", "[phone]", "Order 12345678"):
        assert kept in seen
    assert "+7 727 250 00 00" in seen, "the company's own number is knowledge"
    assert (await messages_of(altyn, conversation))[0]["text"] == question, "people see what was written"

    # What a tenant lets through goes through.
    async with database.tenant(altyn.id) as tx:
        await tenants.put_settings(
            tx, settings.model_copy(update={"masking": settings.masking.model_copy(update={"phone": False})})
        )
        assert await tenants.masking(tx) == (settings.masking.model_copy(update={"phone": False}), Language.EN)
    await said(altyn, await altyn.opened(), question)
    assert "+7 701 123 45 67" in far_side(model)
    assert "4111" not in far_side(model)
