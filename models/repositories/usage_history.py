"""Old rows of the usage ledger: calls of a day that have all but figures in common become one row."""

from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa

from runtime.database import TenantTx

_COMMON = "assistant_id, purpose, outcome, route, endpoint, model"

DAYS = sa.text(
    f"""
    SELECT DISTINCT day FROM (
        SELECT (created_at AT TIME ZONE 'utc')::date AS day FROM model_calls
        WHERE tenant_id = :tenant AND created_at < :before
        GROUP BY day, {_COMMON} HAVING count(*) > 1
    ) AS several ORDER BY day
    """  # noqa: S608  # constants
)

# The oldest row stays and becomes the sum, so ids remain in order of time.
FOLD = sa.text(
    f"""
    WITH alike AS (
        SELECT array_agg(id ORDER BY id) AS ids, sum(calls) AS calls, sum(prompt_tokens) AS prompt_tokens,
            sum(completion_tokens) AS completion_tokens, sum(cost) AS cost, sum(milliseconds) AS milliseconds
        FROM model_calls WHERE tenant_id = :tenant AND created_at >= :begin AND created_at < :end
        GROUP BY {_COMMON} HAVING count(*) > 1
    ),
    summed AS (
        UPDATE model_calls c SET calls = a.calls, prompt_tokens = a.prompt_tokens, cost = a.cost,
            completion_tokens = a.completion_tokens, milliseconds = a.milliseconds, conversation_id = NULL,
            updated_at = now()
        FROM alike a WHERE c.tenant_id = :tenant AND c.id = a.ids[1]
    )
    DELETE FROM model_calls
    WHERE tenant_id = :tenant AND id IN (SELECT unnest(ids[2:]) FROM alike)
    """  # noqa: S608  # constants
)


async def unsummed(tx: TenantTx, before: datetime) -> list[date]:
    """Days (UTC) that were over by `before` and still have several rows for the same."""
    midnight = datetime.combine(before.astimezone(UTC).date(), time(), UTC)
    rows = await tx.connection.scalars(DAYS, {"tenant": tx.tenant_id, "before": midnight})
    return list(rows)


async def sum_up(tx: TenantTx, day: date) -> int:
    """Make the rows of a day that differ in figures alone into one; how many are gone. What is summed names no
    conversation any more."""
    begin = datetime.combine(day, time(), UTC)
    done = await tx.connection.execute(FOLD, {"tenant": tx.tenant_id, "begin": begin, "end": begin + timedelta(days=1)})
    return done.rowcount
