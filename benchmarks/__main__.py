"""`python -m benchmarks`: what a turn costs, against a workflow of the same shape that does nothing.

Both run on one server in one run, by turns, so that a noisy machine is noisy for both; quote the ratios.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.client import Client

from activities.embedding.choice import embedder_for
from benchmarks import ask, bare, encryption, ingest, row_security, search, sign_in, system
from benchmarks.load import Cell, median, run
from benchmarks.turns import QUESTIONS, Turns
from models.contracts.routing import conversation_id

CONCURRENCIES = (1, 8, 64)
IDLE_CONVERSATIONS = 300

console = Console(stderr=True)


class Figures:
    """The list that is printed and written: name, value, unit, baseline, ratio."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, name: str, value: float, unit: str, baseline: float | None = None) -> None:
        ratio = round(value / baseline, 3) if baseline else None
        rounded = None if baseline is None else round(baseline, 3)
        self.rows.append({"name": name, "value": round(value, 3), "unit": unit, "baseline": rounded, "ratio": ratio})

    def show(self) -> None:
        table = Table("figure", "value", "unit", "bare", "ratio")
        for row in self.rows:
            table.add_row(*("" if cell is None else str(cell) for cell in row.values()))
        Console().print(table)


async def measure(seconds: float, rounds: int) -> Figures:
    figures = Figures()
    await embedding(figures)
    console.print("tokens and passwords")
    for name, taken in await sign_in.costs():
        figures.add(name, 1000 * taken, "ms")
    console.print("row-level security, on and off")
    for cost in await row_security.costs():
        figures.add(f"row_security_{cost.name.replace(' ', '_')}", 1000 * cost.secured, "ms", 1000 * cost.bare)
    console.print("ingestion, against the bare embedder")
    ingested = await ingest.speed()
    figures.add("ingested_chunks_per_s", ingested.ingested, "1/s", ingested.bare)
    await searching(figures)
    await encrypting(figures, seconds, rounds)
    await asking(figures)
    console.print("starting the system")
    async with (
        system.running() as under_test,
        bare.driving(under_test.run.temporal_address) as yardstick,
        Turns(under_test.api).listening() as turns,
    ):
        await turns.open(max(CONCURRENCIES))
        for clients in CONCURRENCIES:
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
        await idle(figures, under_test, turns)
        console.print(f"replies by kind: {turns.kinds}")
    return figures


def compare(figures: Figures, clients: int, ours: list[Cell], theirs: list[Cell]) -> None:
    def figure(name: str, share: float) -> None:
        mine = median([cell.percentile(share) for cell in ours])
        figures.add(name, 1000 * mine, "ms", 1000 * median([cell.percentile(share) for cell in theirs]))

    figure(f"turn_p50_c{clients}", 0.5)
    figure(f"turn_p99_c{clients}", 0.99)
    figures.add(
        f"turns_per_s_c{clients}",
        median([cell.per_second for cell in ours]),
        "1/s",
        median([cell.per_second for cell in theirs]),
    )


async def encrypting(figures: Figures, seconds: float, rounds: int) -> None:
    """What Temporal's encrypted payloads cost; the baseline is the same system without."""
    console.print("encrypted payloads, against plain ones")
    figures.add("encryption_of_2_kb", 1_000_000 * await encryption.of_one_payload(), "µs")
    for turned in await encryption.of_turns(seconds, rounds):
        sides = (turned.encrypted, turned.plain)
        ours, theirs = (median([cell.percentile(0.5) for cell in cells]) for cells in sides)
        figures.add(f"encrypted_turn_p50_c{turned.clients}", 1000 * ours, "ms", 1000 * theirs)


async def searching(figures: Figures) -> None:
    """A search without the embedding of its question; the baseline is the exact scan of the same tenant."""
    console.print("search in 1,000, 10,000 and 100,000 passages (some minutes)")
    for found in await search.costs():
        figures.add(f"search_p50_{found.chunks}", found.p50, "ms", found.exact_p50)
        figures.add(f"search_p99_{found.chunks}", found.p99, "ms")
        figures.add(f"search_recall_at_{search.TOP}_{found.chunks}", found.recall, "share")


async def asking(figures: Figures) -> None:
    """A question without a conversation: what is not the model's time, nor its embedding's."""
    console.print("agent/ask, with a model that answers at once")
    taken = sorted(cost.beside for cost in await ask.costs(100))
    figures.add("ask_beside_the_model_p50", taken[len(taken) // 2], "ms")
    figures.add("ask_beside_the_model_p99", taken[int(0.99 * len(taken))], "ms")


async def embedding(figures: Figures) -> None:
    """What one question's vector costs by itself: the part of a turn that is arithmetic and not plumbing."""
    console.print("embedding of a question")
    embedder = embedder_for("embedded")
    await embedder.warm()
    taken = []
    for number in range(50):
        begun = time.perf_counter()
        await embedder.embed_query(QUESTIONS[number % len(QUESTIONS)].format(n=number))
        taken.append(time.perf_counter() - begun)
    figures.add("embedding_p50", 1000 * median(taken), "ms")


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


async def idle(figures: Figures, under_test: system.System, turns: Turns) -> None:
    """Memory that the worker keeps for a conversation that waits."""
    console.print(f"memory of {IDLE_CONVERSATIONS} idle conversations")
    first = len(turns.conversations)
    await turns.open(first + IDLE_CONVERSATIONS)
    before = under_test.resident_bytes("worker")
    for start in range(first, first + IDLE_CONVERSATIONS, 10):
        await asyncio.gather(*(turns.turn(client) for client in range(start, start + 10)))
    grown = under_test.resident_bytes("worker") - before
    figures.add("worker_bytes_per_idle_conversation", grown / IDLE_CONVERSATIONS, "bytes")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--out", type=Path, help="write the figures here, as JSON")
    parser.add_argument("--seconds", type=float, default=5, help="length of one cell (default 5)")
    parser.add_argument("--rounds", type=int, default=3, help="cells of each kind; medians are reported (default 3)")
    given = parser.parse_args()
    figures = asyncio.run(measure(given.seconds, given.rounds))
    figures.show()
    if given.out is not None:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(figures.rows, indent=2) + "\n")
        console.print(f"written to {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
