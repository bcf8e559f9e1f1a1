"""What the processes of customers' privacy come to."""

from typing import Any
from uuid import uuid4

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from tests.workflow.test_privacy import Archive

Handle = WorkflowHandle[Any, Any]


async def erased(environment: WorkflowEnvironment) -> Handle:
    """Two rounds, the second for a conversation that came late."""
    async with Archive(environment).worker() as archive:
        archive.kept, archive.late = [uuid4(), uuid4()], [uuid4()]
        return await archive.erase()


async def retained(environment: WorkflowEnvironment) -> Handle:
    """The run that continued with the next tenants; one failed in it."""
    async with Archive(environment).worker() as archive:
        archive.tenants = [uuid4() for _ in range(3)]
        archive.broken = {min(archive.tenants)}
        first, _ = await archive.retain()
        return first


async def code_sent(environment: WorkflowEnvironment) -> Handle:
    async with Archive(environment).worker() as archive:
        return await archive.send()
