"""`python -m tests.chaos.channels`: webhooks that come several times, at once and out of order, while workers and the
gateway are killed and Telegram misbehaves; and managers who work at desks meanwhile (see desks). Then quiet, then the
verdict.

Promised: no message lost, none handled twice, one conversation a chat, each chat in its order; replies in order, and a
second copy of one only where its outcome could not be known, which the ledger has counted.
"""

import argparse
import asyncio
import os
import random
import secrets
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.chaos import system
from tests.chaos.desks import Desk, opened, verdict, worked
from tests.chaos.hooks import NEAR, Hooks
from tests.chaos.system import System
from tests.fakes.faults import broken, drop_after, drop_before, slow, too_many
from tests.fakes.telegram import Bot, FakeTelegram, Limits, Person

WORKERS = 2
BOTS = 8
CHATS = 200
PATIENCE_SECONDS = 120.0
"""So long may nothing move while something waits."""
TEXTS = ("How much is delivery to Astana?", "Can I pay in instalments?", "Hello!", "Do you ship to Almaty?")
FAULTS = (
    (too_many(1), 41),
    (broken(502), 53),
    (drop_before(), 67),
    (drop_after(), 71),
    (slow(0.5), 37),
)
"""Each strikes at every so manieth message."""

console = Console()


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    messages: int
    kills: int
    requests: int
    """Of customers for a person, worked on at desks."""


