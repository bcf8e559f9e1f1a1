"""What models cost a tenant, and what is left of its budgets."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from api.gateway import InGateway
from api.identity.auth import Signed
from api.problems import documented, invalid
from api.schemas.usage import LONGEST, BudgetsOut, UsageOut, UsageQuery, UsageRow
from models.repositories import tenants, usage

router = APIRouter(prefix="/v1/usage", tags=["usage"], responses=documented(401, 403, 422, 503))


@router.get("", operation_id="getUsage")
async def get_usage(query: Annotated[UsageQuery, Query()], gateway: InGateway, caller: Signed) -> UsageOut:
    """Calls of models from `from` to before `to`, summed by what `group_by` says."""
    since, until = query.span(datetime.now(UTC))
    if not since < until <= since + LONGEST:
        raise invalid("from", f"must be before to, by {LONGEST.days} days at most")
    async with gateway.records.tenant(caller.tenant_id) as tx:
        rows = await usage.report(tx, since=since, until=until, group_by=query.group_by, purpose=query.purpose)
        budgets = (await tenants.get_settings(tx)).budgets
        spent = await usage.spent(tx)
    return UsageOut(
        since=since,
        until=until,
        group_by=query.group_by,
        rows=[UsageRow.of(row) for row in rows],
        budgets=BudgetsOut.of(budgets, spent),
    )
