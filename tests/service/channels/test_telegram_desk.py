"""The managers' desk in Telegram: the whole system, a bot for customers, a bot for the desk, and a judged Telegram."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from runtime.embedded import Servers
from tests.fakes.telegram import Bot, FakeTelegram, Group, Limits, Membership, Person, Sent
from tests.service.api.house import Company
from tests.service.channels.test_telegram_conversation import PERSON, added, conversation_with
from tests.service.whole import eventually, messages_of, open_escalation, system

PNG = b"\x89PNG\r\n\x1a\n" + 32 * b"x"
MAY = Membership("administrator", manages_topics=True)


@dataclass
class Desk:
    """A desk that is linked, with two managers and the owner, who are linked too."""

    shop: Company
    telegram: FakeTelegram
    customers: Bot
    bot: Bot
    group: Group
    id: str
    people: dict[str, Person]

    async def asked(self, who: Person) -> str:
        """Somebody asks for a person; the name of their topic's card."""
        self.telegram.says(self.customers, who, PERSON)
        return await conversation_with(self.shop, who.id)

    async def card(self, who: Person) -> Sent:
        """The last card of a customer."""
        *_, card = await self.telegram.sent(self.group, text=f"{who.name} · Telegram")
        return card

    async def shows(self, card: Sent, text: str) -> None:
        await self.telegram.watch.until(lambda: text in card.text, 15, f"a card with {text}")

    async def pressed(self, card: Sent, who: Person, button: str) -> str:
        """What a press is answered with; empty where it was done."""
        query = self.telegram.presses(card, who, card.buttons[button])
        return str((await self.telegram.answered(query)).get("text", ""))

    async def health(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.shop.get(f"/v1/desks/{self.id}")).json()
        return found


@pytest.fixture(scope="module")
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as telegram:
        telegram.world.limits = Limits(group_per_minute=60)
        yield telegram
        assert telegram.wrong == []
        assert telegram.world.limits.refused == 0


@pytest.fixture(scope="module")
async def desk(servers: Servers, telegram: FakeTelegram) -> AsyncIterator[Desk]:
    async with system(servers, learns=False, telegram_url=telegram.url) as shop:
        quick = {"quiet_seconds": {"telegram": 0.0}}
        (await shop.http.put("/v1/tenant/settings", json=quick, headers={"If-Match": "*"})).raise_for_status()
        customers, bot = telegram.add_bot(), telegram.add_bot()
        await added(shop, customers)
        account = await added(shop, bot)
        group = telegram.group("Desk", forum=True)
        people = {name: telegram.person(name.title()) for name in ("owner", "aigerim", "boris")}
        made = await shop.post("/v1/desks", {"channel_account_id": account["id"]})
        assert made.status_code == 201, made.text
        telegram.joins(bot, group, people["owner"], MAY)
        telegram.says(group, people["owner"], made.json()["link"]["command"])
        await telegram.sent(group, text="is the desk of")
        for name, person in people.items():
            code = (await shop.post("/v1/desks/me", {}, headers=shop.as_(name))).json()
            telegram.says(bot, person, code["command"])
            await telegram.sent(person, text=f"You are {name.title()} here")
        yield Desk(shop, telegram, customers, bot, group, made.json()["id"], people)


async def test_a_request_from_its_card_to_what_is_learned(desk: Desk) -> None:
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
    telegram.says(desk.group, aigerim, "We do: **500** a square metre.", topic=topic, photo=PNG + b"ours")
    await telegram.sent(aida, text="500 a square metre")
    [sent] = [each for each in telegram.world.sends if each.method == "sendPhoto" and each.room.person is not None]
    assert sent.data == PNG + b"ours"
    assert not [each for each in telegram.world.sends if "difficult" in each.text or "better" in each.text]
    telegram.says(desk.group, aigerim, "Ask us any time.", topic=topic)
    await telegram.sent(aida, text="any time")

    assert await desk.pressed(card, aigerim, "Resolve") == ""
    await desk.shows(card, "resolved by Aigerim")
    assert card.buttons == {}
    [proposed] = await telegram.sent(desk.group, topic=topic, text="A new answer")
    assert "role" in await desk.pressed(proposed, aigerim, "Approve")
    assert await desk.pressed(proposed, desk.people["owner"], "Approve") == ""
    await desk.shows(proposed, "Owner approved the answer")
    [entry] = (await shop.get("/v1/learned?status=approved")).json()["items"]
    assert entry["reviewed_by"]["name"] == "Owner" if isinstance(entry["reviewed_by"], dict) else entry
    authors = [each["author"] for each in await messages_of(shop, conversation)]
    assert authors.count("manager") == 2


