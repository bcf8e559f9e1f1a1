"""What channels cost: a webhook until it is accepted, a thousand bots in memory, and a bot with a long queue beside others.

The far side is a Telegram that keeps its limits to the letter; everything on this side is the system as it runs.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from benchmarks import paced, system
from benchmarks.figures import Figures, command, console
from benchmarks.load import median, percentile
from models.contracts.channels import Chat
from models.contracts.channels import Person as Sender
from models.contracts.enums import Author, ChannelKind, Direction, MessageStatus
from models.repositories import arrivals, ledger
from models.repositories.arrivals import Owner
from models.tables import messages
from runtime.database import Database, driver_url
from runtime.ids import new_id
from tests.fakes.telegram import Bot, FakeTelegram, Limits, Person
from tests.fakes.telegram.world import Room

PER_SECOND = 100
ACCEPTED_MS = 50.0
MEMORY_MIB = 512
BESIDE_SECONDS = 1.0
TEXT = "How much is delivery to Astana?"


@dataclass(frozen=True, slots=True)
class Added:
    """A bot with its account, which is told of updates by webhook."""

    bot: Bot
    account: UUID


async def measure(figures: Figures) -> None:
    bots, seconds, queued = (30, 5, 300) if figures.quick else (1_000, 20, 10_000)
    async with FakeTelegram() as telegram:
        telegram.world.limits = Limits()
        without = {
            **system.WITHOUT_LIMITS,
            "RATE_LIMIT_WEBHOOK": "10000000/minute",
            "RATE_LIMIT_WRITE": "1000000/minute",
        }
        async with system.running(TELEGRAM_URL=telegram.url, **without) as under_test:
            console.print(f"adding {bots} bots")
            added = [await _added(under_test, telegram) for _ in range(bots)]
            await _webhooks(figures, under_test, telegram, added, seconds)
            await _memory(figures, under_test, added)
            await _fairness(figures, under_test, telegram, added, queued)
        figures.add("refused_by_telegrams_limits", telegram.world.limits.refused, "calls", at_most=0)


async def _added(under_test: system.System, telegram: FakeTelegram) -> Added:
    bot = telegram.add_bot()
    body = {
        "provider": "telegram",
        "name": bot.username,
        "settings": {"receive": "webhook"},
        "credentials": {"token": bot.token},
    }
    made = (await under_test.api.post("/v1/channel-accounts", json=body)).raise_for_status()
    # Updates are posted by this program, at its own pace.
    bot.mailbox.held = True
    return Added(bot, UUID(made.json()["id"]))


async def _webhooks(
    figures: Figures, under_test: system.System, telegram: FakeTelegram, added: Sequence[Added], seconds: int
) -> None:
    """So many updates a second, while the bots answer them; and bare inserts at the same pace, while they answer the rest."""
    console.print(f"{PER_SECOND} webhooks a second, for {seconds} s")
    people = [telegram.person(f"Person {number}") for number in range(PER_SECOND * seconds)]
    requests = [_update(under_test, telegram, random.choice(added), person) for person in people]  # noqa: S311  # no secret
    before = under_test.processor_seconds("api")
    accepted = await paced.posts(requests, PER_SECOND)
    spent = under_test.processor_seconds("api") - before
    admin = under_test.run.admin_database_url or under_test.run.database_url
    bare = await paced.inserts(driver_url(admin), [TEXT] * len(people), PER_SECOND)
    figures.add("webhook_accepted_p50", 1000 * median(accepted), "ms", 1000 * median(bare))
    figures.add("webhook_accepted_p99", 1000 * percentile(accepted, 0.99), "ms", at_most=ACCEPTED_MS)
    figures.add("webhook_accepted_p99_to_bare", 1000 * percentile(accepted, 0.99), "ms", 1000 * percentile(bare, 0.99))
    figures.add("gateways_core_per_webhook", 1000 * spent / len(accepted), "ms")
    begun = time.perf_counter()
    await telegram.sent(text="1,490", count=len(people), within=600)
    figures.add("answered_after_the_last", time.perf_counter() - begun, "s")


def _update(under_test: system.System, telegram: FakeTelegram, to: Added, person: Person) -> paced.Post:
    """What Telegram posts when the person writes to the bot."""
    telegram.says(to.bot, person, TEXT)
    address = to.bot.mailbox.address
    assert address is not None, "the account has set its webhook"
    url = f"{under_test.run.api_url}/v1/channels/telegram/{to.account}"
    return paced.Post(url, to.bot.mailbox.made[-1], dict(address.headers(b"")))


async def _memory(figures: Figures, under_test: system.System, added: Sequence[Added]) -> None:
    """After every bot was written to and has answered."""
    resident = {
        name: under_test.resident_bytes(name) / 2**20
        for name in under_test.run.processes
        if name.startswith(("api", "worker"))
    }
    for name, size in resident.items():
        figures.add(f"memory_of_{name}", size, "MiB")
    figures.add(f"memory_with_{len(added)}_bots", sum(resident.values()), "MiB", at_most=MEMORY_MIB)


async def _fairness(
    figures: Figures, under_test: system.System, telegram: FakeTelegram, added: Sequence[Added], queued: int
) -> None:
    """Time until a bot's only message is sent: alone, and while another has a long queue."""
    console.print(f"a bot with {queued} waiting messages beside others")
    database = Database(under_test.run.database_url)
    alone = [await _sent(under_test, database, telegram, each) for each in added[1:11]]
    busy = added[0]
    people = [telegram.person(f"Waiting {number}") for number in range(max(1, queued // 10))]
    for person in people:
        await _queue(under_test, database, busy, person, 10)
    await _wake(under_test, busy)
    await telegram.sent(bot=busy.bot, text="waits")
    beside = [await _sent(under_test, database, telegram, each) for each in added[11:21]]
    figures.add("reply_alone_p50", 1000 * median(alone), "ms")
    figures.add("reply_beside_a_long_queue_p50", 1000 * median(beside), "ms", 1000 * median(alone))
    figures.add("delay_by_a_long_queue_max", max(beside) - min(alone), "s", at_most=BESIDE_SECONDS)
    await database.close()


async def _sent(under_test: system.System, database: Database, telegram: FakeTelegram, each: Added) -> float:
    person = telegram.person("Quick")
    await _queue(under_test, database, each, person, 1)
    begun = time.perf_counter()
    await _wake(under_test, each)
    await telegram.sent(person, within=60)
    return time.perf_counter() - begun


async def _wake(under_test: system.System, each: Added) -> None:
    (await under_test.api.post(f"/v1/channel-accounts/{each.account}/retry")).raise_for_status()


async def _queue(under_test: system.System, database: Database, to: Added, person: Person, texts: int) -> None:
    """Messages in the lane of an account, as a conversation's steps leave them."""
    # Whoever has not written to a bot cannot be written to.
    to.bot.rooms.setdefault(
        person.id, Room({"id": person.id, "type": "private", "first_name": person.name}, to.bot.ids, person)
    )
    async with database.tenant(under_test.tenant) as tx:
        owner = Owner(to.account, ChannelKind.TELEGRAM)
        chat, sender = Chat(id=str(person.id)), Sender(id=str(person.id), name=person.name)
        conversation = await arrivals.conversation_of(tx, owner, chat, sender)
        for number in range(texts):
            message = new_id()
            await tx.connection.execute(
                sa.insert(messages).values(
                    tenant_id=tx.tenant_id,
                    id=message,
                    conversation_id=conversation,
                    direction=Direction.OUTBOUND,
                    author=Author.SYSTEM,
                    status=MessageStatus.SENT,
                    text=f"Message {number} waits.",
                )
            )
            await ledger.enter(tx, conversation, message, f"bench/{message}")


if __name__ == "__main__":
    command("benchmarks.channels", __doc__, measure)
