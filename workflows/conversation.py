"""One conversation as one process: the single writer of its state.

Handlers only take in (a message id) or decide (a command); they never await. One loop does all the work: it
writes decided steps to the record, waits out the quiet window, and runs turns.
"""

import asyncio
from datetime import datetime, timedelta
from typing import NoReturn
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from models.contracts.conversation import (
        CONVERSATION,
        INBOUND,
        REFUSED,
        Actor,
        CommandInput,
        ConversationInput,
        ConversationView,
        InboundMessage,
        Record,
        Refusal,
        Reply,
        Standing,
    )
    from models.contracts.enums import (
        Command,
        ConversationState,
        EscalationStatus,
        Language,
        ReplyKind,
    )
    from models.contracts.privacy import SEND_CODE, SendCodeInput, SendOutcome
    from models.contracts.turn import (
        GENERATE,
        MOST_TOGETHER,
        PREPARE,
        RECORD,
        Coverage,
        GenerateInput,
        Outcome,
        Prepared,
        PrepareInput,
        RecordInput,
        Verdict,
    )
    from workflows import commands, escalating, progress
    from workflows.calls import begin, call
    from workflows.decide import Decision, Situation, decide
    from workflows.occasion import occasion
    from workflows.policies import BURST_CAP_WINDOWS, IDLE_CLOSE, MAX_FOLDS, MAX_INBOX, SEEN_IDS, TURNS_PER_RUN

ESCALATION_TO_BE = UUID(int=0)


