"""How a conversation deals with its escalation's process: starts it, and tells it what became of it."""

from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from models.contracts.conversation import ConversationInput, Record
from models.contracts.escalation import CHANGED, ESCALATION, EscalationChanged, EscalationInput
from models.contracts.routing import (
    CHANNEL,
    CONVERSATION_STATE,
    ESCALATION_STATUS,
    REMINDERS,
    TENANT_ID,
    escalation_id,
    priority,
)


async def follow(start: ConversationInput, record: Record) -> None:
    """After a step is written: show its state to operators, and start or tell the escalation's process."""
    standing = record.standing
    escalation = standing.escalation
    if escalation is None or not (record.opens or record.moves):
        return
    workflow.upsert_search_attributes([CONVERSATION_STATE.value_set(standing.state.value)])
    process = escalation_id(start.tenant_id, escalation.id)
    if record.opens:
        try:
            # Started is enough: nobody awaits its end.
            _ = await workflow.start_child_workflow(
                ESCALATION.name,
                EscalationInput(
                    tenant_id=start.tenant_id,
                    conversation_id=start.conversation_id,
                    escalation_id=escalation.id,
                    number=escalation.number,
                    requested_at=workflow.now(),
                ),
                id=process,
                # It outlives this run: continue-as-new must not end it.
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                priority=priority(REMINDERS, start.tenant_id),
                search_attributes=TypedSearchAttributes(
                    [
                        SearchAttributePair(TENANT_ID, str(start.tenant_id)),
                        SearchAttributePair(CHANNEL, start.channel.value),
                        SearchAttributePair(ESCALATION_STATUS, escalation.status.value),
                    ]
                ),
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("escalation already runs", extra={"escalation": process})
        return
    try:
        await workflow.get_external_workflow_handle(process).signal(
            CHANGED.name, EscalationChanged(status=escalation.status, version=standing.version)
        )
    except ApplicationError:
        # It ended by itself, or was ended by an operator: the record is already right.
        workflow.logger.warning("escalation does not run", extra={"escalation": process})
