"""Lanes: what waits for a provider goes in order, at its pace, through its outages, and beside other accounts."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from temporalio.client import Client, Interceptor, OutboundInterceptor, StartWorkflowInput, WorkflowHandle

from activities.phrases import PHRASES
from models.contracts.channels import Chat, Person
from models.contracts.enums import Author, ChannelKind, Direction, Language, MessageStatus
from models.contracts.lanes import Lane, LaneInput
from models.payload_keys import connected
from models.pokes import AT_ONCE, CLOSING_SECONDS, REST_SECONDS, Pokes
from models.processes import lane
from models.repositories import arrivals, ledger, sends
from models.repositories.arrivals import Owner
from models.tables import channel_accounts, conversations, messages, send_ledger
from runtime.database import Database
from runtime.embedded import Servers
from runtime.ids import new_id
from tests.fakes.faults import broken, drop_before, too_many
from tests.fakes.telegram import Bot, FakeTelegram, Limits
from tests.fakes.telegram import Person as Somebody
from tests.fakes.telegram.world import Room
from tests.service.api.house import TEST_HOME, Company, settings_of
from tests.service.conftest import new_tenant
from tests.service.whole import eventually, system


@pytest.fixture(scope="module")
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as telegram:
        telegram.world.limits = Limits()
        yield telegram
        assert telegram.wrong == []


@pytest.fixture(scope="module")
async def shop(servers: Servers, telegram: FakeTelegram) -> AsyncIterator[Company]:
    async with system(servers, learns=False, telegram_url=telegram.url) as shop:
        yield shop


class Sender:
    """Puts messages into an account's lane, as a step of a conversation does, and wakes it."""

    def __init__(self, servers: Servers, shop: Company, bot: Bot, account: str) -> None:
        self._servers, self._shop, self.bot, self.account = servers, shop, bot, UUID(account)
        self._database = Database(servers.database_url)

    async def queue(self, person: Somebody, *texts: str) -> None:
        # Whoever has not written to a bot cannot be written to.
        self.bot.rooms.setdefault(person.id, _room(person, self.bot))
        async with self._database.tenant(self._shop.id) as tx:
            owner = Owner(self.account, ChannelKind.TELEGRAM)
            chat, sender = Chat(id=str(person.id)), Person(id=str(person.id), name=person.name)
            conversation = await arrivals.conversation_of(tx, owner, chat, sender)
            for text in texts:
                message = new_id()
                await tx.connection.execute(
                    sa.insert(messages).values(
                        tenant_id=tx.tenant_id,
                        id=message,
                        conversation_id=conversation,
                        direction=Direction.OUTBOUND,
                        author=Author.SYSTEM,
                        status=MessageStatus.SENT,
                        text=text,
                    )
                )
                await ledger.enter(tx, conversation, message, f"test/{message}")

    async def wake(self) -> None:
        start = LaneInput(tenant_id=self._shop.id, channel_account_id=self.account, lane=Lane.OUT)
        async with connected(settings_of(self._servers, data_dir=TEST_HOME)) as client:
            await lane(client, start)

    async def state(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self._shop.get(f"/v1/channel-accounts/{self.account}")).json()
        return found

    async def close(self) -> None:
        await self._database.close()


def _room(person: Somebody, bot: Bot) -> Any:
    return Room({"id": person.id, "type": "private", "first_name": person.name}, bot.ids, person)


@pytest.fixture
async def sender(servers: Servers, shop: Company, telegram: FakeTelegram) -> AsyncIterator[Sender]:
    sender = await sender_of(servers, shop, telegram)
    yield sender
    await sender.close()
    telegram.faults.clear()


async def sender_of(servers: Servers, shop: Company, telegram: FakeTelegram) -> Sender:
    bot = telegram.add_bot()
    made = await shop.post(
        "/v1/channel-accounts",
        {"provider": "telegram", "name": bot.username, "credentials": {"token": bot.token}},
    )
    assert made.status_code == 201, made.text
    return Sender(servers, shop, bot, made.json()["id"])


