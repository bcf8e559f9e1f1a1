"""Recorded histories as files: one event a line, so that a diff shows what a change does to a process."""

import json
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

FOLDER = Path(__file__).with_name("histories")


def names() -> list[str]:
    """`<workflow type>.<outcome>` of every recorded history."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name: str) -> WorkflowHistory:
    recorded = {"events": events(name)}
    workflow = recorded["events"][0]["workflowExecutionStartedEventAttributes"]["workflowId"]
    return WorkflowHistory.from_json(workflow_id=workflow, history=recorded)


def save(name: str, history: WorkflowHistory) -> None:
    events = history.to_json_dict()["events"]
    # The time-skipping server leaves it out.
    events[0]["workflowExecutionStartedEventAttributes"].setdefault("workflowId", history.workflow_id)
    lines = [json.dumps(anonymous(event), separators=(",", ":")) for event in events]
    (FOLDER / f"{name}.json").write_text('{"events":[\n' + ",\n".join(lines) + "\n]}\n")


def events(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text())["events"]
    return found


def anonymous(value: Any) -> Any:
    """Without the name of the machine that recorded it, and without the places in its source code."""
    if isinstance(value, dict):
        return {
            key: "recorder" if key.lower().endswith("identity") else anonymous(item)
            for key, item in value.items()
            if key != "stackTrace"
        }
    if isinstance(value, list):
        return [anonymous(item) for item in value]
    return value
