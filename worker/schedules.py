"""The installation's own schedules, made or brought up to date when a worker starts."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from models.contracts.ingest import RECONCILE, HandOverInput
from models.contracts.learning import REVIEWS, ReviewsInput
from models.contracts.privacy import RETENTION, RetentionInput
from models.contracts.routing import OPERATIONS_QUEUE

RECONCILE_ID = "reconcile"
RETENTION_ID = "retention"
REVIEWS_ID = "reviews"

CATCH_UP = timedelta(minutes=1)
"""Runs that were missed for longer than this are not made up for: the next one sees all that they would have seen."""

DAY = timedelta(days=1)
"""A night that was missed is made up for as soon as Temporal is back."""


async def ensure(client: Client, *, every: timedelta) -> None:
    """Have unaccepted messages looked for `every` so often. Safe to call by many workers at once."""
    reconcile = Schedule(
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
    await _put(client, RECONCILE_ID, reconcile)


async def ensure_retention(client: Client, *, hour: int) -> None:
    """Have retention applied once a day, at that hour (UTC). Safe to call by many workers at once."""
    retention = Schedule(
        action=ScheduleActionStartWorkflow(
            RETENTION.name, RetentionInput(), id=RETENTION_ID, task_queue=OPERATIONS_QUEUE
        ),
        spec=ScheduleSpec(calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(hour)])]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=DAY),
    )
    await _put(client, RETENTION_ID, retention)


async def ensure_reviews(client: Client, *, hour: int) -> None:
    """Have every tenant's knowledge looked through once a day, at that hour (UTC). Safe to call by many workers at once."""
    reviews = Schedule(
        action=ScheduleActionStartWorkflow(REVIEWS.name, ReviewsInput(), id=REVIEWS_ID, task_queue=OPERATIONS_QUEUE),
        spec=ScheduleSpec(calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(hour)])]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=DAY),
    )
    await _put(client, REVIEWS_ID, reviews)


async def _put(client: Client, id_: str, schedule: Schedule) -> None:
    def replace(_: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(schedule=schedule)

    try:
        await client.create_schedule(id_, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(id_).update(replace)
