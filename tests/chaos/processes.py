"""The workflows after the drain: each runs exactly when it should, and none has work that does not progress."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import asyncpg
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from models.contracts.routing import conversation_id, escalation_id
from tests.chaos.system import System
from tests.chaos.verdict import Records, Violation

SETTLE_SECONDS = 15.0
LOOK_SECONDS = 0.5
RUNNING = WorkflowExecutionStatus.RUNNING
BROKEN = 'ExecutionStatus = "Failed" OR ExecutionStatus = "TimedOut" OR ExecutionStatus = "Terminated"'


async def judge(system: System, client: Client, records: Records) -> list[Violation]:
    """What is stuck or missing. What is merely not done yet has some seconds to finish."""
    suspects = {conversation["id"]: conversation["state"] for conversation in records.conversations}
    waiting = {each["id"]: each for each in records.escalations}
    found: list[Violation] = []
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                found = [
                    *[v for each, state in suspects.items() for v in await _conversation(system, client, each, state)],
                    *[v for each in waiting.values() for v in await _escalation(system, client, each)],
                ]
                if not found:
                    break
                # Only those that were not right yet are looked at again.
                ids = {violation.conversation for violation in found}
                suspects = {each: state for each, state in suspects.items() if each in ids}
                waiting = {each: row for each, row in waiting.items() if row["conversation"] in ids}
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        pass
    async for workflow in client.list_workflows(BROKEN):
        found.append(Violation("wedged", f"workflow {workflow.id} ended as {workflow.status}"))
    return found


async def _conversation(system: System, client: Client, conversation: str, state: str) -> list[Violation]:
    described = await _described(client, conversation_id(system.tenant, UUID(conversation)))
    if described is None:
        return [Violation("wedged", "the conversation has no process", conversation)]
    if (described.status is RUNNING) != (state != "closed"):
        return [Violation("wedged", f"{state} with a process that is {described.status}", conversation)]
    return [Violation("wedged", what, conversation) for what in _stuck(described)]


async def _escalation(system: System, client: Client, row: asyncpg.Record) -> list[Violation]:
    described = await _described(client, escalation_id(system.tenant, UUID(row["id"])))
    runs = described is not None and described.status is RUNNING
    if described is None or runs != (row["status"] in ("pending", "active")):
        status = "missing" if described is None else str(described.status)
        what = f"escalation {row['id']} is {row['status']} with a process that is {status}"
        return [Violation("invariant", what, row["conversation"])]
    return [Violation("wedged", f"escalation {row['id']}: {what}", row["conversation"]) for what in _stuck(described)]


def _stuck(described: WorkflowExecutionDescription) -> Iterable[str]:
    raw = described.raw_description
    for activity in raw.pending_activities:
        yield f"{activity.activity_type.name} is still to be done, attempt {activity.attempt}"
    if raw.HasField("pending_workflow_task"):
        yield f"a workflow task is pending, attempt {raw.pending_workflow_task.attempt}"


async def _described(client: Client, workflow: str) -> WorkflowExecutionDescription | None:
    try:
        return await client.get_workflow_handle(workflow).describe(rpc_timeout=timedelta(seconds=10))
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
