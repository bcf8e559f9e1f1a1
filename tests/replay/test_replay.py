"""Every recorded run replays on today's code: a release does not break the conversations that are under way."""

import base64
import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from models.contracts import enums, privacy, turn
from runtime.temporal import data_converter
from tests.replay import histories
from tests.replay.scenarios import SCENARIOS
from tests.replay.variants import (
    ConversationThatForgetsToRecord,
    EscalationThatLearnsFirst,
    IngestionThatPublishesTwice,
)
from workflows.conversation import ConversationWorkflow
from workflows.crawl import CrawlWorkflow
from workflows.erasure import ErasureWorkflow
from workflows.escalation import EscalationWorkflow
from workflows.identity import IdentityCodeWorkflow
from workflows.ingest import IngestWorkflow
from workflows.mail import MailWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.reindex import ReindexWorkflow
from workflows.retention import RetentionWorkflow

WORKFLOWS = [
    ConversationWorkflow,
    CrawlWorkflow,
    ErasureWorkflow,
    EscalationWorkflow,
    IdentityCodeWorkflow,
    IngestWorkflow,
    MailWorkflow,
    ReconcileWorkflow,
    ReindexWorkflow,
    RetentionWorkflow,
]

REMEDY = """
{name} was recorded by a release whose runs may still be under way, and today's code would do something else.
  - Keep what it did, and branch:   if workflow.patched("what-changed"): <new way>  else: <old way>
    (once per change, at the first command that differs; never in a signal or update handler)
  - Record the new way beside it:   a scenario in tests/replay/scenarios.py, then  python -m tests.replay.record NAME
  - Only when no run of the old code can be left anywhere:  python -m tests.replay.record {name}
The difference: {error}
"""


async def replay(history: WorkflowHistory, workflows: list[type]) -> Exception | None:
    """With the sandbox and the data converter of production. Returns what stopped it."""
    replayer = Replayer(workflows=workflows, data_converter=data_converter())
    return (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure


@pytest.mark.parametrize("name", histories.names())
async def test_a_recorded_run_replays(name: str) -> None:
    error = await replay(histories.load(name), WORKFLOWS)
    if error is not None:
        pytest.fail(REMEDY.format(name=name, error=error), pytrace=False)


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        (ConversationThatForgetsToRecord, "conversation.answered"),
        (EscalationThatLearnsFirst, "escalation.taken"),
        (IngestionThatPublishesTwice, "ingest.done"),
    ],
)
async def test_a_changed_process_does_not_replay(variant: type, name: str) -> None:
    """The gate is not always open."""
    assert isinstance(await replay(histories.load(name), [variant]), workflow.NondeterminismError)


def test_every_outcome_is_recorded() -> None:
    """Outcomes that are played no more keep their histories: their runs may be under way."""
    missing = {scenario.name for scenario in SCENARIOS} - set(histories.names())
    assert not missing, f"python -m tests.replay.record {' '.join(sorted(missing))}"


def test_every_process_has_a_history() -> None:
    types = {workflow._Definition.must_from_class(each).name for each in WORKFLOWS}
    assert {name.partition(".")[0] for name in histories.names()} == types


def test_a_new_run_was_recorded() -> None:
    assert "workflowExecutionContinuedAsNewEventAttributes" in histories.events("conversation.rolled")[-1]


# What must not be in a history --------------------------------------------------------------------

# Of the server and the SDK: ids, names of types and queues, durations. Prose has blanks, or letters beyond ASCII.
ID_LIKE = re.compile(r"[A-Za-z0-9_.:/+=()-]*")
IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
DURATION = re.compile(r"P(?:\d+D)?(?:T[\dHMS.]+)?")
KIND_OF_FAILURE = re.compile(r"[A-Z][A-Za-z]*Error")
WORDS = {
    member.value
    for module in (enums, privacy, turn)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, StrEnum)
    for member in kind
}
FAILURES = {"Activity task failed"}
"""What the server says of a failed activity; the activity's own failure is below it, and is checked."""


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def payloads(value: Any) -> Iterator[Any]:
    """Every payload below `value`, decoded."""
    if isinstance(value, dict) and "data" in value and "encoding" in value.get("metadata", {}):
        yield json.loads(base64.b64decode(value["data"]))
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from payloads(item)


@pytest.mark.parametrize("name", histories.names())
def test_a_history_holds_ids_and_no_texts(name: str) -> None:
    for event in histories.events(name):
        outside = set(strings(event)) - FAILURES
        assert [text for text in outside if not ID_LIKE.fullmatch(text)] == []
        inside = {text for payload in payloads(event) for text in strings(payload)}
        known = (IDENTIFIER, MOMENT, DURATION, KIND_OF_FAILURE)
        assert [text for text in inside - WORDS if not any(kind.fullmatch(text) for kind in known)] == []
