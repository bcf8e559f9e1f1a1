"""The managers' desk in Telegram: the whole system, a bot for customers, a bot for the desk, and a judged Telegram."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from models.repositories import erasure, inbox
from runtime.database import Database
from runtime.embedded import Servers, ports
from tests.fakes.telegram import FakeTelegram, Membership, Sent
from tests.service.api.house import Company
from tests.service.api.test_api_command_line import Terminal
from tests.service.channels.desk import MAY, Desk, added, code_of, desk_of, hurried
from tests.service.channels.test_telegram_conversation import conversation_with
from tests.service.whole import eventually, messages_of, open_escalation, system

PNG = b"\x89PNG\r\n\x1a\n" + 32 * b"x"


@pytest.fixture(scope="module")
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with hurried() as telegram:
        yield telegram


@pytest.fixture(scope="module")
async def shop(servers: Servers, telegram: FakeTelegram) -> AsyncIterator[Company]:
    port = ports.pick(set())
    at = {"port": port, "public_url": f"http://127.0.0.1:{port}", "telegram_url": telegram.url}
    async with system(servers, learns=False, **at) as shop:
        quick = {"quiet_seconds": {"telegram": 0.0}}
        (await shop.http.put("/v1/tenant/settings", json=quick, headers={"If-Match": "*"})).raise_for_status()
        yield shop


@pytest.fixture
async def desk(shop: Company, telegram: FakeTelegram) -> Desk:
    return await desk_of(shop, telegram)


async def test_a_request_from_its_card_to_what_is_learned(desk: Desk, database: Database) -> None:
    shop, telegram, aigerim, boris = desk.shop, desk.telegram, desk.people["aigerim"], desk.people["boris"]
    aida = telegram.person("Aida <b>&")
    telegram.says(desk.customers, aida, "Do you repair roofs of castles?")
    conversation = await conversation_with(shop, aida.id)
    card = await desk.card(aida)
    assert "there is nothing about it in the knowledge base" in card.text
    assert "Do you repair roofs of castles?" in card.text
    assert [*card.buttons] == ["Take", "Can't", "Return to bot", "Resolve"]
    topic = card.topic
    assert topic is not None

    assert await desk.pressed(card, aigerim, "Take") == ""
    await desk.shows(card, "taken by Aigerim")
    assert [*card.buttons] == ["Resolve", "Can't", "Return to bot"]
    await telegram.sent(desk.group, topic=topic, text="Aigerim took it.")
    assert "Aigerim" in await desk.pressed(card, boris, "Resolve")

    telegram.says(desk.customers, aida, "Like this one", photo=PNG)
    await telegram.sent(desk.group, topic=topic, text="Like this one")
    [photo] = await eventually_sent(desk, topic, "sendPhoto")
    assert photo.data == PNG

    telegram.says(desk.group, aigerim, "// a difficult one", topic=topic)
    telegram.says(desk.group, boris, "I know better", topic=topic)
    await telegram.sent(desk.group, topic=topic, text="Aigerim has taken it")
    telegram.says(desk.group, aigerim, "We do: 500 a square metre.", topic=topic, photo=PNG + b"ours")
    await telegram.sent(aida, text="500 a square metre")
    [sent] = [each for each in telegram.world.sends if each.method == "sendPhoto" and each.room.person is not None]
    assert sent.data == PNG + b"ours"
    assert not [each for each in telegram.world.sends if "difficult" in each.text or "better" in each.text]
    said = telegram.says(desk.group, aigerim, "Ask us any time.", topic=topic)
    await telegram.sent(aida, text="any time")
    # As after a crash that came between its effect and the end of its delivery.
    account = UUID((await desk.state())["channel_account_id"])
    async with database.tenant(shop.id) as tx:
        await inbox.put(tx, account, "again", {"update_id": 1, "message": said})

    assert await desk.pressed(card, aigerim, "Resolve") == ""
    await desk.shows(card, "resolved by Aigerim")
    assert card.buttons == {}
    [proposed] = await telegram.sent(desk.group, topic=topic, text="A new answer")
    assert "role" in await desk.pressed(proposed, aigerim, "Approve")
    assert await desk.pressed(proposed, desk.people["owner"], "Approve") == ""
    await desk.shows(proposed, "Owner approved the answer")
    [entry] = (await shop.get("/v1/learned?status=approved")).json()["items"]
    assert entry["question"] == "Do you repair roofs of castles?"
    authors = [each["author"] for each in await messages_of(shop, conversation)]
    assert authors.count("manager") == 2
    assert len(await telegram.sent(aida, text="any time")) == 1


async def eventually_sent(desk: Desk, topic: int, method: str) -> list[Sent]:
    def seen() -> list[Sent]:
        return [each for each in desk.telegram.world.sends if each.topic == topic and each.method == method]

    return await desk.telegram.watch.until(seen, 15, method) or []


async def test_whoever_is_nobody_here_and_whatever_is_forged_does_nothing(desk: Desk) -> None:
    telegram, stranger = desk.telegram, desk.telegram.person("Stranger")
    nurlan, dana = telegram.person("Nurlan"), telegram.person("Dana")
    conversation, other = await desk.asked(nurlan), await desk.asked(dana)
    card, theirs = await desk.card(nurlan), await desk.card(dana)
    for words in ("I am the boss", "Really"):
        telegram.says(desk.group, stranger, words, topic=card.topic)
    assert "do not know who you are" in await desk.pressed(card, stranger, "Take")
    forged = Sent(card.method, card.bot, card.room, {**theirs.message, "message_thread_id": card.topic}, card.at)
    assert "not possible" in await desk.pressed(forged, desk.people["boris"], "Take")
    for each in (conversation, other):
        assert (await open_escalation(desk.shop, each))["status"] == "pending"
        assert "manager" not in [said["author"] for said in await messages_of(desk.shop, each)]

    elsewhere = telegram.group("Elsewhere", forum=True)
    telegram.joins(desk.bot, elsewhere, stranger)
    made = (await desk.shop.post(f"/v1/desks/{desk.id}/link", {})).json()
    telegram.says(desk.group, desk.people["owner"], made["link"]["command"])
    await telegram.sent(desk.group, text="is the desk of", count=2)
    telegram.says(elsewhere, stranger, made["link"]["command"])
    await telegram.sent(elsewhere, text="not good")
    assert (await desk.state())["chat_id"] == str(desk.group.id)
    assert len(await telegram.sent(desk.group, text="do not know who you are")) == 1


async def test_a_group_is_healed_or_reported(desk: Desk, database: Database) -> None:
    """A topic that is deleted; a bot that loses its rights and gets them back; a customer who is erased."""
    telegram, owner, farida = desk.telegram, desk.people["owner"], desk.telegram.person("Farida")
    conversation = await desk.asked(farida)
    card = await desk.card(farida)
    assert card.topic is not None
    telegram.deletes_topic(desk.group, card.topic)
    telegram.says(desk.customers, farida, "Are you there?")
    [again] = await telegram.sent(desk.group, text="Are you there?")
    assert again.topic not in (None, card.topic)
    anew = await desk.card(farida)
    assert (anew.topic, [*anew.buttons]) == (again.topic, [*card.buttons])

    telegram.joins(desk.bot, desk.group, owner, Membership("member"))
    gulnara = telegram.person("Gulnara")
    await desk.asked(gulnara)

    async def reported() -> bool:
        found = await desk.state()
        return bool((found["health"], found["health_code"], found["waiting"] > 0) == ("dead", "no_rights", True))

    await eventually(reported)
    assert "Manage topics" in " ".join((await desk.state())["advice"])
    telegram.joins(desk.bot, desk.group, owner, MAY)
    await desk.card(gulnara)
    checked = (await desk.shop.post(f"/v1/desks/{desk.id}/check", {})).json()
    assert (checked["health"], checked["advice"]) == ("ok", [])

    async with database.tenant(desk.shop.id) as tx:
        assert await erasure.erase_conversation(tx, UUID(conversation))
    await desk.shop.post(f"/v1/desks/{desk.id}/check", {})
    await telegram.watch.until(lambda: anew.topic not in desk.group.topics, 10, "her topic gone")


async def test_a_desk_is_set_up_by_those_who_may(desk: Desk) -> None:
    shop, made = desk.shop, await desk.state()
    body = {"channel_account_id": made["channel_account_id"], "branch_id": made["branch_id"]}
    assert (await shop.post("/v1/desks", body, headers=shop.as_("aigerim"))).status_code == 403
    assert (await shop.post("/v1/desks", body)).status_code == 409
    wrong = await shop.post("/v1/desks", {**body, "channel_account_id": made["branch_id"]})
    assert [error["field"] for error in wrong.json()["errors"]] == ["channel_account_id"]
    shell = Terminal({**os.environ, "MAINSTAY_URL": str(shop.http.base_url), "MAINSTAY_API_KEY": shop.keys["owner"]})
    linked, checked = await asyncio.gather(
        shell.mainstay("desks", "link", desk.id), shell.mainstay("desks", "check", desk.id)
    )
    assert "Manage topics" in linked.out
    assert "write there: /link " in linked.out
    assert (checked.code, f"{desk.id}: ok" in checked.out) == (0, True)
    assert (await shop.http.delete(f"/v1/desks/{desk.id}")).status_code == 204
    assert (await shop.get(f"/v1/desks/{desk.id}")).status_code == 404
