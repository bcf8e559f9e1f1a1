"""Runs that continue as new under load: nothing lost, nothing twice, commands and escalations across the seam.

The server asks for a new run after a few dozen events here, so that a minute holds what otherwise takes weeks.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.api.common.v1 import Payloads
from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from models.contracts.conversation import ConversationInput, ConversationView
from models.contracts.enums import Command, ConversationState, EscalationStatus, Intent
from tests.workflow.desk import AIGERIM, BORIS, Desk
from tests.workflow.servers import dev_server

HUMAN: dict[str, Any] = {"intents": (Intent.HUMAN_REQUEST,)}
SUGGESTED_AT = 50
CARRIED_BYTES = 64 * 1024


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    async with dev_server(limit__historyCount__suggestContinueAsNew=SUGGESTED_AT) as server:
        yield server


@pytest.fixture
async def desk(server: WorkflowEnvironment) -> AsyncIterator[Desk]:
    async with Desk(server).open() as desk:
        yield desk


async def runs(desk: Desk) -> list[str]:
    """Run ids of the conversation, the newest first."""
    client = desk.environment.client
    found, next_run = [], (await desk.handle.describe()).run_id
    while next_run:
        found.append(next_run)
        history = await client.get_workflow_handle(desk.handle.id, run_id=next_run).fetch_history()
        next_run = history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    return found


async def carried(desk: Desk) -> tuple[int, ConversationInput]:
    """What the current run was started with: its size in bytes, and the input itself."""
    history = await desk.environment.client.get_workflow_handle(
        desk.handle.id, run_id=(await desk.handle.describe()).run_id
    ).fetch_history()
    payloads: Payloads = history.events[0].workflow_execution_started_event_attributes.input
    (start,) = await desk.environment.client.data_converter.decode(payloads.payloads, [ConversationInput])
    return payloads.ByteSize(), start


async def steady(desk: Desk, messages: int) -> list[UUID]:
    """Messages that come whether or not those before are handled, each delivered twice."""
    said: list[UUID] = []
    for _ in range(messages):
        said.append(await desk.say())
        await desk.say(said[-1])
        if len(said) % 3 == 0:
            await desk.handled(said[-1])
    await desk.handled(said[-1])
    return said


def handled(desk: Desk) -> Counter[UUID]:
    return Counter(message for record in desk.records for message in record.handled)


async def test_several_rolls_lose_nothing_and_do_nothing_twice(desk: Desk) -> None:
    said = await steady(desk, 45)
    assert len(await runs(desk)) > 3
    assert handled(desk) == Counter(said)
    assert [message for record in desk.records for message in record.handled] == said, "in their order"
    # Every delivery comes once more, into a later run than the one that handled it.
    before = len(desk.records)
    await asyncio.gather(*(desk.say(message) for message in said))
    await desk.handled(await desk.say())
    assert len(desk.records) == before + 1
    versions = [record.standing.version for record in desk.records]
    assert versions == list(range(1, len(versions) + 1))


async def test_what_is_carried_stays_small(desk: Desk) -> None:
    await steady(desk, 24)
    size, start = await carried(desk)
    assert len(await runs(desk)) > 1
    assert len(start.memory.seen) >= 15
    # The list is bounded: at its bound it would take this much.
    per_id = size / len(start.memory.seen)
    assert size < CARRIED_BYTES
    assert per_id * 500 < CARRIED_BYTES


async def test_an_open_escalation_is_taken_in_a_later_run(desk: Desk) -> None:
    await desk.handled(await desk.say(**HUMAN))
    await desk.until(lambda desk: bool(desk.climbed))
    escalation = desk.escalation
    await steady(desk, 15)
    assert len(await runs(desk)) > 1
    view = await desk.command(Command.TAKE)
    assert view.escalation is not None
    assert (view.escalation.id, view.escalation.status) == (escalation.id, EscalationStatus.ACTIVE)
    assert (await desk.refused(Command.TAKE, BORIS)).reason == "taken"
    await desk.command(Command.RESOLVE)
    await asyncio.wait_for(desk.process_of(escalation.id).result(), 20)
    assert desk.lessons == [escalation.id]


async def test_commands_that_meet_a_roll_are_answered_once(desk: Desk) -> None:
    """A manager replies while messages pour in: each reply is accepted, and written once."""
    await desk.handled(await desk.say(**HUMAN))
    await desk.command(Command.TAKE)
    replies = [uuid4() for _ in range(24)]

    async def reply() -> list[ConversationView]:
        return [await desk.command(Command.REPLY, message_id=message) for message in replies]

    views, said = await asyncio.gather(reply(), steady(desk, 24))
    await desk.until(lambda desk: desk.records[-1].standing.version >= views[-1].version)
    assert len(await runs(desk)) > 2
    written = [record.manager_message for record in desk.records if record.manager_message]
    assert written == replies
    assert Counter({message: handled(desk)[message] for message in said}) == Counter(said)


async def test_an_update_is_applied_once_though_it_is_sent_again_after_the_roll(desk: Desk) -> None:
    """The same update id means nothing to a new run: the state has to refuse, or not to mind."""
    await desk.handled(await desk.say(**HUMAN))
    view = await desk.command(Command.TAKE)
    await steady(desk, 15)
    assert len(await runs(desk)) > 1
    again = await desk.command(Command.TAKE)
    assert again.escalation == view.escalation
    steps = len(desk.records)
    await desk.handled(await desk.say())
    assert len(desk.records) == steps + 1, "the second take wrote nothing"


async def test_fifty_messages_at_once_are_each_handled_once(desk: Desk) -> None:
    said = [uuid4() for _ in range(50)]
    await asyncio.gather(*(desk.say(message) for message in said))
    for message in said:
        await desk.handled(message)
    assert handled(desk) == Counter(said)


async def test_more_commands_at_once_than_the_server_takes_in_flight(desk: Desk) -> None:
    """The server holds ten updates of a workflow at a time; the others queue, and one take wins."""
    await desk.handled(await desk.say(**HUMAN))
    managers = [AIGERIM.model_copy(update={"member_id": uuid4()}) for _ in range(25)]
    outcomes = await asyncio.gather(
        *(desk.command(Command.TAKE, manager) for manager in managers), return_exceptions=True
    )
    won = [outcome for outcome in outcomes if isinstance(outcome, ConversationView)]
    lost = [outcome for outcome in outcomes if isinstance(outcome, WorkflowUpdateFailedError)]
    assert (len(won), len(lost)) == (1, 24)
    assert won[0].state is ConversationState.MANAGER_ACTIVE
