"""Managers at desks, while everything around them is killed: they take requests, reply with words and a photo, note among
themselves, and resolve by buttons. What they do not see happen they do again, as people do.

Promised: what a manager wrote reaches the customer, in order, or they are told that it did not; a second copy only where
the ledger has counted an unknown outcome; what is a note reaches nobody; customers' words are shown at the desk.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import httpx

from tests.chaos.hooks import NEAR, Hooks
from tests.chaos.system import System
from tests.fakes.faults import Json
from tests.fakes.telegram import Bot, FakeTelegram, Group, Membership, Person, Sent

DESKS = 3
"""A group takes twenty messages a minute."""
AT_A_TIME = 2
"""Requests that are worked on at each desk."""
REPLIES = 3
PATIENCE = 900.0
"""Thousands of messages may wait before those of a desk."""
LOOK_SECONDS = 20.0
"""How long somebody looks at a card before they press its button again."""
MAY = Membership("administrator", manages_topics=True, deletes_messages=True)
ASKED = "Please let me talk to a real person"
PHOTO = b"\x89PNG\r\n\x1a\n" + 64 * b"p"
REFUSED = ("Not sent", "Not done")
UNDECIDED = "No answer in time"


@dataclass(slots=True)
class Request:
    """What was said in one conversation. `written`: a manager's messages, by their ids in the group."""

    customer: Person
    topic: int = 0
    asked: list[str] = field(default_factory=list)
    written: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Desk:
    """One bot for customers and managers, and their group."""

    bot: Bot
    account: UUID
    group: Group
    managers: list[Person]
    requests: list[Request] = field(default_factory=list)


async def opened(under_test: System, telegram: FakeTelegram, hooks: Hooks) -> list[Desk]:
    """Desks of the same managers, each of a branch of its own."""
    managers = {name: telegram.person(name) for name in under_test.managers}
    async with httpx.AsyncClient(base_url=under_test.run.api_url, timeout=30) as api:
        desks = [await _opened(under_test, telegram, hooks, api, [*managers.values()], each) for each in range(DESKS)]
        for name, person in managers.items():
            code = await _post(api, "/v1/desks/people/me", {}, under_test.managers[name])
            telegram.says(desks[0].bot, person, code["command"])
            await telegram.sent(person, text=f"You are {name} here")
    for desk in desks:
        desk.bot.mailbox.held = True
    return desks


async def _opened(
    under_test: System,
    telegram: FakeTelegram,
    hooks: Hooks,
    api: httpx.AsyncClient,
    managers: list[Person],
    number: int,
) -> Desk:
    bot, group = telegram.add_bot(), telegram.group(f"Desk {number}", forum=True)
    branch = await _post(api, "/v1/branches", {"slug": f"desk-{number}", "name": f"Branch {number}"}, under_test.key)
    told = {"provider": "telegram", "name": bot.username, "branch_id": branch["id"]}
    settings = {"settings": {"receive": "webhook"}, "credentials": {"token": bot.token}}
    account = await _post(api, "/v1/channel-accounts", told | settings, under_test.key)
    hooks.accounts[bot.token] = UUID(account["id"])
    about = {"channel_account_id": account["id"], "branch_id": branch["id"]}
    made = await _post(api, "/v1/desks", about, under_test.key)
    telegram.joins(bot, group, managers[0], MAY)
    telegram.says(group, managers[0], made["link"]["command"])
    await telegram.sent(group, text="is the desk of")
    return Desk(bot, UUID(account["id"]), group, managers)


async def _post(api: httpx.AsyncClient, path: str, body: Json, key: str) -> Json:
    answer = await api.post(path, json=body, headers={"Authorization": f"Bearer {key}"})
    made: Json = answer.raise_for_status().json()
    return made


