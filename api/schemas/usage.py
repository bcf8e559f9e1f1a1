"""What models cost."""

from datetime import datetime, timedelta

from pydantic import Field

from api.schemas.base import Instant, Moment, Request, Response
from models.contracts.settings import Budgets
from models.contracts.usage import Purpose
from models.repositories.usage import MILLION, GroupBy, Spent, Sum

LONGEST = timedelta(days=400)


class UsageQuery(Request):
    """`to` is not part of the time any more. Without both: the last 30 days."""

    from_: Moment | None = Field(None, alias="from", description="As 2026-11-01T00:00:00Z.")
    to: Moment | None = None
    group_by: GroupBy = "day"
    purpose: Purpose | None = Field(None, description="Only calls for this; of all purposes, if left out.")

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        until = self.to or now
        return self.from_ or until - timedelta(days=30), until


class UsageRow(Response):
    """Calls that have `key` in common: a day (UTC), a model, an assistant's slug, an outcome, or a purpose. Those that
    only embed or rank have estimated prompt tokens and no cost, and come seconds after they were made."""

    key: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    milliseconds: int = Field(description="All calls together.")

    @classmethod
    def of(cls, found: Sum) -> "UsageRow":
        return cls(
            key=found.key,
            calls=found.calls,
            prompt_tokens=found.prompt_tokens,
            completion_tokens=found.completion_tokens,
            cost=found.cost / MILLION,
            milliseconds=found.milliseconds,
        )


class BudgetOut(Response):
    """A budget and what is used of it. `limit` null: there is none."""

    limit: float | None
    used: float
    share: float | None = Field(description="Used, as a part of the limit; from 0.8 on an event warns.")


class BudgetsOut(Response):
    tokens_today: BudgetOut
    cost_this_month: BudgetOut

    @classmethod
    def of(cls, budgets: Budgets, spent: Spent) -> "BudgetsOut":
        return cls(
            tokens_today=_budget(budgets.tokens_per_day, spent.tokens_today),
            cost_this_month=_budget(budgets.cost_per_month, spent.cost_this_month / MILLION),
        )


class UsageOut(Response):
    """What models did and cost, in the currency that their prices are configured in."""

    since: Instant
    until: Instant
    group_by: GroupBy
    rows: list[UsageRow]
    budgets: BudgetsOut


def _budget(limit: float | None, used: float) -> BudgetOut:
    # Of nothing, everything is used.
    share = None if limit is None else round(used / limit, 4) if limit else 1.0
    return BudgetOut(limit=limit, used=used, share=share)
