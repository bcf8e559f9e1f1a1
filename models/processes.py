"""How to reach the processes: the few calls that start or signal them."""

from datetime import timedelta
from typing import TypedDict
from uuid import UUID

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import (
    Priority,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError

from models.contracts.conversation import (
    COMMANDS,
    CONVERSATION,
    INBOUND,
    REFUSED,
    CommandInput,
    ConversationInput,
    ConversationView,
    InboundMessage,
    Refusal,
)
from models.contracts.crawl import ASKED, CRAWL, CrawlAsked, CrawlInput
from models.contracts.enums import Command
from models.contracts.ingest import INGEST, STAGED, DocumentsStaged, IngestInput
from models.contracts.lanes import LANE, POKE, LaneInput, Poke
from models.contracts.learning import REVIEW, ReviewInput
from models.contracts.mail import MAIL, MailInput
from models.contracts.privacy import ERASURE, IDENTITY_CODE, ErasureInput, SendCodeInput
from models.contracts.reindex import REINDEX, ReindexInput
from models.contracts.routing import (
    BATCH,
    CHANNEL,
    CHANNELS_QUEUE,
    CONVERSATION_STATE,
    CONVERSATIONS_QUEUE,
    INTERACTIVE,
    KNOWLEDGE_QUEUE,
    OPERATIONS_QUEUE,
    TENANT_ID,
    conversation_id,
    crawl_id,
    deletion_id,
    erasure_id,
    export_id,
    identity_code_id,
    ingest_id,
    lane_id,
    mail_id,
    priority,
    reindex_id,
    review_id,
)
from models.contracts.tenant_life import (
    DELETION_CHANGED,
    TENANT_DELETION,
    TENANT_EXPORT,
    DeletionChanged,
    DeletionInput,
    ExportInput,
)

RPC_TIMEOUT = timedelta(seconds=5)

TASK_TIMEOUT = timedelta(seconds=3)
"""Time for one step of a conversation's own code, which takes milliseconds, or one replay of it, which takes a
second at most. A worker that dies in it holds the conversation for so long (by default: ten seconds)."""


class CommandRefusedError(Exception):
    """The conversation refused a manager's command."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


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

    Raises CommandRefusedError when it is refused, RPCError when the outcome is unknown; the same `update_id` makes it
    safe to repeat.
    """
    contract = COMMANDS[order]
    operation: WithStartWorkflowOperation[object, object] = WithStartWorkflowOperation(
        CONVERSATION.name, start, **waking(start)
    )
    try:
        view: ConversationView = await client.execute_update_with_start_workflow(
            contract.name,
            given,
            start_workflow_operation=operation,
            id=update_id,
            result_type=contract.output,
            rpc_timeout=patience,
        )
    except WorkflowUpdateFailedError as error:
        raise CommandRefusedError(_refusal(error)) from error
    return view


def _refusal(error: WorkflowUpdateFailedError) -> Refusal:
    """The refusal inside a failed update. Raises the failure itself when it is no refusal but a defect."""
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type == REFUSED and cause.details:
        return Refusal.model_validate(cause.details[0])
    raise error


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
        start_signal_args=[DocumentsStaged(job_id=start.job_id, reads_files=start.reads_files)],
        priority=priority(BATCH, start.tenant_id),
        search_attributes=TypedSearchAttributes([SearchAttributePair(TENANT_ID, str(start.tenant_id))]),
        rpc_timeout=RPC_TIMEOUT,
    )


async def crawl(client: Client, start: CrawlInput) -> None:
    """Have a queued crawl run. Where the process of a cancelled run has not ended yet, it takes up this one. Safe to
    repeat. Raises temporalio.service.RPCError when Temporal cannot be reached."""
    await client.start_workflow(
        CRAWL.name,
        start,
        id=crawl_id(start.tenant_id, start.crawl_id),
        task_queue=KNOWLEDGE_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        start_signal=ASKED.name,
        start_signal_args=[CrawlAsked()],
        priority=priority(BATCH, start.tenant_id),
        search_attributes=TypedSearchAttributes([SearchAttributePair(TENANT_ID, str(start.tenant_id))]),
        rpc_timeout=RPC_TIMEOUT,
    )