@dataclass(slots=True)
class Told:
    """What was said in each chat, in order, and how often it was delivered."""

    texts: dict[tuple[str, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    deliveries: int = 0


@dataclass(frozen=True, slots=True)
class Customers:
    """Bots with their accounts, and who writes to each."""

    accounts: dict[str, UUID]
    of: dict[str, list[Person]]
    bots: list[Bot]


async def run(under_test: System, telegram: FakeTelegram, plan: Plan, progress: Progress) -> list[str]:
    """Carry out the plan. What was promised and did not hold, in words."""
    chance = random.Random(plan.seed)
    customers = await _open(under_test, telegram)
    for fault, every in FAULTS:
        telegram.faults.add(fault, times=None, every=every, method="sendMessage")
    told = Told()
    desks: list[Desk] = []
    bar = progress.add_task("messages", total=plan.messages)
    async with httpx.AsyncClient(timeout=10) as client:
        hooks = Hooks(under_test, customers.accounts, client)
        if plan.requests:
            desks += await opened(under_test, telegram, hooks)
        killing = asyncio.create_task(_kill(under_test, plan, chance, progress))
        each = plan.messages // BOTS
        await asyncio.gather(
            *(_talk(telegram, hooks, customers, bot, each, told, plan.seed, progress, bar) for bot in customers.bots),
            *(worked(telegram, hooks, desk, plan.requests // len(desks), plan.seed) for desk in desks),
        )
    if (left := await _drained(under_test, progress)) is not None:
        killing.cancel()
        return [f"wedged: {left}, and nothing moved for {PATIENCE_SECONDS:.0f} s"]
    await killing
    return await _verdict(under_test, telegram, customers, told) + await _at_desks(under_test, telegram, desks)


async def _at_desks(under_test: System, telegram: FakeTelegram, desks: list[Desk]) -> list[str]:
    found: list[str] = []
    figures = Counter[str]()
    async with under_test.records() as connection:
        for desk in desks:
            broken, of_desk = await verdict(connection, under_test, telegram, desk)
            found += broken
            figures.update(of_desk)
    if desks:
        console.print(f"desks: {dict(figures)}")
    return found


async def _open(under_test: System, telegram: FakeTelegram) -> Customers:
    headers = {"Authorization": f"Bearer {under_test.key}"}
    bots = [telegram.add_bot() for _ in range(BOTS)]
    accounts = {}
    async with httpx.AsyncClient(base_url=under_test.run.api_url, headers=headers, timeout=30) as api:
        (await api.put("/v1/policy", json={"flood": None}, headers={"If-Match": "*"})).raise_for_status()
        for bot in bots:
            made = await api.post(
                "/v1/channel-accounts",
                json={
                    "provider": "telegram",
                    "name": bot.username,
                    "settings": {"receive": "webhook"},
                    "credentials": {"token": bot.token},
                },
            )
            accounts[bot.token] = UUID(made.raise_for_status().json()["id"])
            bot.mailbox.held = True
    people = {bot.token: [telegram.person(f"Person {number}") for number in range(CHATS // BOTS)] for bot in bots}
    return Customers(accounts, people, bots)


async def _talk(
    telegram: FakeTelegram,
    hooks: Hooks,
    customers: Customers,
    bot: Bot,
    messages: int,
    told: Told,
    seed: int,
    progress: Progress,
    bar: Any,
) -> None:
    """One bot's customers write; their updates are delivered one to five times, a few near ones in any order."""
    chance = random.Random(f"{seed}/{bot.id}")
    for number in range(0, messages, NEAR):
        begun = len(bot.mailbox.made)
        for place in range(number, min(number + NEAR, messages)):
            person = chance.choice(customers.of[bot.token])
            text = f"{chance.choice(TEXTS)} ({place})"
            told.texts[bot.token, person.id].append(text)
            telegram.says(bot, person, text)
        delivered = await hooks.deliver(bot, bot.mailbox.made[begun:], chance, 5)
        told.deliveries += delivered
        progress.advance(bar, min(NEAR, messages - number))


HANDLED = "SELECT count(*) FROM messages WHERE author = 'customer' AND status <> 'stored'"


async def _kill(under_test: System, plan: Plan, chance: random.Random, progress: Progress) -> None:
    """Workers mostly, and now and then the gateway: from the first message that is handled to nearly the last."""
    bar = progress.add_task("kills", total=plan.kills)
    async with under_test.records() as connection:
        for number in range(plan.kills):
            # From outside of the system, which announces no number.
            while await connection.fetchval(HANDLED) < plan.messages * number / plan.kills:  # noqa: ASYNC110
                await asyncio.sleep(1)
            await asyncio.sleep(chance.uniform(2, 5))
            role = chance.choice(("worker", "worker", "worker", "api"))
            if found := under_test.pids(role):
                await system.kill(chance.choice(found))
            progress.advance(bar)


LEFT = """
    SELECT (SELECT count(*) FROM channel_inbox) AS deliveries,
        (SELECT count(*) FROM messages WHERE status = 'stored') AS messages,
        (SELECT count(*) FROM send_ledger WHERE status IN ('queued', 'sending')) AS sends
"""


async def _drained(under_test: System, progress: Progress) -> str | None:
    """Wait until nothing waits; what is left when nothing moves any more."""
    bar = progress.add_task("waiting", total=None)
    left: dict[str, int] = {}
    async with under_test.records() as connection:
        moved = time.monotonic()
        # From outside of the system, which announces no end.
        while time.monotonic() - moved < PATIENCE_SECONDS:
            [row] = await connection.fetch(LEFT)
            now = dict(row)
            if not any(now.values()):
                return None
            if now != left:
                moved, left = time.monotonic(), now
                progress.update(bar, description=f"waiting {left}")
            await asyncio.sleep(1)
    return str(left)


async def _verdict(under_test: System, telegram: FakeTelegram, customers: Customers, told: Told) -> list[str]:
    async with under_test.records() as connection:
        rows = await connection.fetch(
            """
            SELECT c.channel_account_id AS account, c.chat_id, c.id AS conversation, m.author, m.text, m.seq, m.turn,
                l.seq AS place, l.status, l.repeats
            FROM conversations c JOIN messages m ON m.tenant_id = c.tenant_id AND m.conversation_id = c.id
            LEFT JOIN send_ledger l ON l.tenant_id = m.tenant_id AND l.message_id = m.id
            WHERE c.tenant_id = $1 AND c.chat_kind = 'private' AND c.channel_account_id = ANY($2) ORDER BY m.seq
            """,
            under_test.tenant,
            list(customers.accounts.values()),
        )
    chats: dict[tuple[UUID, str], list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        chats[row["account"], row["chat_id"]].append(row)
    found: list[str] = []
    sent_to: dict[tuple[str, int], list[str]] = defaultdict(list)
    for sent in telegram.world.sends:
        sent_to[sent.bot.token, sent.message["chat"]["id"]].append(sent.text)
    copies = repeats = 0
    for (token, person), texts in told.texts.items():
        where = f"{token.partition(':')[0]}/{person}"
        said = chats.get((customers.accounts[token], str(person)), [])
        if len({row["conversation"] for row in said}) != 1:
            found.append(f"conversation: {where} has {len({row['conversation'] for row in said})}")
            continue
        stored = [row["text"] for row in said if row["author"] == "customer"]
        found += _differences(where, texts, stored)
        replies = sorted((row for row in said if row["author"] != "customer"), key=lambda row: row["place"])
        turns = Counter(row["turn"] for row in replies if row["turn"] is not None)
        found += [f"answered twice: {where}, turn {turn}" for turn, times in turns.items() if times > 1]
        found += [f"not sent: {where}, {row['status']}" for row in replies if row["status"] not in ("sent", "unknown")]
        again = len(sent_to[token, person]) - len(replies)
        copies += max(0, again)
        repeats += sum(row["repeats"] for row in replies)
        if again > sum(row["repeats"] for row in replies):
            found.append(f"sent twice: {where}, {again} copies that the ledger does not know of")
    found += [f"schema: {what}" for what in telegram.wrong[:5]]
    limits = telegram.world.limits
    if limits is not None and limits.refused:
        found.append(f"limits: Telegram refused {limits.refused} calls")
    console.print(
        f"{sum(map(len, told.texts.values()))} messages of {len(told.texts)} chats in {told.deliveries} deliveries; "
        f"{len(telegram.world.sends)} sends, {repeats} of unknown outcome repeated, {copies} second copies; "
        f"faults {dict(telegram.faults.struck)}"
    )
    return found


def _differences(where: str, said: Sequence[str], stored: Sequence[str]) -> list[str]:
    found = []
    if lost := Counter(said) - Counter(stored):
        found.append(f"lost: {where}, {sum(lost.values())} messages")
    if twice := Counter(stored) - Counter(said):
        found.append(f"stored twice: {where}, {sum(twice.values())} messages")
    if not found and list(said) != list(stored):
        found.append(f"order: {where}")
    return found


async def chaos(plan: Plan, data_dir: Path) -> list[str]:
    console.print(f"seed {plan.seed}: {plan.messages} messages, {plan.kills} kills, {plan.requests} requests at desks")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with FakeTelegram() as telegram:
        telegram.world.limits = Limits()
        settings = {
            "WORKER_PROCESSES": str(WORKERS),
            "TELEGRAM_URL": telegram.url,
            "RATE_LIMIT_WEBHOOK": "10000000/minute",
        }
        async with system.running(data_dir, **settings) as under_test:
            with Progress(*columns, console=Console(stderr=True)) as progress:
                return await run(under_test, telegram, plan, progress)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.channels", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="of load and faults; drawn and printed if left out")
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--requests", type=int, default=24, help="for a person, worked on at three desks")
    parser.add_argument(
        "--data-dir", type=Path, default=None, help="new folder to keep the data in; default: temporary"
    )
    arguments = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if arguments.seed is None else arguments.seed
    with tempfile.TemporaryDirectory(prefix="mainstay-chaos-") as folder:
        found = asyncio.run(
            chaos(
                Plan(seed, arguments.messages, arguments.kills, arguments.requests),
                arguments.data_dir or Path(folder) / "data",
            )
        )
    for line in found[:30]:
        console.print(f"[red]broken[/] {line}")
    if not found:
        console.print("[green]every promise held[/]")
    return 1 if found else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # A thread of Temporal's core that outlives the interpreter's shutdown would abort the process (sdk-python#300).
    os._exit(status)
