"""A conversation under test: scripted activities that note what the workflows ask of them, and calls to drive it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio import activity
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from models.contracts.conversation import (
    COMMANDS,
    CONVERSATION,
    INBOUND,
    Actor,
    CommandInput,
    ConversationInput,
    ConversationView,
    EscalationRef,
    InboundMessage,
    Memory,
    Record,
    Refusal,
    Standing,
)
from models.contracts.enums import ChannelKind, Command, Intent, LadderStep, Language, ReplyKind, Role
from models.contracts.escalation import (
    CLIMB,
    LEARN,
    PLAN,
    Climbed,
    ClimbInput,
    Learned,
    LearnInput,
    Plan,
    PlanInput,
    Rung,
)
from models.contracts.knowledge import Understanding
from models.contracts.privacy import SEND_CODE, CodeSent, SendCodeInput, SendOutcome
from models.contracts.routing import MODELS_QUEUE, OPERATIONS_QUEUE, escalation_id
from models.contracts.turn import (
    GENERATE,
    PREPARE,
    RECORD,
    Coverage,
    Generated,
    GenerateInput,
    Prepared,
    PrepareInput,
    Recorded,
    RecordInput,
)
from workflows.conversation import ConversationWorkflow
from workflows.escalation import EscalationWorkflow

AIGERIM = Actor(member_id=UUID(int=1), role=Role.AGENT)
BORIS = Actor(member_id=UUID(int=2), role=Role.AGENT)

LADDER = {
    LadderStep.OFFERED: timedelta(0),
    LadderStep.TEAM: timedelta(minutes=5),
    LadderStep.REMINDER_1: timedelta(minutes=30),
    LadderStep.REMINDER_2: timedelta(minutes=60),
}

PLAIN_QUESTION: dict[str, Any] = {"intents": (Intent.QUESTION,), "coverage": Coverage.COVERED}


class Desk:
    """See the module. Every message is a covered question unless `say` is told otherwise."""

    def __init__(self, environment: WorkflowEnvironment) -> None:
        self.environment = environment
        self.tenant, self.conversation = uuid4(), uuid4()
        self.records: list[Record] = []
        self.prepared: list[PrepareInput] = []
        self.planned: list[PlanInput] = []
        self.climbed: list[tuple[datetime, LadderStep, int]] = []
        self.still_pending = True
        self.lessons: list[UUID] = []
        self.learned = Learned()
        self.meanings: dict[UUID, dict[str, Any]] = {}
        self.generate: Callable[[GenerateInput], Any] | None = None
        self.send_code: SendOutcome | Exception | Callable[[SendCodeInput], Awaitable[SendOutcome]] = SendOutcome.SENT
        self.codes: list[SendCodeInput] = []
        self.record_fails = 0
        self.overtaken: Standing | None = None
        self.first_message_at: datetime | None = None
        self._changed = asyncio.Condition()
        self._queue = f"test-{uuid4()}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Desk"]:
        client = self.environment.client
        steps: list[Callable[..., Any]] = [self._prepare, self._record, self._plan, self._climb, self._learn]
        # Nothing stays cached: every task replays its workflow from the first event.
        options: dict[str, Any] = {"max_cached_workflows": 0}
        async with (
            Worker(
                client,
                task_queue=self._queue,
                workflows=[ConversationWorkflow, EscalationWorkflow],
                activities=steps,
                **options,
            ),
            Worker(client, task_queue=MODELS_QUEUE, activities=[self._generate]),
            Worker(client, task_queue=OPERATIONS_QUEUE, activities=[self._send_code]),
        ):
            yield self

    # Driving it -----------------------------------------------------------------------------------

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        return self.environment.client.get_workflow_handle(f"conversation/{self.tenant}/{self.conversation}")

    async def say(
        self, message: UUID | None = None, *, quiet: float = 0, memory: Memory | None = None, **meaning: Any
    ) -> UUID:
        """A customer's message arrives, meaning what `meaning` says (fields of Understanding and Prepared)."""
        message = message or uuid4()
        self.meanings.setdefault(message, {**PLAIN_QUESTION, **meaning})
        await self._start(memory, InboundMessage(message_id=message, quiet_seconds=quiet))
        return message

    async def _start(self, memory: Memory | None, message: InboundMessage | None) -> None:
        signal: dict[str, Any] = {}
        if message is not None:
            signal = {"start_signal": INBOUND.name, "start_signal_args": [message]}
        try:
            await self.environment.client.start_workflow(
                CONVERSATION.name,
                ConversationInput(
                    tenant_id=self.tenant,
                    conversation_id=self.conversation,
                    channel=ChannelKind.API,
                    memory=memory or Memory(),
                ),
                id=f"conversation/{self.tenant}/{self.conversation}",
                task_queue=self._queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                **signal,
            )
        except WorkflowAlreadyStartedError:
            # Of several at once the time-skipping server now and then refuses one, which Temporal's own does not.
            await self._start(memory, message)

    async def command(self, command: Command, by: Actor = AIGERIM, **more: Any) -> ConversationView:
        more.setdefault(
            "escalation_id", self.escalation.id if self.records and self.records[-1].standing.escalation else None
        )
        view: ConversationView = await self.handle.execute_update(
            COMMANDS[command].name, CommandInput(by=by, **more), result_type=ConversationView
        )
        return view

    async def refused(self, command: Command, by: Actor = AIGERIM, **more: Any) -> Refusal:
        with pytest.raises(WorkflowUpdateFailedError) as raised:
            await self.command(command, by, **more)
        cause = raised.value.cause
        assert isinstance(cause, ApplicationError), cause
        return Refusal.model_validate(cause.details[0])

    async def pass_time(self, **duration: float) -> None:
        await self.environment.sleep(timedelta(**duration))

    async def pass_time_until(self, moment: datetime) -> None:
        """Skip to `moment` of the server's clock, whatever time the test itself has taken."""
        await self.environment.sleep(moment - await self.environment.get_current_time())

    def process_of(self, escalation: UUID) -> WorkflowHandle[Any, Any]:
        """The escalation's own process."""
        return self.environment.client.get_workflow_handle(escalation_id(self.tenant, escalation))

    # What came of it ------------------------------------------------------------------------------

    @property
    def escalation(self) -> EscalationRef:
        found = self.records[-1].standing.escalation
        assert found is not None
        return found

    @property
    def replies(self) -> list[ReplyKind]:
        return [record.reply.kind for record in self.records if record.reply]

    async def until(self, happened: Callable[["Desk"], bool]) -> None:
        """Wait for activities to have noted what `happened` looks for."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: happened(self)), timeout=20)

    async def handled(self, message: UUID) -> Record:
        """The step that handled `message`, once it is written."""
        await self.until(lambda desk: any(message in record.handled for record in desk.records))
        return next(record for record in self.records if message in record.handled)

    async def _note(self, change: Callable[[], object]) -> None:
        async with self._changed:
            change()
            self._changed.notify_all()

    # The scripted steps ---------------------------------------------------------------------------

    @activity.defn(name=PREPARE.name)
    async def _prepare(self, given: PrepareInput) -> Prepared:
        await self._note(lambda: self.prepared.append(given))
        done = {message for record in self.records for message in record.handled}
        new = tuple(message for message in given.message_ids if message not in done)
        if not new:
            return Prepared(message_ids=())
        meaning = dict(self.meanings[new[-1]])
        intents = meaning.pop("intents")
        understanding = Understanding(
            intent=intents[0],
            confidence=1.0,
            intents=intents,
            language=Language.EN,
            has_question=meaning.pop("has_question", Intent.QUESTION in intents),
        )
        return Prepared(message_ids=new, understanding=understanding, passages=(UUID(int=9),), **meaning)

    @activity.defn(name=RECORD.name)
    async def _record(self, given: RecordInput) -> Recorded:
        if self.record_fails:
            self.record_fails -= 1
            raise OSError("the database is away")
        if self.overtaken is not None:
            standing, self.overtaken = self.overtaken, None
            return Recorded(standing=standing)
        versions = [record.standing.version for record in self.records]
        if given.record.standing.version not in versions:
            assert given.record.standing.version > max(versions, default=0), "versions ascend"
            await self._note(lambda: self.records.append(given.record))
        return Recorded()

    @activity.defn(name=GENERATE.name)
    async def _generate(self, given: GenerateInput) -> Generated:
        assert self.generate is not None, "no generation was expected"
        generated: Generated = await self.generate(given)
        return generated

    @activity.defn(name=SEND_CODE.name)
    async def _send_code(self, given: SendCodeInput) -> CodeSent:
        await self._note(lambda: self.codes.append(given))
        if isinstance(self.send_code, Exception):
            raise self.send_code
        outcome = self.send_code if isinstance(self.send_code, SendOutcome) else await self.send_code(given)
        return CodeSent(outcome=outcome)

    @activity.defn(name=PLAN.name)
    async def _plan(self, given: PlanInput) -> Plan:
        await self._note(lambda: self.planned.append(given))
        return Plan(rungs=tuple(Rung(step=step, due_at=given.start_at + after) for step, after in LADDER.items()))

    @activity.defn(name=CLIMB.name)
    async def _climb(self, given: ClimbInput) -> Climbed:
        at = activity.info().scheduled_time
        await self._note(lambda: self.climbed.append((at, given.step, given.round)))
        return Climbed(pending=self.still_pending)

    @activity.defn(name=LEARN.name)
    async def _learn(self, given: LearnInput) -> Learned:
        await self._note(lambda: self.lessons.append(given.escalation_id))
        return self.learned