@workflow.defn(name=CONVERSATION.name)
class ConversationWorkflow:
    """See the module. Ends when the conversation is closed and everything decided is written."""

    @workflow.init
    def __init__(self, start: ConversationInput) -> None:
        self._start = start
        self._memory = start.memory.model_copy(deep=True)
        self._turns = 0
        self._burst_began: datetime | None = None
        for command in Command:
            self._accept(command)

    @workflow.run
    async def run(self, _: ConversationInput) -> None:
        self._touch()
        idle = asyncio.create_task(self._close_when_idle())
        try:
            while True:
                self._describe()
                await self._write()
                if self._closed and not self._memory.inbox:
                    return
                if self._closed or self._should_roll():
                    self._roll()
                if self._memory.inbox and self._quiet_left() == timedelta(0):
                    await self._turn()
                else:
                    await self._wait()
        finally:
            idle.cancel()

    # What reaches the conversation ----------------------------------------------------------------

    @workflow.signal(name=INBOUND.name)
    def inbound(self, message: InboundMessage) -> None:
        """A customer's stored message. A repeated delivery changes nothing."""
        memory = self._memory
        if message.message_id in memory.inbox or message.message_id in memory.seen:
            return
        memory.inbox.append(message.message_id)
        now = workflow.now()
        if len(memory.inbox) == 1 or self._burst_began is None:
            self._burst_began = now
        quiet = timedelta(seconds=message.quiet_seconds)
        memory.quiet_until = min(now + quiet, self._burst_began + quiet * BURST_CAP_WINDOWS)
        self._touch()

    def _accept(self, command: Command) -> None:
        """Take `command` as an update (refused before it enters history, answered with the new view) and, for
        operators in the Temporal UI, as a signal of the same name (a refused one changes nothing)."""

        def validate(given: CommandInput) -> None:
            self._apply(command, given)

        def update(given: CommandInput) -> ConversationView:
            return self._command(command, given)

        def signal(given: CommandInput) -> None:
            try:
                self._command(command, given)
            except ApplicationError as refused:
                workflow.logger.warning("command refused", extra={"command": command.value, "reason": refused.message})

        workflow.set_update_handler(command.value, update, validator=validate)
        workflow.set_signal_handler(command.value, signal)

    def _apply(self, command: Command, given: CommandInput) -> commands.Transition:
        # The id only has to be new; a validator may not draw from the workflow's own stream of ids.
        outcome = commands.apply(command, given, self._standing, ESCALATION_TO_BE)
        if isinstance(outcome, Refusal):
            raise ApplicationError(outcome.reason, outcome, type=REFUSED, non_retryable=True)
        return outcome

    def _command(self, command: Command, given: CommandInput) -> ConversationView:
        transition = self._apply(command, given)
        standing = transition.standing
        if transition.opens and standing.escalation is not None:
            identified = standing.escalation.model_copy(update={"id": workflow.uuid7()})
            standing = standing.model_copy(update={"escalation": identified})
        if given.message_id is not None:
            standing = standing.model_copy(update={"spoke_at": workflow.now()})
        if standing != self._standing or given.message_id is not None:
            self._step(standing, command=command, by=given.by, manager_message=given.message_id, opens=transition.opens)
        self._touch()
        return ConversationView(
            conversation_id=self._start.conversation_id,
            version=self._standing.version,
            state=self._standing.state,
            escalation=self._standing.escalation,
        )

    # The loop's steps -----------------------------------------------------------------------------

    async def _write(self) -> None:
        """Write the decided steps to the record, in order, each until it is written."""
        start = self._start
        while self._memory.records:
            record = self._memory.records[0]
            recorded = await call(
                RECORD,
                RecordInput(
                    tenant_id=start.tenant_id,
                    conversation_id=start.conversation_id,
                    run=workflow.info().first_execution_run_id,
                    record=record,
                ),
                start.tenant_id,
            )
            if recorded.standing is not None:
                self._begin_anew(recorded.standing)
                return
            self._memory.records.pop(0)
            await escalating.follow(start, record)

    def _begin_anew(self, standing: Standing) -> None:
        """The conversation was closed by its last process between the look at its record and this process's start, or
        a command named what does not exist. What was decided is void; its messages are understood again."""
        memory = self._memory
        again = [message for record in memory.records for message in record.handled]
        if void := [record.command.value for record in memory.records if record.command]:
            workflow.logger.warning("commands are void", extra={"commands": void})
        memory.standing, memory.records = standing, []
        memory.inbox = [*again, *memory.inbox]
        memory.seen = [message for message in memory.seen if message not in again]

    async def _wait(self) -> None:
        """Wait for something to do; while a burst goes on, at most to the end of its quiet window."""
        left = self._quiet_left() if self._memory.inbox else None
        handled = len(self._memory.inbox)
        try:
            await workflow.wait_condition(
                lambda: bool(self._memory.records) or len(self._memory.inbox) > handled, timeout=left
            )
        except TimeoutError:
            return

    async def _turn(self) -> None:
        """Understand the burst, decide, and write what was decided. See Decision for the outcomes."""
        memory, start = self._memory, self._start
        workflow.set_current_details("Working on an answer.")
        for fold in range(MAX_FOLDS + 1):
            burst = tuple(memory.inbox[:MAX_INBOX])
            try:
                prepared = await call(
                    PREPARE,
                    PrepareInput(
                        tenant_id=start.tenant_id,
                        conversation_id=start.conversation_id,
                        message_ids=burst,
                        state=self._standing.state,
                        language=self._standing.language,
                    ),
                    start.tenant_id,
                )
            except ActivityError:
                # Whatever is wrong with the message, the customer gets a person.
                prepared = Prepared(message_ids=burst, degraded=True)
            if not prepared.message_ids:
                self._handled(burst)
                return
            decision = self._decide(prepared)
            draft = None
            if decision.reply is ReplyKind.IDENTIFY:
                if not await self._send_code(prepared):
                    prepared = prepared.model_copy(update={"verdict": Verdict.PERSON})
                # A command may have come while the mail went.
                decision = self._decide(prepared)
            if decision.reply is ReplyKind.QUOTE and prepared.writes:
                outcome, draft = await self._generate(prepared, interruptible=fold < MAX_FOLDS)
                if outcome is None:
                    # What a manager did must show now, not when the next attempt is through.
                    await self._write()
                    continue
                if outcome is Outcome.NO_ANSWER:
                    prepared = prepared.model_copy(update={"coverage": Coverage.UNSURE, "passages": ()})
                # A command may have come while the model wrote: the table has the last word again.
                decision = self._decide(prepared)
            self._conclude(burst, prepared, decision, draft)
            await self._write()
            return

    async def _generate(self, prepared: Prepared, *, interruptible: bool) -> tuple[Outcome | None, UUID | None]:
        """Let the model write a draft. An outcome of None: somebody spoke up meanwhile, start over."""
        start, draft, state = self._start, workflow.uuid7(), self._standing.state
        waiting = len(self._memory.inbox)
        assert prepared.understanding is not None
        handle = begin(
            GENERATE,
            GenerateInput(
                tenant_id=start.tenant_id,
                conversation_id=start.conversation_id,
                draft_id=draft,
                message_ids=prepared.message_ids,
                passages=prepared.passages,
                language=prepared.understanding.language,
            ),
            start.tenant_id,
        )

        def spoken_up() -> bool:
            return self._standing.state is not state or (interruptible and len(self._memory.inbox) > waiting)

        await workflow.wait_condition(lambda: handle.done() or spoken_up())
        if not handle.done() and spoken_up():
            # Nobody waits for its end; asked for all the same, or asyncio reports an exception never retrieved.
            handle.add_done_callback(lambda given_up: given_up.cancelled() or given_up.exception())
            handle.cancel()
            return None, None
        try:
            generated = await handle
        except ActivityError:
            return Outcome.FAILED, None
        return generated.outcome, draft if generated.outcome is Outcome.WRITTEN else None

    async def _send_code(self, prepared: Prepared) -> bool:
        """Send the customer a code to write here; whether it went."""
        start = self._start
        code = SendCodeInput(
            tenant_id=start.tenant_id,
            code_id=workflow.uuid7(),
            conversation_id=start.conversation_id,
            message_id=prepared.about or prepared.message_ids[-1],
        )
        try:
            return (await call(SEND_CODE, code, start.tenant_id)).outcome is SendOutcome.SENT
        except ActivityError:
            return False

    def _decide(self, prepared: Prepared) -> Decision:
        standing, now, rules = self._standing, workflow.now(), prepared.rules
        remembered = standing.opted_out_at is not None and now - standing.opted_out_at < rules.opt_out_memory
        understanding = prepared.understanding
        return decide(
            Situation(
                state=standing.state,
                intents=understanding.intents if understanding else (),
                has_question=understanding.has_question if understanding else False,
                verdict=prepared.verdict,
                coverage=prepared.coverage,
                muted=standing.muted_until is not None and now < standing.muted_until,
                unsure=standing.unsure,
                opt_outs=standing.opt_outs if remembered else 0,
                one_shot=self._start.one_shot,
                degraded=prepared.degraded,
                flooding=prepared.flooding,
                slowed=standing.slowed,
                rules=rules,
            )
        )

    def _conclude(self, burst: tuple[UUID, ...], prepared: Prepared, decision: Decision, draft: UUID | None) -> None:
        """Turn a decision into a step of the record."""
        now = workflow.now()
        language = prepared.understanding.language if prepared.understanding else self._standing.language
        change: dict[str, object] = {
            "turn": self._standing.turn + 1,
            "language": language,
            "unsure": decision.unsure,
            "opt_outs": decision.opt_outs,
            "slowed": decision.slowed,
            "spoke_at": now,
        }
        if decision.mute is not None:
            change |= {"muted_until": now + decision.mute, "opted_out_at": now}
        standing = self._standing.model_copy(update=change)
        if decision.escalate is not None:
            # Whoever asks for a person is talking again.
            standing = standing.model_copy(update={"muted_until": None})
            standing = commands.open_escalation(standing, workflow.uuid7(), decision.escalate)
        if decision.cancel:
            standing = standing.model_copy(update={"state": ConversationState.BOT_ACTIVE})
            standing = commands.close_escalation(standing, EscalationStatus.CANCELLED, None)
        reply = None
        if decision.reply is not None:
            quotes = decision.reply is ReplyKind.QUOTE
            shows = quotes or decision.reply is ReplyKind.CLARIFY
            reply = Reply(
                kind=ReplyKind.ANSWER if draft else decision.reply,
                language=language or Language.EN,
                passages=prepared.passages if shows else (),
                draft=draft,
                confidence=prepared.confidence if quotes else None,
                rule=prepared.rule,
                mute=decision.mute,
                occasion=occasion(self._standing, now, prepared.rules),
                people_at=prepared.people_at,
            )
        # A full load leaves the rest of the burst where it is; otherwise what it did not hold was handled before.
        full = len(prepared.message_ids) >= MOST_TOGETHER
        self._handled(prepared.message_ids if full else (*burst, *prepared.message_ids))
        self._turns += 1
        self._step(
            standing,
            handled=prepared.message_ids,
            reply=reply,
            opens=decision.escalate is not None,
            forwarded=decision.forward,
            about=prepared.about,
        )

    # Memory ---------------------------------------------------------------------------------------

    def _step(
        self,
        standing: Standing,
        *,
        handled: tuple[UUID, ...] = (),
        reply: Reply | None = None,
        opens: bool = False,
        forwarded: bool = False,
        command: Command | None = None,
        by: Actor | None = None,
        manager_message: UUID | None = None,
        about: UUID | None = None,
    ) -> None:
        """Stand where `standing` says from now on, and have it written down."""
        before, after = self._standing.escalation, standing.escalation
        moved = after is not None and not opens and (before is None or before.status is not after.status)
        standing = standing.model_copy(update={"version": self._standing.version + 1})
        self._memory.standing = standing
        self._memory.records.append(
            Record(
                standing=standing,
                handled=handled,
                reply=reply,
                opens=opens,
                moves=moved,
                forwarded=forwarded,
                command=command,
                by=by,
                manager_message=manager_message,
                about=about,
            )
        )

    def _handled(self, burst: tuple[UUID, ...]) -> None:
        memory = self._memory
        memory.inbox = [message for message in memory.inbox if message not in burst]
        memory.seen = [*memory.seen, *burst][-SEEN_IDS:]
        self._burst_began = None

    def _touch(self) -> None:
        self._memory.active_at = workflow.now()

    @property
    def _standing(self) -> Standing:
        return self._memory.standing

    @property
    def _closed(self) -> bool:
        return self._standing.state is ConversationState.CLOSED

    def _quiet_left(self) -> timedelta:
        until = self._memory.quiet_until
        return max(timedelta(0), until - workflow.now()) if until else timedelta(0)

    def _roll(self) -> NoReturn:
        """Go on in a new run. A customer who wrote while the conversation closed finds it open again."""
        if self._closed:
            self._memory.standing = self._standing.model_copy(update={"state": ConversationState.BOT_ACTIVE})
        workflow.continue_as_new(self._start.model_copy(update={"memory": self._memory}))

    def _should_roll(self) -> bool:
        return self._turns >= TURNS_PER_RUN or workflow.info().is_continue_as_new_suggested()

    async def _close_when_idle(self) -> None:
        """One long timer, looked at again when it fires, instead of one timer a turn."""
        while True:
            active = self._memory.active_at or workflow.now()
            left = active + IDLE_CLOSE - workflow.now()
            if left <= timedelta(0):
                self._step(commands.end(self._standing, EscalationStatus.EXPIRED, None))
                return
            await workflow.sleep(left)

    def _describe(self) -> None:
        workflow.set_current_details(progress.of_conversation(self._standing, workflow.now()))
