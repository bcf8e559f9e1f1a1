"""A managers' desk for tests: a branch with a bot for customers and one for the desk, a group, and people who are linked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from activities.channels.telegram.channel import CAPABILITIES, Telegram
from tests.fakes.telegram import Bot, FakeTelegram, Group, Limits, Membership, Person, Sent
from tests.service.api.house import Company
from tests.service.channels.test_telegram_conversation import PERSON, conversation_with
from tests.service.whole import open_escalation

MAY = Membership("administrator", manages_topics=True, deletes_messages=True)

HURRY = 20
"""A group is told 20 things a minute, which is too slow for tests: both sides keep to so many times as much."""


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
        """Somebody asks for a person; their conversation."""
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
        return await self.answered(self.telegram.presses(card, who, card.buttons[button]))

    async def answered(self, query: str) -> str:
        return str((await self.telegram.answered(query)).get("text", ""))

    async def pending(self, conversation: str) -> bool:
        return bool((await open_escalation(self.shop, conversation))["status"] == "pending")

    async def state(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.shop.get(f"/v1/desks/{self.id}")).json()
        return found


@asynccontextmanager
async def hurried() -> AsyncIterator[FakeTelegram]:
    """A Telegram that takes HURRY times as much as the real one, and no more; and adapters that know it."""
    rates = {name: HURRY * value for name, value in CAPABILITIES.rates.model_dump().items()}
    capable = CAPABILITIES.model_copy(update={"rates": CAPABILITIES.rates.model_copy(update=rates)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Telegram, "capabilities", capable)
        async with FakeTelegram() as telegram:
            telegram.world.limits = Limits(
                bot_per_second=30 * HURRY, chat_per_second=HURRY, group_per_minute=20 * HURRY
            )
            yield telegram
            assert telegram.wrong == []
            assert telegram.world.limits.refused == 0


async def desk_of(shop: Company, telegram: FakeTelegram, **settings: Any) -> Desk:
    """A branch of its own, with two bots and a group. `settings` are the desk's bot's."""
    customers, bot = telegram.add_bot(), telegram.add_bot()
    branch = (await shop.post("/v1/branches", {"slug": f"b{bot.id}", "name": f"Branch {bot.id}"})).json()["id"]
    await added(shop, customers, branch_id=branch)
    account = await added(shop, bot, branch_id=branch, settings=settings)
    group = telegram.group("Desk", forum=True)
    people = {name: telegram.person(name.title()) for name in ("owner", "aigerim", "boris")}
    made = await shop.post("/v1/desks", {"channel_account_id": account["id"], "branch_id": branch})
    assert made.status_code == 201, made.text
    telegram.joins(bot, group, people["owner"], MAY)
    telegram.says(group, people["owner"], made.json()["link"]["command"])
    for name, person in people.items():
        telegram.says(bot, person, f"/me {await code_of(shop, name)}")
    await telegram.sent(group, text=f"is the desk of Branch {bot.id}")
    for name, person in people.items():
        await telegram.sent(person, text=f"You are {name.title()} here")
    return Desk(shop, telegram, customers, bot, group, made.json()["id"], people)


async def code_of(shop: Company, name: str) -> str:
    """By which a member can be linked."""
    made: dict[str, str] = (await shop.post("/v1/desks/people/me", {}, headers=shop.as_(name))).json()
    return made["code"]


async def added(shop: Company, bot: Bot, **body: Any) -> dict[str, Any]:
    told = {"provider": "telegram", "name": bot.username, "credentials": {"token": bot.token}}
    made = await shop.post("/v1/channel-accounts", {**told, **body})
    assert made.status_code == 201, made.text
    account: dict[str, Any] = made.json()
    return account
