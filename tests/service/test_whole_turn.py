"""A customer's question from the request to the answer, with nothing scripted: gateway, workflows, steps, servers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.client import Client

from models.contracts.conversation import Actor, CommandInput
from models.contracts.enums import Command, Role
from models.contracts.routing import conversation_id
from models.payload_keys import connected
from runtime.embedded import Servers
from tests.service.api.house import Company, settings_of
from tests.service.whole import (
    DAY,
    eventually,
    messages_of,
    open_escalation,
    servers_of_its_own,
    system,
)

PERSON = "Can I speak to a real person, please?"
UNCOVERED = "Do you rent out furniture for events?"


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with servers_of_its_own(tmp_path_factory.mktemp("whole")) as servers:
        yield servers


@pytest.fixture(scope="module")
async def client(servers: Servers) -> AsyncIterator[Client]:
    async with connected(settings_of(servers)) as client:
        yield client


@pytest.fixture(scope="module")
async def altyn(servers: Servers) -> AsyncIterator[Company]:
    """The sample company; passages are quoted, no model writes."""
    async with system(servers) as altyn:
        yield altyn


async def test_the_sample_day(altyn: Company) -> None:
    """Quotes with their source, in the customer's language; follow-ups; what no page covers goes to a person."""
    conversations: dict[str, str] = {}
    for turn in DAY:
        name = turn["customer"]
        if name not in conversations:
            conversations[name] = await altyn.opened(customer={"name": name})
        reply = (await altyn.said(conversations[name], turn["text"]))["reply"]
        assert reply["language"] == turn["language"], turn["text"]
        if turn["outcome"] == "answer":
            assert reply["kind"] == "quote", turn["text"]
            assert turn["contains"] in reply["text"], turn["text"]
            assert reply["citations"], turn["text"]
        else:
            assert reply["kind"] == "escalated", turn["text"]
            assert (await open_escalation(altyn, conversations[name]))["status"] == "pending"
    reasons = [(await open_escalation(altyn, each))["reason"] for each in conversations.values()]
    assert sorted(reasons) == ["human_request", "knowledge_gap"]


async def test_a_quote_names_where_it_stands(altyn: Company) -> None:
    conversation = await altyn.opened()
    reply = (await altyn.said(conversation, "How many days do I have to return something?"))["reply"]
    (source,) = reply["citations"]
    assert source["title"] == "Returns and refunds"
    assert source["quote"] in reply["text"]
    assert reply["confidence"] >= 0.8


async def test_one_takes_the_other_is_told_who_and_the_customer_hears_a_person(altyn: Company) -> None:
    conversation = await altyn.opened()
    assert (await altyn.said(conversation, PERSON))["reply"]["kind"] == "escalated"
    escalation = f"/v1/escalations/{(await open_escalation(altyn, conversation))['id']}"
    taken = await altyn.post(f"{escalation}/take", headers=altyn.as_("aigerim"))
    assert taken.status_code == 200
    refused = await altyn.post(f"{escalation}/take", headers=altyn.as_("boris"))
    assert refused.status_code == 409
    assert "Aigerim" in refused.json()["detail"]

    async with altyn.stream(f"/v1/conversations/{conversation}/events") as stream:
        replied = await altyn.post(f"{escalation}/reply", {"text": "I am here."}, headers=altyn.as_("aigerim"))
        assert replied.is_success, replied.text
        heard = (await stream.until("message", author="manager"))[-1]
    assert heard.data["text"] == "I am here."
    silent = await altyn.post(
        f"/v1/conversations/{conversation}/messages?wait=20", {"text": "How much is delivery to Astana?"}
    )
    assert silent.json()["state"] == "manager_active"
    assert silent.json()["reply"] is None

    resolved = await altyn.post(f"{escalation}/resolve", headers=altyn.as_("aigerim"))
    assert resolved.json()["state"] == "bot_active"
    again = await altyn.said(conversation, "How much is delivery to Astana?")
    assert again["reply"]["kind"] == "quote", "the bot is back"
    late = await altyn.post(f"{escalation}/take", headers=altyn.as_("boris"))
    assert late.status_code == 409
    assert "Aigerim" in late.json()["detail"]


async def answered_by_a_person(altyn: Company, question: str, answer: str, who: str) -> dict[str, Any]:
    """A question that no page covers, answered and resolved by `who`. What was learned from it."""
    conversation = await altyn.opened()
    assert (await altyn.said(conversation, question))["reply"]["kind"] == "escalated"
    escalation = f"/v1/escalations/{(await open_escalation(altyn, conversation))['id']}"
    async with altyn.stream(f"/v1/conversations/{conversation}/events") as stream:
        assert (await altyn.post(f"{escalation}/reply", {"text": answer}, headers=altyn.as_(who))).is_success
        assert (await altyn.post(f"{escalation}/resolve", headers=altyn.as_(who))).is_success
        return (await stream.until("learned"))[-1].data


