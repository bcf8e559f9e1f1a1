"""Processes of a suspended tenant wait: no step of theirs is done until the tenant is resumed, and none is lost."""

import asyncio
import random
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from models.contracts.privacy import CLOSE_ERASURE, END_PROCESSES, ERASE_CONVERSATIONS, ERASE_CUSTOMER, FIND_TO_ERASE
from models.contracts.tenant_life import BEGIN_DELETION, DELETE_ROWS, FINISH_DELETION, PURGE_PROCESSES
from models.repositories import tenants
from runtime.database import Database
from runtime.outages import is_outage

LOOK_SECONDS = 1.0
"""How long a suspension or a resumption may take to be noticed by a worker."""
FIRST_SECONDS, LONGEST_SECONDS = 2.0, 60.0
"""A waiting step asks again after so long, each time twice as long; the longest is how late it may go on."""

PARKED = "TenantSuspendedError"
"""The type of the failure, as the Temporal UI shows it."""

GOES_ON = frozenset(
    each.name
    for each in (
        *(BEGIN_DELETION, PURGE_PROCESSES, DELETE_ROWS, FINISH_DELETION),
        *(FIND_TO_ERASE, END_PROCESSES, ERASE_CONVERSATIONS, ERASE_CUSTOMER, CLOSE_ERASURE),
    )
)
"""Steps that delete: those are owed to customers and tenants, suspended or not."""


class Suspended:
    """Who is suspended, as of a moment ago: one question for all tenants, however many steps ask."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tenants: frozenset[UUID] = frozenset()
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def tells(self, tenant: UUID) -> bool:
        """Whether `tenant` is suspended. While the database is away, what was known before: no step can do harm then."""
        if time.monotonic() - self._read_at > LOOK_SECONDS:
            async with self._reading:
                if time.monotonic() - self._read_at > LOOK_SECONDS:
                    await self._read()
        return tenant in self._tenants

    async def _read(self) -> None:
        began = time.monotonic()
        try:
            async with self._database.system() as tx:
                self._tenants = await tenants.suspended(tx)
        except Exception as error:
            if not is_outage(error):
                raise
        self._read_at = began


class Parking(Interceptor):
    """Fails every step of a suspended tenant before it begins, to be tried again later: that is no event in a history,
    takes no slot, and outlives the worker.

    A step whose attempts are numbered is let through instead, for waiting would use them up. It cannot be the first or
    the last of a turn: those are tried for ever (see workflows.policies).
    """

    def __init__(self, suspended: Suspended) -> None:
        self._suspended = suspended

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Parking(next, self._suspended)


class _Parking(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, suspended: Suspended) -> None:
        super().__init__(following)
        self._suspended = suspended

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        info = activity.info()
        tenant = getattr(input.args[0], "tenant_id", None) if input.args else None
        numbered = info.retry_policy is not None and info.retry_policy.maximum_attempts > 0
        if (
            tenant is not None
            and not numbered
            and info.activity_type not in GOES_ON
            and await self._suspended.tells(tenant)
        ):
            raise ApplicationError(
                "the tenant is suspended; this goes on when it is resumed",
                type=PARKED,
                next_retry_delay=pause(info.attempt),
                # Nothing is wrong: neither logged nor counted as a failure.
                category=ApplicationErrorCategory.BENIGN,
            )
        return await super().execute_activity(input)


def pause(attempt: int) -> timedelta:
    """How long to wait after the `attempt`-th (from 1). Spread, for many wait for the same tenant."""
    seconds = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(attempt - 1, 10))
    return timedelta(seconds=seconds * random.uniform(0.8, 1))  # noqa: S311  # no secret
