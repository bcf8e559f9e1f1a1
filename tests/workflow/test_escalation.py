"""The escalation as a process: its ladder by the clock, what stops it, a second round, and what is learned."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType

from models import processes
from models.contracts.enums import Command, EscalationStatus, Intent, LadderStep
from models.contracts.escalation import Learned
from models.contracts.ingest import STAGED, IngestInput
from models.contracts.routing import ingest_id
from tests.workflow.desk import LADDER, Desk
from workflows import policies

HUMAN: dict[str, Any] = {"intents": (Intent.HUMAN_REQUEST,)}
OPT_OUT: dict[str, Any] = {"intents": (Intent.OPT_OUT,), "has_question": False}

PUNCTUAL = timedelta(seconds=1)


async def ask_for_a_person(desk: Desk) -> None:
    """The ladder is planned, and its first rung climbed."""
    await desk.handled(await desk.say(**HUMAN))
    await desk.until(lambda desk: bool(desk.climbed))


async def pass_since_request(desk: Desk, **after: float) -> None:
    """Skip to a time after the last request for a person (or the last time one passed it on)."""
    await desk.pass_time_until(desk.planned[-1].start_at + timedelta(**after))


def rungs(desk: Desk, round_: int = 1) -> list[LadderStep]:
    return [step for _, step, of in desk.climbed if of == round_]


async def ended(desk: Desk) -> None:
    """The process of the escalation has come to its end."""
    await asyncio.wait_for(desk.process_of(desk.escalation.id).result(), 20)


async def test_every_rung_is_climbed_once_when_it_is_due(desk: Desk) -> None:
    await ask_for_a_person(desk)
    await desk.pass_time(days=2)
    assert rungs(desk) == list(LADDER), "and nothing comes after the last"
    begun = desk.planned[0].start_at
    for at, step, _ in desk.climbed:
        assert timedelta(0) <= at - (begun + LADDER[step]) < PUNCTUAL, step


async def test_a_take_a_second_before_the_reminder_sends_none(desk: Desk) -> None:
    await ask_for_a_person(desk)
    await pass_since_request(desk, minutes=29, seconds=59)
    await desk.command(Command.TAKE)
    await desk.pass_time(hours=3)
    assert rungs(desk) == [LadderStep.OFFERED, LadderStep.TEAM]


async def test_at_half_an_hour_comes_one_reminder_and_after_a_take_no_other(desk: Desk) -> None:
    await ask_for_a_person(desk)
    await pass_since_request(desk, minutes=30)
    await desk.until(lambda desk: LadderStep.REMINDER_1 in rungs(desk))
    await pass_since_request(desk, minutes=31)
    await desk.command(Command.TAKE)
    await desk.pass_time(hours=3)
    assert rungs(desk) == [LadderStep.OFFERED, LadderStep.TEAM, LadderStep.REMINDER_1]


async def test_who_passes_it_on_starts_a_round_from_that_moment(desk: Desk) -> None:
    await ask_for_a_person(desk)
    await pass_since_request(desk, minutes=10)
    await desk.command(Command.TAKE)
    await desk.pass_time(hours=1)
    await desk.command(Command.SKIP)
    await desk.until(lambda desk: bool(rungs(desk, 2)))
    first, second = desk.planned
    assert second.start_at - first.start_at >= timedelta(hours=1, minutes=10)
    await pass_since_request(desk, minutes=29, seconds=59)
    assert rungs(desk, 2) == [LadderStep.OFFERED, LadderStep.TEAM]
    await desk.pass_time(hours=1)
    assert rungs(desk, 2) == list(LADDER)
    assert rungs(desk, 1) == [LadderStep.OFFERED, LadderStep.TEAM], "the first round stays as it was"


async def test_the_ladder_stops_when_the_record_says_that_a_person_acted(desk: Desk) -> None:
    desk.still_pending = False
    await ask_for_a_person(desk)
    await desk.pass_time(hours=3)
    assert rungs(desk) == [LadderStep.OFFERED]


@pytest.mark.parametrize(("ends", "lessons"), [(Command.RESOLVE, 1), (Command.RETURN, 0), (Command.CLOSE, 0)])
async def test_only_what_was_resolved_is_learned_from(desk: Desk, ends: Command, lessons: int) -> None:
    await ask_for_a_person(desk)
    await desk.command(Command.TAKE)
    await desk.command(ends)
    await ended(desk)
    assert desk.lessons == [desk.escalation.id] * lessons


async def test_an_opt_out_cancels_the_escalation_and_ends_its_process(desk: Desk) -> None:
    await ask_for_a_person(desk)
    await desk.handled(await desk.say(**OPT_OUT))
    await ended(desk)
    assert desk.escalation.status is EscalationStatus.CANCELLED
    assert rungs(desk) == [LadderStep.OFFERED]
    assert desk.lessons == []


async def test_the_next_request_is_a_process_of_its_own(desk: Desk) -> None:
    await ask_for_a_person(desk)
    await desk.command(Command.RETURN)
    await ended(desk)
    first = desk.escalation
    await desk.handled(await desk.say(**HUMAN))
    await desk.until(lambda desk: len(desk.planned) == 2)
    assert desk.escalation.id != first.id
    assert desk.escalation.number == first.number + 1
    assert [given.escalation_id for given in desk.planned] == [first.id, desk.escalation.id]


async def test_an_escalation_outlives_the_run_of_its_conversation(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "TURNS_PER_RUN", 2)
    await ask_for_a_person(desk)
    first_run = (await desk.handle.describe()).run_id
    await desk.handled(await desk.say())
    await desk.handled(await desk.say())
    assert (await desk.handle.describe()).run_id != first_run
    await pass_since_request(desk, minutes=31)
    assert LadderStep.REMINDER_1 in rungs(desk)
    await desk.command(Command.TAKE)
    await desk.pass_time(hours=1)
    assert LadderStep.REMINDER_2 not in rungs(desk), "the new run tells the process that the old one started"


async def test_an_answer_approved_at_once_is_ingested(desk: Desk) -> None:
    source, job = uuid4(), uuid4()
    desk.learned = Learned(source_id=source, job_id=job)
    await ask_for_a_person(desk)
    await desk.command(Command.RESOLVE)
    await ended(desk)
    started = await desk.environment.client.get_workflow_handle(ingest_id(desk.tenant, source)).describe()
    assert started.workflow_type == "ingest"


async def test_an_answer_approved_while_its_source_is_ingested_is_announced_to_that_run(desk: Desk) -> None:
    source, job = uuid4(), uuid4()
    desk.learned = Learned(source_id=source, job_id=job)
    client = desk.environment.client
    await processes.ingest(client, IngestInput(tenant_id=desk.tenant, source_id=source, job_id=uuid4()))
    await ask_for_a_person(desk)
    await desk.command(Command.RESOLVE)
    await ended(desk)
    history = await client.get_workflow_handle(ingest_id(desk.tenant, source)).fetch_history()
    signals = [
        event.workflow_execution_signaled_event_attributes
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    ]
    assert [signal.signal_name for signal in signals] == [STAGED.name] * 2
    assert str(job).encode() in signals[1].input.payloads[0].data