async def worked(telegram: FakeTelegram, hooks: Hooks, desk: Desk, requests: int, seed: int) -> None:
    """Work on so many requests at a desk."""
    chance = random.Random(f"{seed}/desk/{desk.bot.id}")
    room = asyncio.Semaphore(AT_A_TIME)

    async def one(number: int) -> None:
        async with room:
            customer = telegram.person(f"Customer {desk.bot.id}/{number}")
            desk.requests.append(Request(customer))
            manager = desk.managers[number % len(desk.managers)]
            await _Story(telegram, desk, desk.requests[-1], manager, chance).told()

    async with asyncio.TaskGroup() as tasks:
        delivering = tasks.create_task(_deliver(hooks, desk.bot, chance))
        await asyncio.gather(*(one(number) for number in range(requests)))
        delivering.cancel()


async def _deliver(hooks: Hooks, bot: Bot, chance: random.Random) -> None:
    taken = len(bot.mailbox.made)
    while True:
        while len(bot.mailbox.made) == taken:
            await bot.mailbox.watch.next()
        near = bot.mailbox.made[taken : taken + NEAR]
        taken += len(near)
        await hooks.deliver(bot, near, chance, 3)


@dataclass(frozen=True, slots=True)
class _Story:
    telegram: FakeTelegram
    desk: Desk
    request: Request
    manager: Person
    chance: random.Random

    async def told(self) -> None:
        name = self.request.customer.name
        self._asks(ASKED)
        [card, *_] = await self.telegram.sent(self.desk.group, text=f"{name} · Telegram", within=PATIENCE)
        self.request.topic = card.topic or 0
        await self._pressed("Take", "taken by")
        for number in range(REPLIES):
            self._writes(f"// Note {number} about {name}")
            self._writes(f"Reply {number} to {name}", photo=PHOTO if number == 1 else None)
            self._asks(f"And {number}? {name}")
            await asyncio.sleep(self.chance.uniform(0, 2))
        await self.telegram.watch.until(
            self._settled, PATIENCE, f"all replies at {name} or a word about them, and what they said at the desk"
        )
        await self._pressed("Resolve", "resolved by")

    def _asks(self, text: str) -> None:
        self.request.asked.append(text)
        self.telegram.says(self.desk.bot, self.request.customer, text)

    def _writes(self, text: str, photo: bytes | None = None) -> None:
        content: Json = {} if photo is None else {"photo": photo}
        said = self.telegram.says(self.desk.group, self.manager, text, topic=self.request.topic, **content)
        if text.startswith("//"):
            self.request.notes.append(text)
        else:
            self.request.written[said["message_id"]] = text

    async def _pressed(self, button: str, shows: str) -> None:
        """Press until the card shows it. There are two where nobody could know whether the first had gone."""
        async with asyncio.timeout(PATIENCE):
            while not any(shows in card.text for card in self._cards()):
                for card in self._cards()[-1:]:
                    if button in card.buttons:
                        self.telegram.presses(card, self.manager, card.buttons[button])
                try:
                    await self.telegram.watch.until(
                        lambda: any(shows in card.text for card in self._cards()), LOOK_SECONDS, shows
                    )
                except AssertionError:
                    continue

    def _cards(self) -> list[Sent]:
        heading = f"{self.request.customer.name} · Telegram"
        return [
            each
            for each in self.telegram.world.sends
            if each.room is self.desk.group.room and each.text.startswith(heading)
        ]

    def _settled(self) -> bool:
        sends, request = self.telegram.world.sends, self.request
        arrived = {each.text for each in sends if each.room.person == request.customer}
        replied = all(
            text in arrived or any(answers(self.telegram, self.desk, message))
            for message, text in request.written.items()
        )
        return replied and all(shown(self.telegram, self.desk, request, text) for text in request.asked[1:])


def shown(telegram: FakeTelegram, desk: Desk, request: Request, text: str) -> int:
    """How often what the customer said stands in the group, beside cards."""
    post = f"{request.customer.name}\n{text}"
    return sum(each.room is desk.group.room and each.text == post for each in telegram.world.sends)


