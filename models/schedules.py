"""Tenants' own schedules in Temporal. A re-index's has no other record; a crawl's follows what its row says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleDescription,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from models.contracts.crawl import CRAWL, CrawlInput
from models.contracts.reindex import REINDEX, ReindexInput
from models.contracts.routing import (
    BATCH,
    KNOWLEDGE_QUEUE,
    TENANT_ID,
    crawl_id,
    crawl_schedule_id,
    priority,
    reindex_id,
    reindex_schedule_id,
)

CATCH_UP = timedelta(hours=1)
"""A run that was missed for longer than this, because Temporal was away, is left to the next."""

RPC_TIMEOUT = timedelta(seconds=5)


class InvalidCronError(ValueError):
    """Temporal does not take the expression."""


@dataclass(frozen=True, slots=True)
class ReindexSchedule:
    """When a tenant is re-indexed: by `cron` (UTC) or `every` so often. The runs are known of a stored one only."""

    cron: str | None = None
    every: timedelta | None = None
    next_run: datetime | None = None
    last_run: datetime | None = None


async def put_reindex(client: Client, tenant: UUID, chosen: ReindexSchedule) -> None:
    """Make or replace a tenant's schedule. A run that is due while another is under way is skipped.

    Raises InvalidCronError, and temporalio.service.RPCError when Temporal cannot be reached.
    """
    try:
        await _put(
            client,
            reindex_schedule_id(tenant),
            # Temporal adds the time of the run.
            _starting(tenant, REINDEX.name, ReindexInput(tenant_id=tenant), reindex_id(tenant, "scheduled")),
            ScheduleSpec(
                # Temporal keeps an expression in a form of its own; the comment brings back what was written.
                cron_expressions=[f"{chosen.cron} #{chosen.cron}"] if chosen.cron else [],
                intervals=[ScheduleIntervalSpec(every=chosen.every)] if chosen.every else [],
            ),
        )
    except RPCError as error:
        if error.status is RPCStatusCode.INVALID_ARGUMENT and chosen.cron:
            raise InvalidCronError from None
        raise


async def put_crawl(client: Client, tenant: UUID, crawl: UUID, every: timedelta) -> None:
    """Have a crawl run `every` so often, from now on. Raises RPCError when Temporal cannot be reached."""
    start = CrawlInput(tenant_id=tenant, crawl_id=crawl, scheduled=True)
    # Not all at midnight: each crawl has a minute of its own.
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every, offset=every * (crawl.int % 997) / 997)])
    action = _starting(tenant, CRAWL.name, start, crawl_id(tenant, crawl, "-scheduled"))
    await _put(client, crawl_schedule_id(tenant, crawl), action, spec)


async def delete_crawl(client: Client, tenant: UUID, crawl: UUID) -> bool:
    """Whether there was one. Raises RPCError when Temporal cannot be reached."""
    return await _delete(client, crawl_schedule_id(tenant, crawl))


async def get_reindex(client: Client, tenant: UUID) -> ReindexSchedule | None:
    """A tenant's schedule; None without one. Raises RPCError when Temporal cannot be reached."""
    try:
        found = await client.get_schedule_handle(reindex_schedule_id(tenant)).describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None
    return _read(found)


async def delete_reindex(client: Client, tenant: UUID) -> bool:
    """Whether there was one. Raises RPCError when Temporal cannot be reached."""
    return await _delete(client, reindex_schedule_id(tenant))


def _starting(tenant: UUID, workflow: str, start: object, workflow_id: str) -> ScheduleActionStartWorkflow:
    return ScheduleActionStartWorkflow(
        workflow,
        start,
        id=workflow_id,
        task_queue=KNOWLEDGE_QUEUE,
        priority=priority(BATCH, tenant),
        typed_search_attributes=TypedSearchAttributes([SearchAttributePair(TENANT_ID, str(tenant))]),
    )


async def _put(client: Client, name: str, action: ScheduleActionStartWorkflow, spec: ScheduleSpec) -> None:
    """Make or replace a schedule. A run that is due while another one of it is under way is skipped."""
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP)
    schedule = Schedule(action=action, spec=spec, policy=policy)

    def replace(_: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(schedule=schedule)

    try:
        await client.create_schedule(name, schedule, rpc_timeout=RPC_TIMEOUT)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(name).update(replace, rpc_timeout=RPC_TIMEOUT)


async def _delete(client: Client, name: str) -> bool:
    try:
        await client.get_schedule_handle(name).delete(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True


def _read(found: ScheduleDescription) -> ReindexSchedule:
    spec, info = found.schedule.spec, found.info
    crons = [calendar.comment for calendar in spec.calendars if calendar.comment]
    return ReindexSchedule(
        cron=crons[0] if crons else None,
        every=spec.intervals[0].every if spec.intervals else None,
        next_run=next(iter(info.next_action_times), None),
        last_run=info.recent_actions[-1].started_at if info.recent_actions else None,
    )
