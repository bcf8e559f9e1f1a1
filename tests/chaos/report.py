"""What a run leaves: a table, a list of figures, and, where a promise broke, the evidence."""

import json
import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from models.contracts.routing import conversation_id
from tests.chaos.faults import PROBE
from tests.chaos.run import Result
from tests.chaos.system import System

HISTORIES = 20
"""Conversations whose whole history is kept as evidence."""

Figure = dict[str, Any]


def figures(result: Result) -> list[Figure]:
    """The run as a list of {name, value, unit, baseline, ratio}."""
    broken = Counter(violation.promise for violation in result.violations)
    recoveries, workers = result.recoveries, result.worker_recoveries

    def figure(name: str, value: float | None, unit: str) -> Figure:
        return {"name": name, "value": value, "unit": unit, "baseline": None, "ratio": None}

    def seconds(value: float | None) -> float | None:
        return None if value is None else round(value, 2)

    return [
        figure("faults", len(result.faults), "kills"),
        figure("messages", len({(sent.conversation, sent.client_message_id) for sent in result.sent}), "messages"),
        *(
            figure(name, broken[name], "violations")
            for name in ("lost", "duplicated", "wedged", "order", "invariant", "events", "stream", "answers")
        ),
        figure("recovery_p50", seconds(median(recoveries) if recoveries else None), "s"),
        figure("recovery_max", seconds(recoveries[-1] if recoveries else None), "s"),
        figure("worker_recovery_p50", seconds(median(workers) if workers else None), "s"),
        figure("worker_recovery_max", seconds(workers[-1] if workers else None), "s"),
        figure("drain", seconds(result.drained), "s"),
        *(
            figure(f"faults_{victim}", times, "kills")
            for victim, times in sorted(Counter(fault.victim for fault in result.faults).items())
        ),
    ]


def write(path: Path, rows: list[Figure]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=2) + "\n")


def show(result: Result, rows: list[Figure], console: Console) -> None:
    steps = Table("step", "victim", "kills", "in place", "recovery, s (each)", title="Faults")
    pairs = Counter((fault.step, fault.victim) for fault in result.faults)
    for (step, victim), times in sorted(pairs.items()):
        these = [fault for fault in result.faults if (fault.step, fault.victim) == (step, victim)]
        reached = sum(fault.reached for fault in these)
        times_to = " ".join("-" if fault.recovery is None else f"{fault.recovery:.1f}" for fault in these)
        steps.add_row(step, victim, str(times), str(reached), times_to)
    console.print(steps)
    table = Table("figure", "value", "unit", title=f"Chaos, seed {result.plan.seed}")
    for row in rows:
        table.add_row(row["name"], "-" if row["value"] is None else str(row["value"]), row["unit"])
    console.print(table)
    console.print(f"undecided answers: {result.answers}")


def keep_log(folder: Path, result: Result) -> None:
    """The clients' log and the faults, whatever came of the run."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(asdict(sent), default=sorted) for sent in result.sent]
    (folder / "client.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "faults.json").write_text(json.dumps([fault.as_json() for fault in result.faults], indent=1))


async def keep_evidence(folder: Path, system: System, result: Result) -> None:
    """What is needed to find the cause: violations, rows, logs, and the histories of the conversations concerned."""
    (folder / "violations.json").write_text(json.dumps([asdict(each) for each in result.violations], indent=1))
    records = result.records
    for name in ("messages", "ledger", "events", "conversations", "escalations"):
        rows = [dict(row) for row in getattr(records, name)]
        (folder / f"{name}.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False, default=str))
    shutil.copytree(system.home.logs, folder / "logs", dirs_exist_ok=True)
    client = await Client.connect(system.run.temporal_address, namespace=system.run.temporal_namespace)
    probe = next(sent.conversation for sent in result.sent if sent.client_message_id.startswith(PROBE))
    concerned = dict.fromkeys([probe, *(each.conversation for each in result.violations if each.conversation)])
    for conversation in list(concerned)[:HISTORIES]:
        workflow = conversation_id(system.tenant, UUID(conversation))
        async for run in client.list_workflows(f'WorkflowId = "{workflow}"'):
            history = await client.get_workflow_handle(workflow, run_id=run.run_id).fetch_history()
            (folder / f"history-{conversation}-{run.run_id}.json").write_text(history.to_json())
