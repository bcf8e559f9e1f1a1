"""Deliveries of providers as they came: kept until they are read, each once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from models.repositories import channel_deliveries
from models.tables import channel_inbox
from runtime.database import Database, TenantTx
from runtime.ids import new_id
from runtime.together import Together

HELD = timedelta(seconds=5)
"""How long a delivery waits for one with a smaller number that is missing before it: they come several at a time, and one
that the gateway could not take comes again after a while."""
HELD_AT_FIRST = timedelta(seconds=1)
"""The same while no number of the account is known."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """`attempts`: how often somebody has tried to read it. `number`: its place among the account's, where the provider
    numbers them. `again`: it was read, and only the states in it are looked at once more (see look_again). `spent`: it
    was read before its turn, and only keeps its place (see spend)."""

    id: UUID
    payload: dict[str, Any]
    attempts: int
    number: int | None
    came_at: datetime
    again: bool = False

    @property
    def spent(self) -> bool:
        return not self.payload


@dataclass(frozen=True, slots=True)
class Batch:
    """What can be read now, in order; and `held`, what came behind a missing one. `again_at`: when that may be read, or
    something is to be looked at again; None: neither."""

    deliveries: Sequence[Waiting]
    held: Sequence[Waiting] = ()
    again_at: datetime | None = None


WAITING = sa.text(
    """
    SELECT i.id, i.payload, i.attempts, i.number, i.created_at AS came_at, i.due_at, i.due_at > now() AS rests,
        a.last_number, now() - i.created_at AS waited
    FROM channel_inbox i JOIN channel_accounts a ON a.tenant_id = i.tenant_id AND a.id = i.channel_account_id
    WHERE i.tenant_id = :tenant AND i.channel_account_id = :account AND i.error IS NULL
    ORDER BY CASE WHEN i.due_at > now() THEN i.due_at END NULLS FIRST, i.number NULLS FIRST, i.seq LIMIT :at_most
    """
)
"""What rests comes last: it keeps nothing from being read."""

DONE = sa.text(
    """
    WITH read AS (
        DELETE FROM channel_inbox WHERE tenant_id = :tenant AND id = :delivery RETURNING channel_account_id, number
    )
    UPDATE channel_accounts a SET last_number = greatest(a.last_number, r.number)
    FROM read r WHERE a.tenant_id = :tenant AND a.id = r.channel_account_id AND r.number IS NOT NULL
    """
)


# Of two at once, the second waits for the first one's transaction to end.
KEEP = sa.text(
    """
    SELECT given.nth, keep_delivery(
        given.tenant, given.account, given.delivery, given.digest, given.payload, given.number, :retention, :swept_at_once
    ) AS kept
    FROM unnest(:tenants, :accounts, :deliveries, :digests, :payloads, :numbers)
        WITH ORDINALITY AS given(tenant, account, delivery, digest, payload, number, nth)
    """
).bindparams(
    sa.bindparam("tenants", type_=sa.ARRAY(sa.Uuid())),
    sa.bindparam("accounts", type_=sa.ARRAY(sa.Uuid())),
    sa.bindparam("deliveries", type_=sa.ARRAY(sa.Uuid())),
    sa.bindparam("digests", type_=sa.ARRAY(sa.LargeBinary())),
    sa.bindparam("payloads", type_=sa.ARRAY(JSONB())),
    sa.bindparam("numbers", type_=sa.ARRAY(sa.BigInteger())),
    sa.bindparam("retention", channel_deliveries.RETENTION, type_=sa.Interval()),
    sa.bindparam("swept_at_once", channel_deliveries.SWEPT_AT_ONCE, type_=sa.Integer()),
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """`name`: what its provider calls it. `number`: its place among the account's, where the provider numbers them."""

    tenant: UUID
    account: UUID
    name: str
    payload: Mapping[str, Any]
    number: int | None = None


async def put(tx: TenantTx, account: UUID, name: str, payload: Mapping[str, Any], number: int | None = None) -> bool:
    """Keep a delivery, by the name that its provider gave it. False when it was here before: then it has no effect."""
    row = (await tx.connection.execute(KEEP, _given([Delivery(tx.tenant_id, account, name, payload, number)]))).one()
    return bool(row.kept)


