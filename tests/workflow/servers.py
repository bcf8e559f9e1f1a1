"""The real dev server for tests of what the server itself decides: runs that continue as new, messages it must carry."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.testing import WorkflowEnvironment

from runtime.embedded.temporal import DYNAMIC_CONFIG
from runtime.search_attributes import SEARCH_ATTRIBUTES
from runtime.temporal import data_converter
from tests.workflow.conftest import binary


@asynccontextmanager
async def dev_server(**dynamic_config: object) -> AsyncIterator[WorkflowEnvironment]:
    """The server as `mainstay up` configures it, in memory. `dynamic_config`: keys with `__` for each dot."""
    config = DYNAMIC_CONFIG | {key.replace("__", "."): str(value) for key, value in dynamic_config.items()}
    options = [argument for item in config.items() for argument in ("--dynamic-config-value", "=".join(item))]
    options += [argument for item in SEARCH_ATTRIBUTES.items() for argument in ("--search-attribute", "=".join(item))]
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"),
        dev_server_extra_args=options,
        data_converter=data_converter(),
    )
    async with environment:
        yield environment
