"""Calls of embedders, rerankers and transcribers on their way into the usage ledger: summed here, entered together some
seconds later.

A turn embeds one to five times and waits for none of these rows. They decide nothing (budgets are about the models that
write), so what a killed process has not entered yet may be missing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from uuid import UUID

import structlog

from activities.provider.errors import ProviderError
from activities.routes.endpoint import outcome_of
from models.contracts.usage import CallOutcome, ModelCall, Purpose, Spender
from models.repositories import usage
from runtime.database import Database
from runtime.outages import is_outage

ENTERED_EVERY_SECONDS = 5.0

log = structlog.get_logger(__name__)

_SPENDER: ContextVar[Spender | None] = ContextVar("spender", default=None)


@contextmanager
def spent_by(spender: Spender) -> Iterator[None]:
    """Calls inside are the spender's, in whatever function they are made. Calls outside are nobody's."""
    before = _SPENDER.set(spender)
    try:
        yield
    finally:
        _SPENDER.reset(before)


_Kind = tuple[UUID | None, Purpose, str, str, CallOutcome]


class Ledger:
    """Sums of a process: a row for each tenant, assistant, purpose, model and outcome."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sums: dict[UUID, dict[_Kind, ModelCall]] = {}

    @contextmanager
    def counting(
        self, purpose: Purpose, provider: str, model: str, tokens: int = 0, *, cost: int = 0
    ) -> Iterator[None]:
        """Note the one call that is made inside, however it ends. `cost`, in millionths, is that of one that is answered."""
        begun = time.monotonic()
        outcome = CallOutcome.CANCELLED
        try:
            yield
            outcome = CallOutcome.OK
        except ProviderError as error:
            outcome = outcome_of(error)
            raise
        finally:
            if (spender := _SPENDER.get()) is not None:
                call = ModelCall(
                    purpose=purpose,
                    # They have no routes: each process has the one that its settings name.
                    route=purpose.value,
                    endpoint=provider,
                    model=model,
                    outcome=outcome,
                    prompt_tokens=tokens,
                    cost=cost if outcome is CallOutcome.OK else 0,
                    milliseconds=round(1000 * (time.monotonic() - begun)),
                )
                self._add(spender.tenant_id, spender.assistant_id, call)

    def _add(self, tenant: UUID, assistant: UUID | None, call: ModelCall) -> None:
        sums = self._sums.setdefault(tenant, {})
        kind = (assistant, call.purpose, call.endpoint, call.model, call.outcome)
        sums[kind] = call if kind not in sums else sums[kind].plus(call)

    async def enter(self) -> None:
        """Enter what has come together. While the database is away it waits for the next time."""
        for tenant in list(self._sums):
            entries = [(kind[0], call) for kind, call in self._sums.pop(tenant).items()]
            try:
                async with self._database.tenant(tenant) as tx:
                    await usage.enter(tx, entries)
            except Exception as error:  # whatever it is, the other tenants' rows are no part of it
                away = is_outage(error)
                log.warning("usage not entered", tenant_id=tenant, cause=type(error).__name__, exc_info=not away)
                if away:
                    for assistant, call in entries:
                        self._add(tenant, assistant, call)
                    # A process that ends now waits for this once, and not once a tenant.
                    return


@asynccontextmanager
async def open_ledger(database: Database) -> AsyncIterator[Ledger]:
    """A ledger that is entered every few seconds, and when the block ends."""
    ledger = Ledger(database)
    entering = asyncio.create_task(_keep_entering(ledger))
    try:
        yield ledger
    finally:
        entering.cancel()
        await asyncio.wait([entering])
        await ledger.enter()


async def _keep_entering(ledger: Ledger) -> None:
    while True:
        await asyncio.sleep(ENTERED_EVERY_SECONDS)
        await ledger.enter()