async def test_an_owners_answer_is_found_by_the_next_question(altyn: Company) -> None:
    answer = "Yes, we rent out furniture for events from 40,000 ₸ a day."
    learned = await answered_by_a_person(altyn, UNCOVERED, answer, "owner")
    assert learned["status"] == "approved"

    async def published() -> bool:
        sources = (await altyn.get("/v1/kb/sources")).json()["items"]
        return any(each["name"] == "Learned answers" and each["documents"] for each in sources)

    await eventually(published)
    reply = (await altyn.said(await altyn.opened(), UNCOVERED))["reply"]
    assert reply["kind"] == "quote"
    assert "40,000 ₸" in reply["text"]


async def test_an_agents_answer_waits_for_review(altyn: Company) -> None:
    question = "Do you shoe horses?"
    learned = await answered_by_a_person(altyn, question, "We do not shoe horses.", "boris")
    assert learned["status"] == "proposed"
    assert (await altyn.said(await altyn.opened(), question))["reply"]["kind"] == "escalated"


NAMES_NOBODY: dict[str, tuple[Command, Callable[[], dict[str, Any]]]] = {
    "a member who does not exist takes": (
        Command.TAKE,
        lambda: {"by": Actor(member_id=uuid4(), role=Role.AGENT)},
    ),
    "a message that does not exist is the reply": (Command.REPLY, lambda: {"message_id": uuid4()}),
    "a member who does not exist is to have it": (Command.REASSIGN, lambda: {"to": uuid4()}),
}


@pytest.mark.parametrize(("command", "given"), NAMES_NOBODY.values(), ids=NAMES_NOBODY.keys())
async def test_an_operators_signal_that_names_nobody_is_void(
    altyn: Company, client: Client, command: Command, given: Callable[[], dict[str, Any]]
) -> None:
    """Nobody checks it but the database; the conversation goes on as if it had not been."""
    conversation = await altyn.opened()
    await altyn.said(conversation, PERSON)
    escalation = (await open_escalation(altyn, conversation))["id"]
    by = Actor(member_id=altyn.members["boris"].id, role=Role.AGENT)
    handle = client.get_workflow_handle(conversation_id(altyn.id, UUID(conversation)))
    await handle.signal(command.value, CommandInput.model_validate({"by": by, "escalation_id": escalation} | given()))
    assert (await altyn.said(conversation, "How much is delivery to Astana?"))["reply"]["kind"] == "quote"
    taken = await altyn.post(f"/v1/escalations/{escalation}/take", headers=altyn.as_("aigerim"))
    assert taken.status_code == 200, taken.text
    assert taken.json()["escalation"]["taken_by"]["name"] == "Aigerim"


async def test_thirty_messages_in_a_second_keep_their_order(altyn: Company) -> None:
    conversation = await altyn.opened()
    texts = [f"Is delivery free above {number} ₸?" for number in range(29)]
    for text in texts:
        assert (await altyn.post(f"/v1/conversations/{conversation}/messages", {"text": text})).status_code == 202
    await altyn.said(conversation, "Thank you!")
    said = [each["text"] for each in await messages_of(altyn, conversation) if each["author"] == "customer"]
    assert said == [*texts, "Thank you!"]


async def test_a_message_delivered_again_after_the_close_is_the_same_and_a_new_one_reopens(altyn: Company) -> None:
    conversation = await altyn.opened()
    question = "How long is the warranty on furniture?"
    first = await altyn.said(conversation, question, client_message_id="m-1")
    assert (await altyn.post(f"/v1/conversations/{conversation}/close")).json()["state"] == "closed"
    again = await altyn.said(conversation, question, client_message_id="m-1")
    assert again["duplicate"]
    assert (again["message_id"], again["reply"]["id"]) == (first["message_id"], first["reply"]["id"])
    assert (await altyn.get(f"/v1/conversations/{conversation}")).json()["state"] == "closed"
    assert (await altyn.said(conversation, question))["reply"]["kind"] == "quote"
    assert [each["author"] for each in await messages_of(altyn, conversation)] == ["customer", "bot"] * 2


async def test_conversations_do_not_wait_for_each_other(altyn: Company) -> None:
    opened = await asyncio.gather(*(altyn.opened() for _ in range(12)))
    answers = await asyncio.gather(*(altyn.said(each, "How long is the warranty on furniture?") for each in opened))
    assert {answer["reply"]["kind"] for answer in answers} == {"quote"}
    for conversation in opened:
        assert [each["author"] for each in await messages_of(altyn, conversation)] == ["customer", "bot"]