async def reindex(client: Client, start: ReindexInput) -> None:
    """Have a tenant's vectors made anew. Safe to repeat. Raises temporalio.service.RPCError when Temporal cannot be
    reached."""
    assert start.reindex_id is not None, "who asks has made its record"
    await client.start_workflow(
        REINDEX.name,
        start,
        id=reindex_id(start.tenant_id, start.reindex_id),
        task_queue=KNOWLEDGE_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        priority=priority(BATCH, start.tenant_id),
        search_attributes=TypedSearchAttributes([SearchAttributePair(TENANT_ID, str(start.tenant_id))]),
        rpc_timeout=RPC_TIMEOUT,
    )


async def review(client: Client, start: ReviewInput) -> None:
    """Have a tenant's knowledge looked through. One that is under way goes on. Raises temporalio.service.RPCError when
    Temporal cannot be reached."""
    await client.start_workflow(
        REVIEW.name,
        start,
        id=review_id(start.tenant_id),
        task_queue=KNOWLEDGE_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        priority=priority(BATCH, start.tenant_id),
        search_attributes=TypedSearchAttributes([SearchAttributePair(TENANT_ID, str(start.tenant_id))]),
        rpc_timeout=RPC_TIMEOUT,
    )


async def lane(client: Client, start: LaneInput, *, anew: bool = False) -> None:
    """Have a lane worked off (see Poke). One that is at it looks once more. Safe to repeat. Raises temporalio.service.RPCError when
    Temporal cannot be reached."""
    await client.start_workflow(
        LANE.name,
        start,
        id=lane_id(start.tenant_id, start.channel_account_id, start.lane),
        task_queue=CHANNELS_QUEUE,
        task_timeout=TASK_TIMEOUT,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        start_signal=POKE.name,
        start_signal_args=[Poke(anew=anew)],
        priority=priority(INTERACTIVE, start.channel_account_id),
        search_attributes=TypedSearchAttributes([SearchAttributePair(TENANT_ID, str(start.tenant_id))]),
        rpc_timeout=RPC_TIMEOUT,
    )


async def mail(client: Client, start: MailInput) -> None:
    """Have a mail sent. Safe to repeat: what has been sent is not sent again. Raises like `_operate`."""
    await _operate(client, MAIL.name, start, mail_id(start.tenant_id, start.mail_id), start.tenant_id, INTERACTIVE)


async def erase(client: Client, start: ErasureInput) -> None:
    """Have a customer erased. Safe to repeat: one that is under way goes on, one that is done finds nothing to do.

    Raises like `_operate`.
    """
    await _operate(client, ERASURE.name, start, erasure_id(start.tenant_id, start.erasure_id), start.tenant_id, BATCH)


async def send_code(client: Client, start: SendCodeInput) -> None:
    """Have a customer sent a code, once. Raises like `_operate`."""
    await _operate(
        client,
        IDENTITY_CODE.name,
        start,
        identity_code_id(start.tenant_id, start.code_id),
        start.tenant_id,
        INTERACTIVE,
        WorkflowIDReusePolicy.REJECT_DUPLICATE,
    )


async def export(client: Client, start: ExportInput) -> None:
    """Have a tenant exported. Safe to repeat. Raises like `_operate`."""
    await _operate(
        client, TENANT_EXPORT.name, start, export_id(start.tenant_id, start.export_id), start.tenant_id, BATCH
    )


async def _operate(
    client: Client,
    workflow: str,
    start: object,
    workflow_id: str,
    tenant: UUID,
    urgency: int,
    reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE,
) -> None:
    """Start a process of a tenant on the operations queue, findable by its tenant: a deletion ends all that it finds.

    Raises temporalio.service.RPCError when Temporal cannot be reached.
    """
    await client.start_workflow(
        workflow,
        start,
        id=workflow_id,
        task_queue=OPERATIONS_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=reuse,
        priority=priority(urgency, tenant),
        search_attributes=TypedSearchAttributes([SearchAttributePair(TENANT_ID, str(tenant))]),
        rpc_timeout=RPC_TIMEOUT,
    )


async def deletion(client: Client, start: DeletionInput) -> None:
    """Have a tenant deleted when that is due, or look again because it was called off or brought forward.

    It has no search attribute: what has the tenant's is deleted with the tenant. Safe to repeat. Raises
    temporalio.service.RPCError when Temporal cannot be reached.
    """
    await client.start_workflow(
        TENANT_DELETION.name,
        start,
        id=deletion_id(start.deletion_id),
        task_queue=OPERATIONS_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        start_signal=DELETION_CHANGED.name,
        start_signal_args=[DeletionChanged()],
        priority=priority(BATCH, start.tenant_id),
        rpc_timeout=RPC_TIMEOUT,
    )