def answers(telegram: FakeTelegram, desk: Desk, message: int) -> Iterator[Sent]:
    """What the desk said about a manager's message."""
    for each in telegram.world.sends:
        replied = each.message.get("reply_to_message", {}).get("message_id")
        if each.room is desk.group.room and replied == message and each.text.startswith((*REFUSED, UNDECIDED)):
            yield each


REPEATS = """
    SELECT c.chat_id, coalesce(sum(l.repeats) FILTER (WHERE l.post IS NULL), 0) AS to_customer,
        coalesce(sum(l.repeats) FILTER (WHERE l.post IS NOT NULL), 0) AS at_desk
    FROM conversations c JOIN send_ledger l ON l.tenant_id = c.tenant_id AND l.conversation_id = c.id
    WHERE c.tenant_id = $1 AND c.channel_account_id = $2 GROUP BY c.chat_id
"""
STORED = """
    SELECT c.chat_id, m.text FROM conversations c
    JOIN messages m ON m.tenant_id = c.tenant_id AND m.conversation_id = c.id
    WHERE c.tenant_id = $1 AND c.channel_account_id = $2 AND m.author = 'manager' AND m.status = 'sent'
"""
FAILED = """
    SELECT post->>'type' AS type, error, count(*) AS times FROM send_ledger
    WHERE tenant_id = $1 AND channel_account_id = $2 AND post IS NOT NULL AND status = 'failed' GROUP BY 1, 2
"""


async def verdict(
    connection: asyncpg.Connection, under_test: System, telegram: FakeTelegram, desk: Desk
) -> tuple[list[str], Counter[str]]:
    """What was promised and did not hold, in words; and figures."""
    repeats = {row["chat_id"]: row for row in await connection.fetch(REPEATS, under_test.tenant, desk.account)}
    stored = Counter(
        (row["chat_id"], row["text"]) for row in await connection.fetch(STORED, under_test.tenant, desk.account)
    )
    failed = await connection.fetch(FAILED, under_test.tenant, desk.account)
    found = [f"not posted: {row['times']} of {row['type']}, {row['error']}" for row in failed]
    figures: Counter[str] = Counter(requests=len(desk.requests))
    for request in desk.requests:
        chat = str(request.customer.id)
        counted = repeats.get(chat, {"to_customer": 0, "at_desk": 0})
        got = [each for each in telegram.world.sends if each.room.person == request.customer]
        arrived = Counter(each.text for each in got)
        first = [text for text in arrived if text in request.written.values()]
        expected = []
        for message, text in request.written.items():
            said = [each.text for each in answers(telegram, desk, message)]
            figures["written"] += 1
            figures["undecided"] += any(each.startswith(UNDECIDED) for each in said)
            if arrived[text]:
                expected.append(text)
            if not arrived[text] and not said:
                found.append(f"lost: {text!r}")
            if arrived[text] and any(each.startswith(REFUSED) for each in said):
                found.append(f"refused and sent: {text!r}")
            if stored[chat, text] > 1:
                found.append(f"stored twice: {text!r}")
        if first != expected:
            found.append(f"order: {first} of {expected}")
        copies = sum(arrived[text] - 1 for text in first)
        figures.update(copies=copies, repeats=counted["to_customer"], notes=len(request.notes))
        if copies > counted["to_customer"]:
            found.append(f"sent twice: {copies} copies for {chat}, of which the ledger does not know")
        found += [
            f"photo: not with {each.text!r}" for each in got if each.text.startswith("Reply 1") != (each.data == PHOTO)
        ]
        for text in request.asked[1:]:
            times = shown(telegram, desk, request, text)
            if times == 0:
                found.append(f"not shown at the desk: {text!r}")
            if times > 1 + counted["at_desk"]:
                found.append(f"shown twice at the desk: {text!r}")
    found += [f"a note was sent: {each.text!r}" for each in telegram.world.sends if "Note " in each.text]
    return found, figures