async def test_order_within_a_chat_and_no_limit_passed(sender: Sender, telegram: FakeTelegram) -> None:
    people = [telegram.person(f"Person {number}") for number in range(40)]
    for person in people:
        await sender.queue(person, "only one")
    await sender.queue(people[0], "second", "third")
    await sender.wake()
    found = await telegram.sent(people[0], count=3)
    assert [each.text for each in found] == ["only one", "second", "third"]
    assert len(await telegram.sent(bot=sender.bot, count=42)) == 42
    assert telegram.world.limits is not None
    assert telegram.world.limits.refused == 0


async def test_a_provider_that_is_away_is_waited_for_and_shown(sender: Sender, telegram: FakeTelegram) -> None:
    person = telegram.person()
    telegram.faults.add(broken(503), times=2, method="sendMessage")
    telegram.faults.add(drop_before(), times=1, method="sendMessage")
    await sender.queue(person, "first", "second")
    await sender.wake()

    async def shown() -> bool:
        return bool((await sender.state())["health"] == "away")

    await eventually(shown)
    found = await telegram.sent(person, count=2)
    assert [each.text for each in found] == ["first", "second"]

    async def well() -> bool:
        return bool((await sender.state())["health"] == "ok")

    await eventually(well)


async def test_whoever_has_waited_for_a_provider_is_told_so_once_and_nobody_else(
    sender: Sender, shop: Company, database: Database, telegram: FakeTelegram
) -> None:
    waited, kazakh, new = (telegram.person(name) for name in ("Waited", "Kazakh", "New"))
    telegram.faults.add(broken(503), times=None, method="sendMessage")
    await sender.queue(waited, "first", "second")
    await sender.queue(kazakh, "only")
    await sender.wake()

    async def away() -> bool:
        return bool((await sender.state())["health"] == "away")

    await eventually(away)
    long_ago = sa.func.now() - sends.LATE_AFTER
    async with database.tenant(shop.id) as tx:
        for table, column in ((channel_accounts, "away_since"), (send_ledger, "created_at")):
            await tx.connection.execute(sa.update(table).values({column: long_ago}))
        await tx.connection.execute(
            sa.update(conversations).where(conversations.c.chat_id == str(kazakh.id)).values(language=Language.KK)
        )
    await sender.queue(new, "just now")
    telegram.faults.clear()
    sorry = {language: phrases.late for language, phrases in PHRASES.items()}
    assert [each.text for each in await telegram.sent(kazakh, count=2)] == [sorry[Language.KK], "only"]
    assert [each.text for each in await telegram.sent(waited, count=3)] == [sorry[Language.EN], "first", "second"]
    assert [each.text for each in await telegram.sent(new)] == ["just now"]
    # It is back: what is slow from now on has other reasons.
    telegram.faults.add(broken(503), method="sendMessage")
    await sender.queue(waited, "third")
    async with database.tenant(shop.id) as tx:
        await tx.connection.execute(sa.update(send_ledger).values(created_at=long_ago))
    await sender.wake()
    assert [each.text for each in await telegram.sent(waited, count=4)][3:] == ["third"]


async def test_what_has_gone_in_more_parts_than_it_would_be_cut_into_now_ends(
    sender: Sender, shop: Company, database: Database, telegram: FakeTelegram
) -> None:
    person = telegram.person()
    await sender.queue(person, "in two parts", "next")
    async with database.tenant(shop.id) as tx:
        first = sa.select(messages.c.id).where(messages.c.text == "in two parts").scalar_subquery()
        parts = sa.update(send_ledger).where(send_ledger.c.message_id == first).values(sent=["1", "2"])
        await tx.connection.execute(parts)
    await sender.wake()
    assert [each.text for each in await telegram.sent(person)] == ["next"]

    async def both() -> bool:
        return bool((await sender.state())["sends"] == {"sent": 2})

    await eventually(both)


async def test_patience_that_is_asked_for_is_had(sender: Sender, telegram: FakeTelegram) -> None:
    person = telegram.person()
    telegram.faults.add(too_many(2), method="sendMessage", chat=person.id)
    await sender.queue(person, "patiently")
    await sender.wake()
    await telegram.sent(person)
    refused, sent = [call.at for call in telegram.calls if call.method == "sendMessage" and call.chat == str(person.id)]
    assert sent - refused >= 2


