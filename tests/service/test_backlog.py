"""A worker that has more to do than it can: the rest waits where waiting costs nothing."""

from functools import partial
from pathlib import Path

import asyncpg
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client

from runtime.database import driver_url
from tests.service.api.house import Company
from tests.service.whole import eventually, messages_of, servers_of_its_own, system

CONVERSATIONS = 6
AT_A_TIME = 2


async def test_steps_beyond_a_workers_number_wait_at_temporal(tmp_path: Path) -> None:
    async with (
        servers_of_its_own(tmp_path) as servers,
        system(servers, learns=False, worker_turns=AT_A_TIME) as tenant,
    ):
        temporal = await Client.connect(servers.temporal_address)
        admin = await asyncpg.connect(driver_url(servers.admin_database_url))

        async def steps() -> list[PendingActivityState.ValueType]:
            return [
                pending.state
                async for each in temporal.list_workflows("WorkflowType = 'conversation'")
                for pending in (
                    await temporal.get_workflow_handle(each.id).describe()
                ).raw_description.pending_activities
            ]

        async def all_are_asked_for() -> bool:
            return len(await steps()) == CONVERSATIONS

        async with admin.transaction():
            # Every turn reads it first: whoever is at work stands here.
            await admin.execute("LOCK TABLE policies IN ACCESS EXCLUSIVE MODE")
            ids = [
                (await tenant.post("/v1/conversations", {})).raise_for_status().json()["id"]
                for _ in range(CONVERSATIONS)
            ]
            for conversation in ids:
                asked = await tenant.post(f"/v1/conversations/{conversation}/messages", {"text": "Hello?"})
                asked.raise_for_status()
            await eventually(all_are_asked_for)
            at_work = [state for state in await steps() if state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED]
            assert len(at_work) == AT_A_TIME
        for conversation in ids:
            await eventually(partial(_is_answered, tenant, conversation))
        await admin.close()


async def _is_answered(tenant: Company, conversation: str) -> bool:
    return any(each["author"] != "customer" for each in await messages_of(tenant, conversation))
