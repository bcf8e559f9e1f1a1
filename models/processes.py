"""How to reach the processes: the few calls that start or signal them."""

from datetime import timedelta

from temporalio.client import Client, WorkflowHandle
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)

from models.contracts.conversation import CONVERSATION, INBOUND, ConversationInput, InboundMessage
from models.contracts.ingest import INGEST, STAGED, DocumentsStaged, IngestInput
from models.contracts.routing import (
    BATCH,
    CHANNEL,
    CONVERSATION_STATE,
    CONVERSATIONS_QUEUE,
    INTERACTIVE,
    KNOWLEDGE_QUEUE,
    TENANT_ID,
    conversation_id,
    ingest_id,
    priority,
)

RPC_TIMEOUT = timedelta(seconds=5)


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
    """Ingest a source's staged documents. A run under way takes them up too: it ends when nothing is staged, and the
    signal keeps it from ending between its last look and now."""
    return await client.start_workflow(
        INGEST.name,
        start,
        id=ingest_id(start.tenant_id, start.source_id),
        task_queue=KNOWLEDGE_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        start_signal=STAGED.name,
        start_signal_args=[DocumentsStaged(job_id=start.job_id)],
        priority=priority(BATCH, start.tenant_id),
        search_attributes=TypedSearchAttributes([SearchAttributePair(TENANT_ID, str(start.tenant_id))]),
        rpc_timeout=RPC_TIMEOUT,
    )
