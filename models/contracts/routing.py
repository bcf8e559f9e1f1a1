"""Where work goes and what it is called: queues, business ids, priorities, search attributes."""

from uuid import UUID

from temporalio.common import Priority, SearchAttributeKey

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


def conversation_id(tenant: UUID, conversation: UUID) -> str:
    return f"conversation/{tenant}/{conversation}"


def escalation_id(tenant: UUID, escalation: UUID) -> str:
    return f"escalation/{tenant}/{escalation}"


def ingest_id(tenant: UUID, source: UUID) -> str:
    return f"ingest/{tenant}/{source}"


def priority(key: int, tenant: UUID | None) -> Priority:
    """A tenant with much work waits behind itself, not before others. None: the installation's own work."""
    return Priority(priority_key=key, fairness_key=str(tenant) if tenant else "installation")
