"""Calls activities by contract, under the policies of policies.py."""

from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel
from temporalio import workflow

from models.contracts.base import Activity
from models.contracts.routing import priority
from workflows.policies import CALLS

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel | None)


def begin(activity: Activity[In, Out], argument: In, tenant: UUID | None) -> workflow.ActivityHandle[Out]:
    """Start an activity; await the handle for its result, or cancel it."""
    policy = CALLS[activity.name]
    return workflow.start_activity(
        activity.name,
        argument,
        result_type=activity.output,
        task_queue=policy.queue,
        start_to_close_timeout=policy.start_to_close,
        schedule_to_close_timeout=policy.schedule_to_close,
        heartbeat_timeout=policy.heartbeat,
        retry_policy=policy.retry,
        priority=priority(policy.priority, tenant),
        cancellation_type=workflow.ActivityCancellationType.TRY_CANCEL,
    )


async def call(activity: Activity[In, Out], argument: In, tenant: UUID | None) -> Out:
    """Run an activity and return its result. Raises temporalio.exceptions.ActivityError when its policy gives up."""
    return await begin(activity, argument, tenant)
