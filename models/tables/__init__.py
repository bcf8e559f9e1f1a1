"""Every table of the product, gathered so that the metadata is complete."""

from models.tables.base import metadata
from models.tables.conversations import (
    conversations,
    customers,
    drafts,
    escalations,
    learned_answers,
    messages,
    notices,
    send_ledger,
)
from models.tables.events import event_counters, events, idempotency_keys
from models.tables.knowledge import chunks, documents, embedding_spaces, embeddings, ingest_jobs, sources
from models.tables.tenancy import (
    api_keys,
    branches,
    channel_accounts,
    members,
    policies,
    tenant_settings,
    tenants,
)

__all__ = [
    "api_keys",
    "branches",
    "channel_accounts",
    "chunks",
    "conversations",
    "customers",
    "documents",
    "drafts",
    "embedding_spaces",
    "embeddings",
    "escalations",
    "event_counters",
    "events",
    "idempotency_keys",
    "ingest_jobs",
    "learned_answers",
    "members",
    "messages",
    "metadata",
    "notices",
    "policies",
    "send_ledger",
    "sources",
    "tenant_settings",
    "tenants",
]
