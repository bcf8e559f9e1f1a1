"""Who pays for a model call: what is called inside a block is kept within the tenant's budgets, and entered at its end.

The meter is found by context, like a trace's span: the classifier, the generator and whatever calls a model between
them need not hand it on.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

from activities.provider.errors import BudgetError
from activities.usage.ledger import spent_by
from models.contracts.settings import Budgets
from models.contracts.usage import CallOutcome, ModelCall, Purpose, Spender
from models.repositories import usage
from runtime.database import Database

Observer = Callable[[ModelCall], None]
"""Told of every call: the metrics of the process."""


class Meter:
    """The calls of one step, in the order in which they ended."""

    def __init__(self, database: Database, spender: Spender, budgets: Budgets) -> None:
        self.calls: list[ModelCall] = []
        self._database = database
        self._spender = spender
        self._budgets = budgets
        self._reserved: list[usage.Reservation] = []
        self._refused = usage.Refused()

    async def reserve(self, *, tokens: int, cost: int) -> None:
        """Set aside what a call may use at most. Raises BudgetError when a budget does not leave that."""
        if self._budgets.unlimited:
            return
        async with self._database.tenant(self._spender.tenant_id) as tx:
            reservation = await usage.reserve(tx, self._budgets, tokens=tokens, cost=cost)
        if reservation is None:
            self._refused = usage.Refused(tokens, cost)
            raise BudgetError("model", "the tenant's budget is used up")
        self._reserved.append(reservation)

    def note(self, call: ModelCall) -> None:
        self.calls.append(call)

    def blocked(self) -> None:
        """What the last answer said did not pass the checks."""
        for place in reversed(range(len(self.calls))):
            call = self.calls[place]
            if call.purpose is Purpose.ANSWER and call.outcome in (CallOutcome.OK, CallOutcome.FALLBACK):
                self.calls[place] = call.model_copy(update={"outcome": CallOutcome.BLOCKED})
                return

    async def settle(self) -> None:
        if self.calls or self._reserved:
            # Whoever waits for the answer need not wait for the disk: a budget was set aside before, to the disk.
            async with self._database.tenant(self._spender.tenant_id, flushed=False) as tx:
                await usage.settle(tx, self._spender, self._budgets, self.calls, self._reserved, self._refused)


_METER: ContextVar[Meter | None] = ContextVar("meter", default=None)


def meter() -> Meter | None:
    """The meter of whoever is at work; None where nobody pays (a check of an installation's models)."""
    return _METER.get()


@asynccontextmanager
async def metered(database: Database, spender: Spender, budgets: Budgets) -> AsyncIterator[Meter]:
    """Calls made inside are the spender's. They are entered however the block ends, cancelled ones too."""
    running = Meter(database, spender, budgets)
    before = _METER.set(running)
    try:
        with spent_by(spender):
            yield running
    finally:
        _METER.reset(before)
        await running.settle()
