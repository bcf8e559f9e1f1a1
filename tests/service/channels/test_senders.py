"""Two senders of one account: a worker that was thought dead may still say what became of its call."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import pytest
import sqlalchemy as sa

from models.contracts.channels import Chat, Person, Provider
from models.contracts.enums import Author, ChannelKind, Direction, MessageStatus, SendStatus
from models.repositories import arrivals, channel_accounts, ledger, sends
from models.repositories.arrivals import Owner
from models.tables import messages, send_ledger
from runtime.database import Database, TenantTx
from runtime.ids import new_id

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"


@dataclass(frozen=True)
class Call:
    """A message of which the first part is being sent, by the account's first sender."""

    tenant: UUID
    account: UUID
    send: UUID
    sender: int


@pytest.fixture
async def call(database: Database, tenant: UUID) -> Call:
    async with database.tenant(tenant) as tx:
        account = await channel_accounts.create(tx, provider=Provider.TELEGRAM, name="bot", branch_id=None)
        owner = Owner(account, ChannelKind.TELEGRAM)
        conversation = await arrivals.conversation_of(tx, owner, Chat(id="1"), Person(id="1", name="Aida"))
        message = new_id()
        await tx.connection.execute(
            sa.insert(messages).values(
                tenant_id=tenant,
                id=message,
                conversation_id=conversation,
                direction=Direction.OUTBOUND,
                author=Author.SYSTEM,
                status=MessageStatus.SENT,
                text="Two parts.",
            )
        )
        await ledger.enter(tx, conversation, message, "test/1")
        [due] = await sends.heads(tx, account, (), 10)
        return Call(tenant, account, due.id, await taken(tx, account, due.id))


async def taken(tx: TenantTx, account: UUID, send: UUID) -> int:
    """The account's next sender, which is about to make this call."""
    sender = await sends.begin(tx, account)
    assert sender is not None
    assert await sends.mark(tx, send, account, sender)
    return sender


async def now(database: Database, call: Call) -> tuple[str, list[str], int]:
    """Its state, the parts that have gone, and how often it was repeated."""
    async with database.tenant(call.tenant) as tx:
        row = (
            await tx.connection.execute(
                sa.select(send_ledger.c.status, send_ledger.c.sent, send_ledger.c.repeats).where(
                    send_ledger.c.id == call.send
                )
            )
        ).one()
    return row.status, row.sent, row.repeats


@pytest.mark.parametrize(("last", "becomes"), [(True, SendStatus.SENT), (False, SendStatus.QUEUED)])
async def test_who_takes_over_waits_for_what_is_about_to_be_told(
    database: Database, call: Call, last: bool, becomes: SendStatus
) -> None:
    async def take_over() -> int | None:
        async with database.tenant(call.tenant) as tx:
            return await sends.begin(tx, call.account)

    async with database.tenant(call.tenant) as tx:
        await sends.went(tx, call.send, "452", 0, last=last)
        taking = asyncio.create_task(take_over())
        async with asyncio.timeout(20):
            while not await tx.connection.scalar(sa.text(WAITING)):  # noqa: ASYNC110  # of another connection
                await asyncio.sleep(0.01)
    assert await taking == call.sender + 1
    assert await now(database, call) == (becomes, ["452"], 0)


async def test_what_the_replaced_one_tells_late_is_no_part_more(database: Database, call: Call) -> None:
    async with database.tenant(call.tenant) as tx:
        await taken(tx, call.account, call.send)
        await sends.went(tx, call.send, "2", 0, last=False)
    async with database.tenant(call.tenant) as tx:
        await sends.went(tx, call.send, "1", 0, last=False)
    assert await now(database, call) == (SendStatus.QUEUED, ["2"], 1)


async def test_what_the_replaced_one_tells_late_does_not_open_what_is_over(database: Database, call: Call) -> None:
    async with database.tenant(call.tenant) as tx:
        await taken(tx, call.account, call.send)
        await sends.went(tx, call.send, "2", 0, last=True)
    async with database.tenant(call.tenant) as tx:
        await sends.later(tx, call.send, "no_answer", None)
        await sends.goes_on(tx, call.send)
        await sends.unclear(tx, call.send)
        await sends.finish(tx, call.send, SendStatus.FAILED, "refused")
        await sends.hold(tx, call.send, sends.WINDOW_CLOSED, None)
        await sends.went(tx, call.send, "1", 1, last=True)
    assert await now(database, call) == (SendStatus.SENT, ["2"], 1)


async def test_what_was_given_up_as_unknown_has_gone_when_its_sender_says_so(database: Database, call: Call) -> None:
    async with database.tenant(call.tenant) as tx:
        for _ in range(sends.REPEATS + 1):
            await sends.unclear(tx, call.send)
    assert (await now(database, call))[0] == SendStatus.UNKNOWN
    async with database.tenant(call.tenant) as tx:
        await sends.went(tx, call.send, "452", 0, last=True)
    assert await now(database, call) == (SendStatus.SENT, ["452"], sends.REPEATS)
