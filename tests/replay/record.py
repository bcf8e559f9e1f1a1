"""Records the histories anew: `python -m tests.replay.record [NAME ...]` (all, or those named `<type>.<outcome>`).

Record what is new before it is released, with the code that is released. Recording an old outcome again throws away
the proof that runs started before a change survive it: do that only when no such run can be left.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from temporalio.testing import WorkflowEnvironment

from runtime.temporal import data_converter
from tests.replay.histories import save
from tests.replay.scenarios import SCENARIOS, Scenario, ServerKind
from tests.workflow.conftest import binary, know_search_attributes
from tests.workflow.servers import dev_server


@asynccontextmanager
async def skipping_server() -> AsyncIterator[WorkflowEnvironment]:
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=binary("temporal-test-server"), data_converter=data_converter()
    )
    async with environment:
        await know_search_attributes(environment)
        yield environment


SERVERS: dict[ServerKind, Callable[[], AbstractAsyncContextManager[WorkflowEnvironment]]] = {
    "real": dev_server,
    "rolling": lambda: dev_server(limit__historyCount__suggestContinueAsNew=30),
    "skipping": skipping_server,
}


async def record(wanted: set[str]) -> None:
    chosen = [scenario for scenario in SCENARIOS if not wanted or scenario.name in wanted]
    if unknown := wanted - {scenario.name for scenario in chosen}:
        sys.exit(f"no such outcome: {', '.join(sorted(unknown))}; see tests/replay/scenarios.py")
    for scenario in chosen:
        await keep(scenario)


async def keep(scenario: Scenario) -> None:
    """On a server of its own: what one leaves running could reach another."""
    async with SERVERS[scenario.server]() as environment:
        handle = await asyncio.wait_for(scenario.play(environment), 60)
        history = await handle.fetch_history()
    save(scenario.name, history)
    print(f"{scenario.name}: {len(history.events)} events")


if __name__ == "__main__":
    asyncio.run(record(set(sys.argv[1:])))
    sys.stdout.flush()
    # A native thread of Temporal's may abort the interpreter's own shutdown (see tests/conftest.py).
    os._exit(0)