async def eventually_sent(desk: Desk, topic: int, method: str) -> list[Sent]:
    def seen() -> list[Sent]:
        return [each for each in desk.telegram.world.sends if each.topic == topic and each.method == method]

    return await desk.telegram.watch.until(seen, 15, method) or []


async def test_who_is_nobody_here_sends_nothing_and_presses_nothing(desk: Desk) -> None:
    customer, stranger = desk.telegram.person("Nurlan"), desk.telegram.person("Stranger")
    conversation = await desk.asked(customer)
    card = await desk.card(customer)
    for words in ("I am the boss", "Really"):
        desk.telegram.says(desk.group, stranger, words, topic=card.topic)
    assert "do not know who you are" in await desk.pressed(card, stranger, "Take")
    await desk.telegram.taken(desk.bot)
    assert len(await desk.telegram.sent(desk.group, topic=card.topic, text="do not know who you are")) == 1
    assert (await open_escalation(desk.shop, conversation))["status"] == "pending"
    assert "manager" not in [each["author"] for each in await messages_of(desk.shop, conversation)]


async def test_a_button_of_another_topic_does_nothing(desk: Desk) -> None:
    one, other = desk.telegram.person("Dana"), desk.telegram.person("Erlan")
    await desk.asked(one)
    conversation = await desk.asked(other)
    card = await desk.card(one)
    theirs = await desk.card(other)
    forged = Sent(card.method, card.bot, card.room, {**theirs.message, "message_thread_id": card.topic}, card.at)
    assert await desk.pressed(forged, desk.people["boris"], "Take") != ""
    assert (await open_escalation(desk.shop, conversation))["status"] == "pending"


async def test_a_deleted_topic_is_made_anew_with_its_card(desk: Desk) -> None:
    customer = desk.telegram.person("Farida")
    await desk.asked(customer)
    card = await desk.card(customer)
    assert card.topic is not None
    desk.telegram.deletes_topic(desk.group, card.topic)
    desk.telegram.says(desk.customers, customer, "Are you there?")
    [again] = await desk.telegram.sent(desk.group, text="Are you there?")
    assert again.topic not in (None, card.topic)
    anew = await desk.card(customer)
    assert (anew.topic, [*anew.buttons]) == (again.topic, ["Take", "Can't", "Return to bot", "Resolve"])
    assert await desk.pressed(anew, desk.people["boris"], "Take") == ""


async def test_a_bot_without_rights_is_reported_and_goes_on_when_it_has_them(desk: Desk) -> None:
    telegram, owner, customer = desk.telegram, desk.people["owner"], desk.telegram.person("Gulnara")
    telegram.joins(desk.bot, desk.group, owner, Membership("member"))
    await desk.asked(customer)

    async def dead() -> bool:
        found = await desk.health()
        return bool((found["health"], found["health_code"], found["waiting"] > 0) == ("dead", "no_rights", True))

    await eventually(dead)
    assert "Manage topics" in " ".join((await desk.health())["advice"])
    telegram.joins(desk.bot, desk.group, owner, MAY)
    await desk.card(customer)
    checked = (await desk.shop.post(f"/v1/desks/{desk.id}/check", {})).json()
    assert (checked["health"], checked["advice"]) == ("ok", [])


async def test_a_code_is_good_once_and_for_one_group(desk: Desk) -> None:
    made = (await desk.shop.post(f"/v1/desks/{desk.id}/link", {})).json()
    elsewhere, stranger = desk.telegram.group("Elsewhere", forum=True), desk.telegram.person("Stranger")
    desk.telegram.joins(desk.bot, elsewhere, stranger)
    desk.telegram.says(elsewhere, stranger, "/link guessed")
    await desk.telegram.sent(elsewhere, text="not good")
    desk.telegram.says(desk.group, desk.people["owner"], made["link"]["command"])
    await desk.telegram.sent(desk.group, text="is the desk of", count=2)
    desk.telegram.says(elsewhere, stranger, made["link"]["command"])
    await desk.telegram.sent(elsewhere, text="not good", count=2)
    assert (await desk.health())["chat_id"] == str(desk.group.id)
