"""The installation's own schedules, made or brought up to date when a worker starts."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from models.contracts.ingest import RECONCILE, HandOverInput
from models.contracts.routing import OPERATIONS_QUEUE

RECONCILE_ID = "reconcile"

CATCH_UP = timedelta(minutes=1)
"""Runs that were missed for longer than this are not made up for: the next one sees all that they would have seen."""


async def ensure(client: Client, *, every: timedelta) -> None:
    """Have unaccepted messages looked for `every` so often. Safe to call by many workers at once."""
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            RECONCILE.name,
            HandOverInput(after_seconds=int(every.total_seconds())),
            id=RECONCILE_ID,
            task_queue=OPERATIONS_QUEUE,
            execution_timeout=timedelta(minutes=5),
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
    )

    def replace(_: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(schedule=schedule)

    try:
        await client.create_schedule(RECONCILE_ID, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(RECONCILE_ID).update(replace)
