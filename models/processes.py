"""How to reach the processes: the few calls that start or signal them."""

from datetime import timedelta
from typing import TypedDict

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import (
    Priority,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)

from models.contracts.conversation import (
    COMMANDS,
    CONVERSATION,
    INBOUND,
    CommandInput,
    ConversationInput,
    ConversationView,
    InboundMessage,
)
from models.contracts.enums import Command
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

TASK_TIMEOUT = timedelta(seconds=3)
"""Time for one step of a conversation's own code, which takes milliseconds, or one replay of it, which takes a
second at most. A worker that dies in it holds the conversation for so long (by default: ten seconds)."""


class Start(TypedDict):
    """How a conversation's process is started, whatever it is that wakes it."""

    id: str
    task_queue: str
    task_timeout: timedelta
    id_conflict_policy: WorkflowIDConflictPolicy
    id_reuse_policy: WorkflowIDReusePolicy
    priority: Priority
    search_attributes: TypedSearchAttributes


def waking(start: ConversationInput) -> Start:
    """An open process is used as it is; a finished one is followed by another under the same id."""
    return Start(
        id=conversation_id(start.tenant_id, start.conversation_id),
        task_queue=CONVERSATIONS_QUEUE,
        task_timeout=TASK_TIMEOUT,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        priority=priority(INTERACTIVE, start.tenant_id),
        search_attributes=TypedSearchAttributes(
            [
                SearchAttributePair(TENANT_ID, str(start.tenant_id)),
                SearchAttributePair(CHANNEL, start.channel.value),
                SearchAttributePair(CONVERSATION_STATE, start.memory.standing.state.value),
            ]
        ),
    )


async def hand_over(client: Client, start: ConversationInput, message: InboundMessage) -> None:
    """Give a stored message to its conversation, starting or reopening the process as needed. Safe to repeat.

    Raises temporalio.service.RPCError when Temporal cannot be reached.
    """
    await client.start_workflow(
        CONVERSATION.name,
        start,
        start_signal=INBOUND.name,
        start_signal_args=[message],
        rpc_timeout=RPC_TIMEOUT,
        **waking(start),
    )


async def command(
    client: Client, order: Command, given: CommandInput, start: ConversationInput, update_id: str, patience: timedelta
) -> ConversationView:
    """Have a conversation carry out a manager's command, waking its process if it sleeps.

    Raises temporalio.client.WorkflowUpdateFailedError when it is refused (details: Refusal), RPCError when the outcome
    is unknown; the same `update_id` makes it safe to repeat.
    """
    contract = COMMANDS[order]
    operation: WithStartWorkflowOperation[object, object] = WithStartWorkflowOperation(
        CONVERSATION.name, start, **waking(start)
    )
    view: ConversationView = await client.execute_update_with_start_workflow(
        contract.name,
        given,
        start_workflow_operation=operation,
        id=update_id,
        result_type=contract.output,
        rpc_timeout=patience,
    )
    return view


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
