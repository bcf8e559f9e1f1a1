"""How to reach the processes: queue names, business ids, and the few calls that start or signal them."""

from datetime import timedelta
from uuid import UUID

from temporalio.client import Client, WorkflowHandle
from temporalio.common import (
    Priority,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)

from models.contracts.conversation import CONVERSATION, INBOUND, ConversationInput, InboundMessage
from models.contracts.ingest import INGEST, IngestInput

# Workflows and the short activities that they wait for share a queue: the server hands those activities back with
# the workflow task (eager start), which saves a round trip each.
CONVERSATIONS_QUEUE = "conversations"
# Slow and bounded: model calls must never hold up the rest.
MODELS_QUEUE = "models"
KNOWLEDGE_QUEUE = "knowledge"
OPERATIONS_QUEUE = "operations"
QUEUES = (CONVERSATIONS_QUEUE, MODELS_QUEUE, KNOWLEDGE_QUEUE, OPERATIONS_QUEUE)

TENANT_ID = SearchAttributeKey.for_keyword("TenantId")
CONVERSATION_STATE = SearchAttributeKey.for_keyword("ConversationState")
CHANNEL = SearchAttributeKey.for_keyword("Channel")
ESCALATION_STATUS = SearchAttributeKey.for_keyword("EscalationStatus")

INTERACTIVE = 2
REMINDERS = 4
BATCH = 5

RPC_TIMEOUT = timedelta(seconds=5)


def conversation_id(tenant: UUID, conversation: UUID) -> str:
    return f"conversation/{tenant}/{conversation}"


def escalation_id(tenant: UUID, escalation: UUID) -> str:
    return f"escalation/{tenant}/{escalation}"


def ingest_id(tenant: UUID, source: UUID) -> str:
    return f"ingest/{tenant}/{source}"


def priority(key: int, tenant: UUID) -> Priority:
    """A tenant with much work waits behind itself, not before others."""
    return Priority(priority_key=key, fairness_key=str(tenant))


async def hand_over(client: Client, start: ConversationInput, message: InboundMessage) -> None:
    """Give a stored message to its conversation, starting or reopening the process as needed. Safe to repeat.

    Raises temporalio.service.RPCError when Temporal cannot be reached.
    """
    await client.start_workflow(
        CONVERSATION.name,
        start,
        id=conversation_id(start.tenant_id, start.conversation_id),
        task_queue=CONVERSATIONS_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        start_signal=INBOUND.name,
        start_signal_args=[message],
        priority=priority(INTERACTIVE, start.tenant_id),
        search_attributes=TypedSearchAttributes(
            [
                SearchAttributePair(TENANT_ID, str(start.tenant_id)),
                SearchAttributePair(CHANNEL, start.channel.value),
                SearchAttributePair(CONVERSATION_STATE, start.memory.standing.state.value),
            ]
        ),
        rpc_timeout=RPC_TIMEOUT,
    )


async def ingest(client: Client, start: IngestInput) -> WorkflowHandle[object, object]:
    """Ingest a source's staged documents. A run under way takes them up too: it ends when nothing is staged."""
    return await client.start_workflow(
        INGEST.name,
        start,
        id=ingest_id(start.tenant_id, start.source_id),
        task_queue=KNOWLEDGE_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        priority=priority(BATCH, start.tenant_id),
        search_attributes=TypedSearchAttributes([SearchAttributePair(TENANT_ID, str(start.tenant_id))]),
        rpc_timeout=RPC_TIMEOUT,
    )
