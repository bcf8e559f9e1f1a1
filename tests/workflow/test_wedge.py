"""What is malformed, unknown or refused must not hold up what comes after it (a wedged conversation would be silent)."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.testing import WorkflowEnvironment

from models.contracts.conversation import COMMANDS, INBOUND
from models.contracts.enums import Command, ConversationState, Intent
from tests.workflow.desk import AIGERIM, BORIS, Desk
from tests.workflow.servers import dev_server

HUMAN: dict[str, Any] = {"intents": (Intent.HUMAN_REQUEST,)}
PATIENCE = 30


def raw(data: bytes, encoding: str = "json/plain") -> RawValue:
    return RawValue(Payload(metadata={"encoding": encoding.encode()}, data=data))


GARBAGE = [
    pytest.param(raw(b"{"), id="not JSON"),
    pytest.param(raw(b'"a string"'), id="another type"),
    pytest.param(raw(b'{"by": {"member_id": "nobody", "role": "king"}}'), id="wrong values"),
    pytest.param(raw(b"{}"), id="fields missing"),
    pytest.param(raw(b"\xff\x00", "binary/encrypted"), id="encrypted with a key that nobody has"),
]


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    async with dev_server() as server:
        yield server


@pytest.fixture
async def desk(server: WorkflowEnvironment) -> AsyncIterator[Desk]:
    """A conversation whose customer has asked for a person."""
    async with Desk(server).open() as desk:
        await desk.handled(await desk.say(**HUMAN))
        yield desk


async def still_works(desk: Desk) -> None:
    """The next command is answered and the next message handled."""
    async with asyncio.timeout(PATIENCE):
        view = await desk.command(Command.TAKE)
        assert view.state is ConversationState.MANAGER_ACTIVE
        assert (await desk.handled(await desk.say())).forwarded


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_an_update_that_cannot_be_read_is_refused(desk: Desk, garbage: RawValue) -> None:
    with pytest.raises(WorkflowUpdateFailedError):
        async with asyncio.timeout(PATIENCE):
            await desk.handle.execute_update(COMMANDS[Command.TAKE].name, garbage)
    await still_works(desk)


async def test_an_update_without_arguments_is_refused(desk: Desk) -> None:
    with pytest.raises(WorkflowUpdateFailedError):
        async with asyncio.timeout(PATIENCE):
            await desk.handle.execute_update(COMMANDS[Command.TAKE].name)
    await still_works(desk)


async def test_an_unknown_update_is_refused(desk: Desk) -> None:
    with pytest.raises(WorkflowUpdateFailedError):
        async with asyncio.timeout(PATIENCE):
            await desk.handle.execute_update("promote", "me")
    await still_works(desk)


@pytest.mark.parametrize("signal", [INBOUND.name, Command.TAKE.value, "no_such_signal"])
@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_signal_that_cannot_be_read_changes_nothing(desk: Desk, signal: str, garbage: RawValue) -> None:
    await desk.handle.signal(signal, garbage)
    await still_works(desk)


async def from_the_temporal_ui(desk: Desk, command: Command, **given: Any) -> None:
    """A signal by name with JSON typed by hand."""
    by = {"member_id": str(AIGERIM.member_id), "role": "agent"}
    await desk.handle.signal(command.value, raw(json.dumps({"by": by, **given}).encode()))


async def test_an_operators_signal_is_a_command(desk: Desk) -> None:
    await from_the_temporal_ui(desk, Command.TAKE, escalation_id=str(desk.escalation.id))
    await desk.until(lambda desk: desk.escalation.taken_by == AIGERIM.member_id)
    await from_the_temporal_ui(desk, Command.RESOLVE, escalation_id=str(desk.escalation.id))
    await desk.until(lambda desk: desk.records[-1].standing.state is ConversationState.BOT_ACTIVE)
    await desk.until(lambda desk: desk.lessons == [desk.escalation.id])


async def test_an_operators_signal_that_is_refused_changes_nothing(desk: Desk) -> None:
    before = len(desk.records)
    await from_the_temporal_ui(desk, Command.TAKE, escalation_id=str(uuid4()))
    await from_the_temporal_ui(desk, Command.ESCALATE)
    await still_works(desk)
    assert len(desk.records) == before + 2, "the take and the message of still_works"


async def test_a_refused_update_is_not_in_the_history(desk: Desk) -> None:
    await desk.command(Command.TAKE)
    async with asyncio.timeout(PATIENCE):
        assert (await desk.refused(Command.TAKE, BORIS)).reason == "taken"
        assert (await desk.refused(Command.RESOLVE, escalation_id=uuid4())).reason == "not_found"
    await desk.handled(await desk.say())
    history = await desk.handle.fetch_history()
    updates = [
        event for event in history.events if event.HasField("workflow_execution_update_accepted_event_attributes")
    ]
    assert len(updates) == 1
