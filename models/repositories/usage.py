"""What models cost a tenant: the ledger of calls, and its budgets, which are checked and added to in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from models.contracts.enums import EventType
from models.contracts.settings import Budgets
from models.contracts.usage import ModelCall, Purpose, Spender
from models.repositories import events
from models.tables import assistants, model_calls, model_spend
from runtime.database import TenantTx
from runtime.ids import new_id

MILLION = 1_000_000
FIGURES = ("calls", "prompt_tokens", "completion_tokens", "cost", "milliseconds")
COLUMNS = ", ".join(ModelCall.model_fields)
WARN_AT = 0.8

GroupBy = Literal["day", "model", "assistant", "outcome", "purpose"]


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was set aside for a call: tokens of a day and money (in millionths) of its month."""

    day: date
    tokens: int
    cost: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What today has used in tokens, and this month in millionths."""

    tokens_today: int
    cost_this_month: int


@dataclass(frozen=True, slots=True)
class Sum:
    """Calls that have `key` in common. `cost` is in millionths."""

    key: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: int
    milliseconds: int


# Of workers that reserve at once, the second waits for the row and then sees what the first has added. The same
# condition in both places: the row may be new or there already.
RESERVE = sa.text(
    """
    INSERT INTO model_spend AS spend (tenant_id, month, cost, day, tokens)
    SELECT :tenant, date_trunc('month', today), :cost, today, :tokens
    FROM (SELECT (now() AT TIME ZONE 'utc')::date AS today) AS calendar
    WHERE :tokens <= coalesce(:tokens_limit, :tokens) AND :cost <= coalesce(:cost_limit, :cost)
    ON CONFLICT (tenant_id, month) DO UPDATE SET
        cost = spend.cost + excluded.cost,
        tokens = CASE WHEN spend.day = excluded.day THEN spend.tokens ELSE 0 END + excluded.tokens,
        day = excluded.day,
        updated_at = now()
    WHERE (CAST(:tokens_limit AS bigint) IS NULL
            OR CASE WHEN spend.day = excluded.day THEN spend.tokens ELSE 0 END + excluded.tokens <= :tokens_limit)
        AND (CAST(:cost_limit AS bigint) IS NULL OR spend.cost + excluded.cost <= :cost_limit)
    RETURNING day
    """
).bindparams(
    sa.bindparam("tenant", type_=sa.Uuid()),
    sa.bindparam("cost", type_=sa.BigInteger()),
    sa.bindparam("tokens", type_=sa.BigInteger()),
    sa.bindparam("cost_limit", type_=sa.BigInteger()),
    sa.bindparam("tokens_limit", type_=sa.BigInteger()),
)

# Calls, and what they really used, less what was set aside for them. A day that is over by now is nobody's concern any more.
SETTLE = sa.text(
    f"""
    WITH entered AS (
        INSERT INTO model_calls (tenant_id, id, conversation_id, assistant_id, {COLUMNS})
        SELECT :tenant, id, :conversation, :assistant, {COLUMNS}
        FROM jsonb_populate_recordset(NULL::model_calls, :calls)
    )
    INSERT INTO model_spend AS spend (tenant_id, month, cost, day, tokens)
    SELECT :tenant, date_trunc('month', used_on), :cost, used_on, :tokens
    FROM (SELECT coalesce(CAST(:day AS date), (now() AT TIME ZONE 'utc')::date) AS used_on) AS calendar
    ON CONFLICT (tenant_id, month) DO UPDATE SET
        cost = spend.cost + excluded.cost,
        tokens = CASE WHEN spend.day = excluded.day THEN spend.tokens + excluded.tokens
            WHEN spend.day < excluded.day THEN excluded.tokens ELSE spend.tokens END,
        day = greatest(spend.day, excluded.day),
        updated_at = now()
    RETURNING day, tokens, cost
    """  # noqa: S608  # the names of columns
).bindparams(
    sa.bindparam("tenant", type_=sa.Uuid()),
    sa.bindparam("conversation", type_=sa.Uuid()),
    sa.bindparam("assistant", type_=sa.Uuid()),
    sa.bindparam("calls", type_=JSONB()),
    sa.bindparam("day", type_=sa.Date()),
    sa.bindparam("cost", type_=sa.BigInteger()),
    sa.bindparam("tokens", type_=sa.BigInteger()),
)


async def reserve(tx: TenantTx, budgets: Budgets, *, tokens: int, cost: int) -> Reservation | None:
    """Set aside what a call may use at most; None when that is more than the budgets leave."""
    day = await tx.connection.scalar(
        RESERVE,
        {
            "tenant": tx.tenant_id,
            "tokens": tokens,
            "cost": cost,
            "tokens_limit": budgets.tokens_per_day,
            "cost_limit": budgets.cost_limit,
        },
    )
    return None if day is None else Reservation(day, tokens, cost)


@dataclass(frozen=True, slots=True)
class Refused:
    """What a call would have set aside, had the budgets left it."""

    tokens: int = 0
    cost: int = 0


async def enter(tx: TenantTx, calls: Sequence[tuple[UUID | None, ModelCall]]) -> None:
    """Enter calls that no budget is about, each with the assistant that it was made for."""
    # One that was removed meanwhile is nobody.
    known = sa.select(assistants.c.id).where(
        assistants.c.tenant_id == tx.tenant_id, assistants.c.id == sa.bindparam("of", type_=sa.Uuid())
    )
    await tx.connection.execute(
        sa.insert(model_calls).values(assistant_id=known.scalar_subquery()),
        [
            {"tenant_id": tx.tenant_id, "id": new_id(), "of": assistant, **call.model_dump()}
            for assistant, call in calls
        ],
    )


async def settle(
    tx: TenantTx,
    spender: Spender,
    budgets: Budgets,
    calls: Sequence[ModelCall],
    reserved: Sequence[Reservation],
    refused: Refused = Refused(),
) -> None:
    """Enter calls that are over, and put what they used in the place of what was set aside for them.

    Where a budget is used to WARN_AT of it, or does not leave what was `refused`, an event says so, once a day for
    tokens and once a month for money.
    """
    if not calls and not reserved:
        return
    day = reserved[0].day if reserved else None
    tokens = sum(call.tokens for call in calls) - sum(each.tokens for each in reserved)
    cost = sum(call.cost for call in calls) - sum(each.cost for each in reserved)
    row = (
        await tx.connection.execute(
            SETTLE,
            {
                "tenant": tx.tenant_id,
                "conversation": spender.conversation_id,
                "assistant": spender.assistant_id,
                "calls": [{"id": str(new_id()), **call.model_dump()} for call in calls],
                "day": day,
                "tokens": tokens,
                "cost": cost,
            },
        )
    ).one()
    tokens_limit, cost_limit = budgets.tokens_per_day, budgets.cost_limit
    if tokens_limit is not None and (
        row.tokens >= WARN_AT * tokens_limit or row.tokens + refused.tokens > tokens_limit
    ):
        await _warn(tx, row.day, model_spend.c.tokens_warned_on, "tokens_per_day", row.day)
    if cost_limit is not None and (row.cost >= WARN_AT * cost_limit or row.cost + refused.cost > cost_limit):
        await _warn(tx, row.day, model_spend.c.cost_warned_on, "cost_per_month", row.day.replace(day=1))


async def _warn(tx: TenantTx, day: date, warned_on: sa.Column[object], budget: str, since: date) -> None:
    """Tell that `budget` is nearly used up, unless somebody was told in this period already."""
    told = await tx.connection.scalar(
        sa.update(model_spend)
        .where(
            model_spend.c.tenant_id == tx.tenant_id,
            model_spend.c.month == day.replace(day=1),
            sa.or_(warned_on.is_(None), warned_on < since),
        )
        .values({warned_on.name: day})
        .returning(model_spend.c.month)
    )
    if told is not None:
        await events.append(tx, EventType.BUDGET, {"budget": budget})


async def spent(tx: TenantTx) -> Spent:
    """What counts against the budgets now, calls that are under way included. Days and months are the database's, in
    UTC, so that all workers agree."""
    today = sa.text("(now() AT TIME ZONE 'utc')::date")
    row = (
        await tx.connection.execute(
            sa.select((model_spend.c.day == today).label("is_today"), model_spend.c.tokens, model_spend.c.cost).where(
                model_spend.c.tenant_id == tx.tenant_id,
                model_spend.c.month == sa.func.date_trunc("month", today),
            )
        )
    ).one_or_none()
    return Spent(0, 0) if row is None else Spent(row.tokens if row.is_today else 0, row.cost)


def _key(group_by: GroupBy) -> sa.ColumnElement[str]:
    match group_by:
        case "day":
            return sa.func.to_char(model_calls.c.created_at.op("AT TIME ZONE")(sa.literal("utc")), "YYYY-MM-DD")
        case "model":
            return model_calls.c.model
        case "assistant":
            return sa.func.coalesce(assistants.c.slug, "default")
        case "outcome":
            return sa.cast(model_calls.c.outcome, sa.Text)
        case "purpose":
            return sa.cast(model_calls.c.purpose, sa.Text)


async def report(
    tx: TenantTx, *, since: datetime, until: datetime, group_by: GroupBy, purpose: Purpose | None = None
) -> list[Sum]:
    """Calls from `since` to before `until`, summed by what they have in common, in order of that. `purpose` None: of
    all purposes."""
    key = _key(group_by).label("key")
    calls = model_calls.c
    rows = await tx.connection.execute(
        sa.select(
            key,
            *(sa.cast(sa.func.sum(calls[name]), sa.BigInteger).label(name) for name in FIGURES),
        )
        .select_from(
            model_calls.outerjoin(
                assistants, sa.and_(assistants.c.tenant_id == calls.tenant_id, assistants.c.id == calls.assistant_id)
            )
        )
        .where(
            calls.tenant_id == tx.tenant_id,
            calls.created_at >= since,
            calls.created_at < until,
            sa.true() if purpose is None else calls.purpose == purpose,
        )
        .group_by(key)
        .order_by(key)
    )
    return [Sum(**row._mapping) for row in rows]


async def lately(tx: TenantTx) -> list[sa.Row[tuple[str, int, int]]]:
    """Of each endpoint of a route, the tenant's calls of the last quarter of an hour and how many failed, by any
    process."""
    calls = model_calls.c
    failed = sa.func.count().filter(calls.outcome.not_in(("ok", "fallback", "blocked", "cancelled", "budget")))
    rows = await tx.connection.execute(
        sa.select(calls.endpoint, sa.func.count().label("calls"), failed.label("failed"))
        .where(
            calls.tenant_id == tx.tenant_id,
            calls.created_at > sa.text("now() - interval '15 minutes'"),
            calls.purpose.not_in((Purpose.EMBED, Purpose.RERANK, Purpose.TRANSCRIBE)),
        )
        .group_by(calls.endpoint)
    )
    return list(rows)
