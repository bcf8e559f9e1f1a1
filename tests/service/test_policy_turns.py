"""A policy in whole turns: what the customer reads, and what is in the record."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from models.tables import conversations
from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import Company
from tests.service.whole import messages_of, open_escalation, servers_of_its_own, system

DELIVERY = "How much is delivery to Astana?"
RULES: dict[str, Any] = {
    "topics": [
        {
            "name": "refund",
            "phrases": ["возврат денег"],
            "examples": ["I want my money back for this order"],
        },
        {"name": "late", "phrases": ["delivery"], "unless": ["how much"]},
        {"name": "hours", "phrases": ["мошенничество"], "action": "rule", "text": {"ru": "Звоните 102."}},
    ],
    "opt_out": {"phrases": ["тихо всем"], "muted": {"ru": "Молчу."}},
    "flood": {"messages_per_minute": 6, "repeats_per_minute": 3},
}


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with servers_of_its_own(tmp_path_factory.mktemp("policy")) as servers:
        yield servers


@pytest.fixture(scope="module")
async def altyn(servers: Servers) -> AsyncIterator[Company]:
    async with system(servers, learns="en/delivery.md") as altyn:
        await ruled(altyn, RULES)
        yield altyn


async def ruled(company: Company, rules: dict[str, Any]) -> None:
    put = await company.http.put("/v1/policy", json=rules, headers={"If-Match": "*"})
    assert put.is_success, put.text


async def replied(company: Company, conversation: str, text: str) -> tuple[str | None, str]:
    """Kind and text of the reply; no kind when the bot is silent."""
    said = await company.post(f"/v1/conversations/{conversation}/messages?wait=20", {"text": text})
    assert said.is_success, said.text
    reply = said.json()["reply"]
    return (None, "") if reply is None else (reply["kind"], reply["text"])


async def test_a_topic_is_found_in_other_forms_and_with_a_slip(altyn: Company) -> None:
    conversation = await altyn.opened()
    assert (await replied(altyn, conversation, "Расскажите про возвраты денег"))[0] == "escalated"
    assert (await open_escalation(altyn, conversation))["reason"] == "policy"
    assert await replied(altyn, await altyn.opened(), "Это мошеничество!") == ("rule", "Звоните 102.")


async def test_what_is_excluded_is_answered_from_knowledge(altyn: Company) -> None:
    conversation = await altyn.opened()
    assert (await replied(altyn, conversation, DELIVERY))[0] == "quote"
    assert (await replied(altyn, conversation, f"{DELIVERY} My delivery is late."))[0] == "escalated"


async def test_a_topic_is_found_by_its_likeness_to_an_example(altyn: Company) -> None:
    conversation = await altyn.opened()
    assert (await replied(altyn, conversation, "I want my money back for my order"))[0] == "escalated"
    assert (await open_escalation(altyn, conversation))["reason"] == "policy"
    assert (await replied(altyn, await altyn.opened(), DELIVERY))[0] == "quote"


async def test_own_words_for_an_opt_out_are_one_and_are_answered_in_own_words(altyn: Company) -> None:
    conversation = await altyn.opened()
    assert await replied(altyn, conversation, "Тихо всем") == ("muted", "Молчу.")
    assert await replied(altyn, conversation, DELIVERY) == (None, "")


async def test_a_flood_is_told_once_kept_and_marked_over_all_conversations_of_the_customer(altyn: Company) -> None:
    customer = {"external_id": "c-flood"}
    first = await altyn.opened(customer=customer)
    second = await altyn.opened(customer=customer, channel="web")
    for number in range(6):
        assert (await replied(altyn, first, f"{DELIVERY} {number}"))[0] == "quote"
    assert (await replied(altyn, second, DELIVERY))[0] == "slow_down"
    wants = "Can I speak to a real person, please?"
    assert await replied(altyn, second, wants) == (None, "")
    said = [each for each in await messages_of(altyn, second) if each["author"] == "customer"]
    assert [(each["text"], each["flooded"]) for each in said] == [(DELIVERY, True), (wants, True)]
    assert (await altyn.get(f"/v1/conversations/{second}")).json()["state"] == "bot_active", "no storm of escalations"
    assert (await replied(altyn, await altyn.opened(), DELIVERY))[0] == "quote", "others are answered"


async def test_the_same_words_again_and_again_are_a_flood(altyn: Company) -> None:
    conversation = await altyn.opened()
    kinds = [(await replied(altyn, conversation, f" {DELIVERY.upper()} "))[0] for _ in range(5)]
    assert kinds == ["quote", "quote", "quote", "slow_down", None]


async def test_quiet_hours_and_time_of_day_are_the_tenants(altyn: Company) -> None:
    try:
        settings = {"business_hours": {"time_zone": "Asia/Almaty"}}
        put = await altyn.http.put("/v1/tenant/settings", json=settings, headers={"If-Match": "*"})
        assert put.is_success, put.text
        await ruled(altyn, {"quiet_hours": {"begins": "00:01", "ends": "00:00"}})
        conversation = await altyn.opened()
        kind, greeting = await replied(altyn, conversation, "Hello!")
        assert kind == "greeting"
        assert greeting.startswith("Good ")
        _, promise = await replied(altyn, conversation, "Can I speak to a real person, please?")
        assert promise.endswith("at 00:00.")
    finally:
        await ruled(altyn, RULES)


async def test_who_returns_after_a_day_is_greeted_before_the_answer(altyn: Company, servers: Servers) -> None:
    conversation = await altyn.opened()
    await replied(altyn, conversation, DELIVERY)
    assert (await altyn.post(f"/v1/conversations/{conversation}/close")).is_success
    await long_ago(servers, altyn, conversation)
    kind, answer = await replied(altyn, conversation, DELIVERY)
    assert kind == "quote"
    assert answer.split("\n")[0] in ("Hello!", "Good morning!", "Good afternoon!", "Good evening!")
    assert "1,490 ₸" in answer


async def long_ago(servers: Servers, company: Company, conversation: str) -> None:
    """The closed conversation's last words were said two days ago."""
    database = Database(servers.database_url)
    async with database.tenant(company.id) as tx:
        await tx.connection.execute(
            sa.update(conversations)
            .where(conversations.c.id == conversation)
            .values(spoke_at=sa.func.now() - sa.text("interval '2 days'"))
        )
    await database.close()
