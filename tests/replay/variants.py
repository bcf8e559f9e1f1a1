"""Processes changed as a careless release would change them: replaying what the old code did has to fail on each."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from models.contracts.conversation import CONVERSATION, ConversationInput
    from models.contracts.escalation import ESCALATION, LEARN, EscalationInput, LearnInput
    from models.contracts.ingest import INGEST, PUBLISH, Ingested, IngestInput, PublishInput
    from workflows.calls import call
    from workflows.conversation import ConversationWorkflow
    from workflows.escalation import EscalationWorkflow
    from workflows.ingest import IngestWorkflow


@workflow.defn(name=CONVERSATION.name)
class ConversationThatForgetsToRecord(ConversationWorkflow):
    """An activity less."""

    @workflow.init
    def __init__(self, start: ConversationInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: ConversationInput) -> None:
        await super().run(start)

    async def _write(self) -> None:
        self._memory.records.clear()


@workflow.defn(name=ESCALATION.name)
class EscalationThatLearnsFirst(EscalationWorkflow):
    """Activities in another order."""

    @workflow.init
    def __init__(self, start: EscalationInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: EscalationInput) -> None:
        await call(LEARN, LearnInput(tenant_id=start.tenant_id, escalation_id=start.escalation_id), start.tenant_id)
        await super().run(start)

    async def _learn(self) -> None:
        return


@workflow.defn(name=INGEST.name)
class IngestionThatPublishesTwice(IngestWorkflow):
    """An activity more, at the end."""

    @workflow.init
    def __init__(self, start: IngestInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: IngestInput) -> Ingested:
        done = await super().run(start)
        await call(PUBLISH, PublishInput(tenant_id=start.tenant_id, source_id=start.source_id), start.tenant_id)
        return done