async def test_a_dead_account_is_red_keeps_what_waits_and_goes_on_with_a_new_token(
    sender: Sender, shop: Company, telegram: FakeTelegram
) -> None:
    person = telegram.person()
    del telegram.bots[sender.bot.token]
    await sender.queue(person, "after the token was changed")
    await sender.wake()

    shown: dict[str, Any] = {}

    async def red() -> bool:
        shown.update(await sender.state())
        return bool(shown["health"] == "dead")

    await eventually(red)
    assert shown["health_code"] == "token_refused"
    assert "Telegram refuses the token" in shown["advice"][0]
    sender.bot.token = sender.bot.token.replace(":AA", ":BB")
    telegram.bots[sender.bot.token] = sender.bot
    changed = await shop.http.patch(
        f"/v1/channel-accounts/{sender.account}", json={"credentials": {"token": sender.bot.token}}
    )
    assert changed.json()["health"] == "ok", changed.text
    await telegram.sent(person)


async def test_a_long_queue_of_one_bot_delays_no_other(
    sender: Sender, servers: Servers, shop: Company, telegram: FakeTelegram
) -> None:
    busy = telegram.person("Busy")
    await sender.queue(busy, *(f"number {number}" for number in range(300)))
    await sender.wake()
    await telegram.sent(busy)
    other = await sender_of(servers, shop, telegram)
    quick = telegram.person("Quick")
    await other.queue(quick, "at once")
    await other.wake()
    [reply] = await telegram.sent(quick)
    assert reply.text == "at once"
    assert len(await telegram.sent(busy)) < 50
    await other.close()
    (await shop.http.patch(f"/v1/channel-accounts/{sender.account}", json={"disabled": True})).raise_for_status()


class Counting(Interceptor):
    """Counts what a client starts, and how much of it at a time."""

    def __init__(self) -> None:
        self.started = self.under_way = self.at_once = 0

    def intercept_client(self, inner: OutboundInterceptor) -> OutboundInterceptor:
        counting = self

        class Outbound(OutboundInterceptor):
            async def start_workflow(self, given: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
                counting.started += 1
                counting.under_way += 1
                counting.at_once = max(counting.at_once, counting.under_way)
                try:
                    return await super().start_workflow(given)
                finally:
                    counting.under_way -= 1

        return Outbound(inner)


async def test_a_burst_shares_its_signals(servers: Servers, database: Database) -> None:
    counting, tenant, account, seconds = Counting(), await new_tenant(database), new_id(), 5 * REST_SECONDS
    async with connected(settings_of(servers, data_dir=TEST_HOME)) as client:
        pokes = Pokes(Client(**client.config() | {"interceptors": [counting]}))
        begun = time.monotonic()
        while time.monotonic() < begun + seconds:
            pokes.poke(tenant, account, Lane.IN)
            await asyncio.sleep(0)
        await pokes.close()
        taken = time.monotonic() - begun
    assert 2 <= counting.started <= taken / REST_SECONDS + 1


async def test_many_lanes_are_woken_a_few_at_a_time(servers: Servers, database: Database) -> None:
    counting, tenant = Counting(), await new_tenant(database)
    async with connected(settings_of(servers, data_dir=TEST_HOME)) as client:
        pokes = Pokes(Client(**client.config() | {"interceptors": [counting]}))
        for _ in range(20):
            pokes.poke(tenant, new_id(), Lane.IN)
        await pokes.close()
    assert (counting.started, counting.at_once) == (20, AT_ONCE)


async def test_closing_waits_for_no_server_that_is_away(unused_tcp_port: int) -> None:
    away = await Client.connect(f"127.0.0.1:{unused_tcp_port}", lazy=True)
    pokes = Pokes(away)
    for _ in range(20):
        pokes.poke(new_id(), new_id(), Lane.IN)
    async with asyncio.timeout(2 * CLOSING_SECONDS):
        await pokes.close()
