"""What a step embeds is counted as its tenant's."""

from typing import Any

from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.usage.ledger import spent_by
from models.contracts.usage import Spender


class Spending(Interceptor):
    """Every step whose input names a tenant is that tenant's; steps of turns name their assistant, too."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Spending(next)


class _Spending(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        tenant = getattr(input.args[0], "tenant_id", None) if input.args else None
        if tenant is None:
            return await super().execute_activity(input)
        with spent_by(Spender(tenant_id=tenant)):
            return await super().execute_activity(input)
