"""Where work goes and what it is called: queues, business ids, priorities, search attributes."""

from uuid import UUID

from temporalio.common import Priority, SearchAttributeKey

from models.contracts.lanes import Lane

# Workflows and the short activities that they wait for share a queue: the server hands those activities back with
# the workflow task (eager start), which saves a round trip each.
CONVERSATIONS_QUEUE = "conversations"
# Slow and bounded: model calls must never hold up the rest.
MODELS_QUEUE = "models"
KNOWLEDGE_QUEUE = "knowledge"
# Mostly waits, out of politeness: no slot of the others is for that.
CRAWLS_QUEUE = "crawls"
OPERATIONS_QUEUE = "operations"
# A lane waits for its provider most of the time, and there may be a thousand of them.
CHANNELS_QUEUE = "channels"
QUEUES = (CONVERSATIONS_QUEUE, MODELS_QUEUE, KNOWLEDGE_QUEUE, CRAWLS_QUEUE, OPERATIONS_QUEUE, CHANNELS_QUEUE)

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


def crawl_id(tenant: UUID, crawl: UUID, when: str = "") -> str:
    """A crawl is one source's. `when` is a word for runs that a schedule starts."""
    return f"crawl/{tenant}/{crawl}{when}"


def crawl_schedule_id(tenant: UUID, crawl: UUID) -> str:
    return f"crawl/{tenant}/{crawl}"


def reindex_id(tenant: UUID, which: UUID | str) -> str:
    """`which` is the re-index's id, or a word for those that a schedule starts."""
    return f"reindex/{tenant}/{which}"


def reindex_schedule_id(tenant: UUID) -> str:
    return f"reindex/{tenant}"


def review_id(tenant: UUID) -> str:
    """One look at a tenant's knowledge at a time."""
    return f"review/{tenant}/knowledge"


def lane_id(tenant: UUID, account: UUID, lane: Lane) -> str:
    return f"lane-{lane.value}/{tenant}/{account}"


def mail_id(tenant: UUID, mail: UUID) -> str:
    return f"mail/{tenant}/{mail}"


def erasure_id(tenant: UUID, erasure: UUID) -> str:
    return f"erasure/{tenant}/{erasure}"


def identity_code_id(tenant: UUID, code: UUID) -> str:
    return f"identity-code/{tenant}/{code}"


def export_id(tenant: UUID, export: UUID) -> str:
    return f"export/{tenant}/{export}"


def deletion_id(deletion: UUID) -> str:
    """Without the tenant: this process outlives the tenant's keys (see `tenant_of`)."""
    return f"tenant-deletion/{deletion}"


def tenant_of(workflow_id: str) -> UUID | None:
    """The tenant whose keys encrypt a workflow's payloads: that of an id `<kind>/<tenant>/<which>`.

    None for every other id: the installation's own keys encrypt those. What outlives a tenant's keys, as its deletion
    does, must therefore not have an id of that form (`<kind>/<tenant>` will do).
    """
    parts = workflow_id.split("/")
    if len(parts) != 3:
        return None
    try:
        return UUID(parts[1])
    except ValueError:
        return None


def priority(key: int, tenant: UUID | None) -> Priority:
    """A tenant with much work waits behind itself, not before others. None: the installation's own work."""
    return Priority(priority_key=key, fairness_key=str(tenant) if tenant else "installation")
