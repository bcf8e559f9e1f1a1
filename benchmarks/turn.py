"""What a whole turn costs, against a workflow of the same shape that does nothing.

Both run on one server in one run, by turns, so that a noisy machine is noisy for both; quote the ratios.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.client import Client

from benchmarks import bare, system
from benchmarks.figures import Figures, command, console
from benchmarks.load import Cell, median, run
from benchmarks.turns import Turns
from models.contracts.routing import conversation_id

CONCURRENCIES = (1, 8, 64)
IDLE_CONVERSATIONS = 300
OF_THE_LATENCY, OF_THE_THROUGHPUT = 1.5, 0.7


async def measure(figures: Figures) -> None:
    console.print("whole turns, against a bare workflow: starting the system")
    concurrencies, seconds, rounds = ((1, 8), 2.0, 1) if figures.quick else (CONCURRENCIES, 5.0, 3)
    async with (
        system.running() as under_test,
        bare.driving(under_test.run.temporal_address) as yardstick,
        Turns(under_test.api).listening() as turns,
    ):
        await turns.open(max(concurrencies))
        for clients in concurrencies:
            await run(turns.turn, clients, 1)
            await run(yardstick.round, clients, 1)
            ours: list[Cell] = []
            theirs: list[Cell] = []
            turns.accepted.clear()
            for number in range(rounds):
                console.print(f"concurrency {clients}, round {number + 1} of {rounds}")
                theirs.append(await run(yardstick.round, clients, seconds))
                ours.append(await run(turns.turn, clients, seconds))
            compare(figures, clients, ours, theirs)
            if clients == 8:
                accepted = sorted(turns.accepted)
                figures.add("accept_p99", 1000 * accepted[int(0.99 * len(accepted))], "ms")
        await history(figures, under_test, turns)
        await idle(figures, under_test, turns, 30 if figures.quick else IDLE_CONVERSATIONS)
        console.print(f"replies by kind: {turns.kinds}")


def compare(figures: Figures, clients: int, ours: Sequence[Cell], theirs: Sequence[Cell]) -> None:
    def figure(name: str, share: float, goal: float | None = None) -> None:
        mine = median([cell.percentile(share) for cell in ours])
        bare_one = median([cell.percentile(share) for cell in theirs])
        figures.add(name, 1000 * mine, "ms", 1000 * bare_one, at_most=goal)

    figure(f"turn_p50_c{clients}", 0.5, OF_THE_LATENCY if clients == 1 else None)
    figure(f"turn_p99_c{clients}", 0.99)
    figures.add(
        f"turns_per_s_c{clients}",
        median([cell.per_second for cell in ours]),
        "1/s",
        median([cell.per_second for cell in theirs]),
        at_least=None if clients == 1 else OF_THE_THROUGHPUT,
    )


async def history(figures: Figures, under_test: system.System, turns: Turns) -> None:
    """Events and bytes that one more turn adds to a conversation's history."""
    console.print("history of a turn")
    client = await bare.connect(under_test.run.temporal_address)
    await turns.open(len(turns.conversations) + 1)
    conversation = len(turns.conversations) - 1
    await turns.turn(conversation)
    before = await _history(client, under_test.tenant, turns.conversations[conversation])
    measured = 20
    for _ in range(measured):
        await turns.turn(conversation)
    after = await _history(client, under_test.tenant, turns.conversations[conversation])
    figures.add("history_events_per_turn", (after[0] - before[0]) / measured, "events")
    figures.add("history_bytes_per_turn", (after[1] - before[1]) / measured, "bytes")


async def _history(client: Client, tenant: UUID, conversation: str) -> tuple[int, int]:
    described = await client.workflow_service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=conversation_id(tenant, UUID(conversation))),
        )
    )
    info = described.workflow_execution_info
    return info.history_length, info.history_size_bytes


async def idle(figures: Figures, under_test: system.System, turns: Turns, conversations: int) -> None:
    """Memory that the worker keeps for a conversation that waits."""
    console.print(f"memory of {conversations} idle conversations")
    first = len(turns.conversations)
    await turns.open(first + conversations)
    before = under_test.resident_bytes("worker")
    for start in range(first, first + conversations, 10):
        await asyncio.gather(*(turns.turn(client) for client in range(start, start + 10)))
    grown = under_test.resident_bytes("worker") - before
    figures.add("worker_bytes_per_idle_conversation", grown / conversations, "bytes")


if __name__ == "__main__":
    command("benchmarks.turn", __doc__, measure)
