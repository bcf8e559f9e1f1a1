"""The processes of erasing and of retention, with scripted steps: their order, what is looked at again, what fails."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from models.contracts.privacy import (
    CLOSE_ERASURE,
    END_PROCESSES,
    ERASE_CONVERSATIONS,
    ERASE_CUSTOMER,
    ERASURE,
    FIND_TO_ERASE,
    IDENTITY_CODE,
    NEXT_TENANTS,
    RETAIN,
    RETENTION,
    SEND_CODE,
    CodeSent,
    CustomerErased,
    EndProcessesInput,
    EraseConversationsInput,
    ErasureInput,
    Retained,
    RetainInput,
    RetentionInput,
    SendCodeInput,
    SendOutcome,
    Tenants,
    TenantsInput,
    ToErase,
)
from models.contracts.routing import OPERATIONS_QUEUE
from workflows.erasure import LATE, ErasureWorkflow
from workflows.identity import IdentityCodeWorkflow
from workflows.retention import RetentionWorkflow

WORKFLOWS = [ErasureWorkflow, IdentityCodeWorkflow, RetentionWorkflow]


class Archive:
    """What is kept, as numbers: conversations of one customer, and tenants of an installation."""

    def __init__(self, environment: WorkflowEnvironment) -> None:
        self.client: Client = environment.client
        self.kept: list[UUID] = []
        self.late: list[UUID] = []
        """Conversations that are opened just before the customer is erased."""
        self.steps: list[tuple[str, datetime]] = []
        self.tenants: list[UUID] = []
        self.broken: set[UUID] = set()
        self.retained: list[UUID] = []

    @asynccontextmanager
    async def worker(self) -> AsyncIterator["Archive"]:
        steps: list[Callable[..., Any]] = [self._find, self._end, self._erase, self._customer, self._close]
        steps += [self._next, self._retain, self._send]
        async with Worker(
            self.client,
            task_queue=OPERATIONS_QUEUE,
            workflows=WORKFLOWS,
            activities=steps,
            max_cached_workflows=0,
        ):
            yield self

    @property
    def order(self) -> list[str]:
        return [step for step, _ in self.steps]

    async def erase(self) -> WorkflowHandle[Any, Any]:
        start = ErasureInput(tenant_id=uuid4(), erasure_id=uuid4())
        handle = await self.client.start_workflow(
            ERASURE.name, start, id=f"erasure-{start.erasure_id}", task_queue=OPERATIONS_QUEUE
        )
        await handle.result()
        return handle

    async def retain(self) -> tuple[WorkflowHandle[Any, Any], RetentionInput]:
        """The first run, and what the last one returned."""
        handle = await self.client.start_workflow(
            RETENTION.name,
            RetentionInput(),
            id=f"retention-{uuid4()}",
            task_queue=OPERATIONS_QUEUE,
            result_type=RetentionInput,
        )
        result = await handle.result()
        return self.client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id), result

    async def send(self) -> WorkflowHandle[Any, Any]:
        start = SendCodeInput(tenant_id=uuid4(), code_id=uuid4())
        handle = await self.client.start_workflow(
            IDENTITY_CODE.name, start, id=f"identity-code-{start.code_id}", task_queue=OPERATIONS_QUEUE
        )
        await handle.result()
        return handle

    def _note(self, step: str) -> None:
        self.steps.append((step, activity.info().scheduled_time))

    @activity.defn(name=FIND_TO_ERASE.name)
    async def _find(self, _: ErasureInput) -> ToErase:
        self._note("find")
        return ToErase(conversations=tuple(self.kept[:2]), escalations=())

    @activity.defn(name=END_PROCESSES.name)
    async def _end(self, given: EndProcessesInput) -> None:
        self._note(f"end {len(given.found.conversations)}")

    @activity.defn(name=ERASE_CONVERSATIONS.name)
    async def _erase(self, given: EraseConversationsInput) -> None:
        self._note(f"erase {len(given.conversations)}")
        self.kept = [each for each in self.kept if each not in given.conversations]

    @activity.defn(name=ERASE_CUSTOMER.name)
    async def _customer(self, _: ErasureInput) -> CustomerErased:
        self.kept, self.late = [*self.kept, *self.late], []
        self._note("customer")
        return CustomerErased(erased=not self.kept)

    @activity.defn(name=CLOSE_ERASURE.name)
    async def _close(self, _: ErasureInput) -> None:
        self._note("close")

    @activity.defn(name=NEXT_TENANTS.name)
    async def _next(self, given: TenantsInput) -> Tenants:
        after = [each for each in sorted(self.tenants) if given.after is None or each > given.after]
        return Tenants(tenants=tuple(after[:2]))

    @activity.defn(name=RETAIN.name)
    async def _retain(self, given: RetainInput) -> Retained:
        if given.tenant_id in self.broken:
            raise ApplicationError("refused", type="Refused", non_retryable=True)
        self.retained.append(given.tenant_id)
        return Retained(conversations=10)

    @activity.defn(name=SEND_CODE.name)
    async def _send(self, _: SendCodeInput) -> CodeSent:
        return CodeSent(outcome=SendOutcome.SENT)


@pytest.fixture
async def archive(skipping: WorkflowEnvironment) -> AsyncIterator[Archive]:
    async with Archive(skipping).worker() as archive:
        yield archive


async def test_processes_end_before_rows_go_and_are_looked_for_again(archive: Archive) -> None:
    archive.kept = [uuid4() for _ in range(3)]
    await archive.erase()
    assert archive.order == [
        *("find", "end 2", "erase 2", "find", "end 1", "erase 1", "find", "customer"),
        *("end 2", "end 1", "close"),
    ]
    times = dict(archive.steps)
    assert times["close"] - times["customer"] >= LATE


async def test_a_conversation_that_opens_meanwhile_is_erased_too(archive: Archive) -> None:
    archive.late = [uuid4()]
    await archive.erase()
    assert archive.order == ["find", "customer", "find", "end 1", "erase 1", "find", "customer", "end 1", "close"]
    assert archive.kept == []


async def test_retention_reaches_every_tenant_though_one_fails(archive: Archive) -> None:
    archive.tenants = [uuid4() for _ in range(5)]
    archive.broken = {sorted(archive.tenants)[1]}
    _, result = await archive.retain()
    assert sorted(archive.retained) == sorted(set(archive.tenants) - archive.broken)
    assert (result.tenants, result.conversations, result.failed) == (5, 40, 1)


async def test_an_installation_without_tenants(archive: Archive) -> None:
    _, result = await archive.retain()
    assert result == RetentionInput()