class Inbox:
    """Deliveries that providers wait with: each is kept in a transaction that ends before it is answered, several in one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept = Together(self._keep)

    async def put(self, delivery: Delivery) -> bool:
        """False when it was here before, and, too, when the connection broke and it was repeated."""
        return await self._kept.ask(delivery)

    async def _keep(self, deliveries: Sequence[Delivery]) -> Sequence[bool]:
        # By account everywhere, so that no two gateways wait for each other; an account's own stay as they came. Should
        # two be given the same ones of an account at once and in another order, one hears of an outage, and its
        # provider comes again.
        places = sorted(range(len(deliveries)), key=lambda place: deliveries[place].account)
        rows = await self._database.call(KEEP, _given([deliveries[place] for place in places]))
        kept = [False] * len(deliveries)
        for row in rows:
            kept[places[row.nth - 1]] = row.kept
        return kept


def _given(deliveries: Sequence[Delivery]) -> Mapping[str, object]:
    return {
        "tenants": [each.tenant for each in deliveries],
        "accounts": [each.account for each in deliveries],
        "deliveries": [new_id() for _ in deliveries],
        "digests": [channel_deliveries.digest(each.name) for each in deliveries],
        "payloads": [dict(each.payload) for each in deliveries],
        "numbers": [each.number for each in deliveries],
    }


async def waiting(tx: TenantTx, account: UUID, limit: int) -> Batch:
    """The next deliveries, by their numbers where they have some, else as they came."""
    rows = await tx.connection.execute(WAITING, {"tenant": tx.tenant_id, "account": account, "at_most": limit})
    found: list[tuple[Waiting, timedelta]] = []
    last: int | None = None
    for row in rows.mappings():
        if row["rests"]:
            batch = _in_order(found, last)
            return replace(batch, again_at=min(batch.again_at or row["due_at"], row["due_at"]))
        again = row["due_at"] is not None
        each = Waiting(row["id"], row["payload"], row["attempts"], row["number"], row["came_at"], again)
        found.append((each, row["waited"]))
        last = row["last_number"] if last is None else last
    return _in_order(found, last)


def _in_order(found: Sequence[tuple[Waiting, timedelta]], last: int | None) -> Batch:
    """`found`: deliveries, and how long each has waited. `last`: the last number that was read."""
    for place, (each, waited) in enumerate(found):
        if each.number is None:
            continue
        follows = last is not None and each.number <= last + 1
        patience = HELD_AT_FIRST if last is None else HELD
        if not follows and waited < patience:
            deliveries = [each for each, _ in found]
            return Batch(deliveries[:place], deliveries[place:], each.came_at + patience)
        last = each.number if last is None else max(last, each.number)
    return Batch([each for each, _ in found])


async def done(tx: TenantTx, delivery: UUID) -> None:
    """It was read: what it said stands elsewhere."""
    await tx.connection.execute(DONE, {"tenant": tx.tenant_id, "delivery": delivery})


async def look_again(tx: TenantTx, delivery: UUID, after: timedelta) -> None:
    """It was read, but for states of messages that nobody knows yet."""
    await tx.connection.execute(
        sa.update(channel_inbox)
        .where(*_is(tx, delivery))
        .values(attempts=channel_inbox.c.attempts + 1, due_at=sa.func.now() + after)
    )


async def spend(tx: TenantTx, delivery: UUID) -> None:
    """It was read before its turn. Its number keeps its place: what comes behind it waits for what is missing before."""
    await tx.connection.execute(sa.update(channel_inbox).where(*_is(tx, delivery)).values(payload={}))


async def unreadable(tx: TenantTx, account: UUID) -> int:
    """How many deliveries were put aside."""
    found: int | None = await tx.connection.scalar(
        sa.select(sa.func.count()).where(
            channel_inbox.c.tenant_id == tx.tenant_id,
            channel_inbox.c.channel_account_id == account,
            channel_inbox.c.error.is_not(None),
        )
    )
    return found or 0


async def failed(tx: TenantTx, delivery: UUID, error: str | None) -> None:
    """It could not be read. `error`, a word for why, takes it out of the way of the others; None: try again."""
    await tx.connection.execute(
        sa.update(channel_inbox).where(*_is(tx, delivery)).values(attempts=channel_inbox.c.attempts + 1, error=error)
    )


def _is(tx: TenantTx, delivery: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return channel_inbox.c.tenant_id == tx.tenant_id, channel_inbox.c.id == delivery
