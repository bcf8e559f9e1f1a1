"""One request for a person: notifications, reminders and their timers. Its state belongs to the conversation."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from models.contracts.enums import EscalationStatus
    from models.contracts.escalation import (
        CHANGED,
        CLIMB,
        ESCALATION,
        LEARN,
        PLAN,
        ClimbInput,
        EscalationChanged,
        EscalationInput,
        LearnInput,
        PlanInput,
        Rung,
    )
    from models.contracts.ingest import INGEST, STAGED, DocumentsStaged, IngestInput
    from models.contracts.routing import BATCH, ESCALATION_STATUS, KNOWLEDGE_QUEUE, TENANT_ID, ingest_id, priority
    from workflows import progress
    from workflows.calls import call


@workflow.defn(name=ESCALATION.name)
class EscalationWorkflow:
    """See the module. Ends when its conversation says that it is finished."""

    @workflow.init
    def __init__(self, start: EscalationInput) -> None:
        self._start = start
        self._status = EscalationStatus.PENDING
        self._version = 0
        self._rounds = 1
        """How often the escalation came up for taking: a manager who passes it on starts another round."""

    @workflow.signal(name=CHANGED.name)
    def changed(self, change: EscalationChanged) -> None:
        """What became of the escalation. Late news is dropped."""
        if change.version <= self._version:
            return
        if change.status is EscalationStatus.PENDING and self._status is not EscalationStatus.PENDING:
            self._rounds += 1
        self._version, self._status = change.version, change.status
        workflow.upsert_search_attributes([ESCALATION_STATUS.value_set(change.status.value)])
        self._describe(None)

    @workflow.run
    async def run(self, _: EscalationInput) -> None:
        climbed = 0
        while self._status.open:
            if climbed < self._rounds:
                climbed = self._rounds
                await self._climb()
            else:
                await self._finished_or_passed_on(climbed)
        if self._status is EscalationStatus.RESOLVED:
            await self._learn()

    async def _finished_or_passed_on(self, round_: int) -> None:
        self._describe(None)
        await workflow.wait_condition(lambda: not self._status.open or self._rounds != round_)

    async def _climb(self) -> None:
        """Climb the ladder from its foot, until somebody takes the escalation or no rung is left."""
        round_ = self._rounds
        begins = self._start.requested_at if round_ == 1 else workflow.now()
        plan = await call(
            PLAN,
            PlanInput(tenant_id=self._start.tenant_id, escalation_id=self._start.escalation_id, start_at=begins),
            self._start.tenant_id,
        )
        for rung in plan.rungs:
            if not await self._still_waiting_at(rung, round_):
                return
            climbed = await call(
                CLIMB,
                ClimbInput(
                    tenant_id=self._start.tenant_id,
                    conversation_id=self._start.conversation_id,
                    escalation_id=self._start.escalation_id,
                    round=round_,
                    step=rung.step,
                ),
                self._start.tenant_id,
            )
            if not climbed.pending:
                return

    async def _still_waiting_at(self, rung: Rung, round_: int) -> bool:
        """Sleep until `rung` is due; False as soon as the escalation is no longer waiting for a manager."""

        def acted() -> bool:
            return self._status is not EscalationStatus.PENDING or self._rounds != round_

        self._describe(rung)
        left = rung.due_at - workflow.now()
        if left > timedelta(0):
            try:
                await workflow.wait_condition(acted, timeout=left)
            except TimeoutError:
                return True
        return not acted()

    async def _learn(self) -> None:
        """Propose the question and its answer as knowledge; what is approved at once is ingested."""
        tenant = self._start.tenant_id
        learned = await call(LEARN, LearnInput(tenant_id=tenant, escalation_id=self._start.escalation_id), tenant)
        if learned.source_id is None or learned.job_id is None:
            return
        source = ingest_id(tenant, learned.source_id)
        try:
            # Started is enough: nobody awaits its end.
            _ = await workflow.start_child_workflow(
                INGEST.name,
                IngestInput(tenant_id=tenant, source_id=learned.source_id, job_id=learned.job_id),
                id=source,
                task_queue=KNOWLEDGE_QUEUE,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                priority=priority(BATCH, tenant),
                search_attributes=TypedSearchAttributes([SearchAttributePair(TENANT_ID, str(tenant))]),
            )
        except WorkflowAlreadyStartedError:
            news = DocumentsStaged(job_id=learned.job_id)
            await workflow.get_external_workflow_handle(source).signal(STAGED.name, news)

    def _describe(self, next_rung: Rung | None) -> None:
        workflow.set_current_details(progress.of_escalation(self._status, next_rung))
