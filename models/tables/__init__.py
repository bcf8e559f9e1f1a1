"""Every table of the product, gathered so that the metadata is complete."""

from models.tables.assistants import assistant_prompts, assistants
from models.tables.audit import audit_heads, audit_log
from models.tables.base import metadata
from models.tables.channels import channel_credentials, channel_deliveries, channel_inbox, channel_secrets
from models.tables.conversations import (
    attachments,
    conversations,
    customers,
    drafts,
    escalations,
    messages,
    notices,
    previews,
    send_ledger,
)
from models.tables.crawls import crawl_pages, crawls
from models.tables.desks import desk_people, desk_topics, desks
from models.tables.events import event_counters, events, idempotency_keys
from models.tables.files import chunk_bands, ingest_files
from models.tables.keys import data_keys, installation_keys, tenant_secrets
from models.tables.knowledge import (
    chunks,
    documents,
    embedding_spaces,
    embeddings,
    ingest_jobs,
    reindexes,
    sources,
    tenant_spaces,
    vocabulary,
)
from models.tables.learning import contradictions, gap_questions, gaps, learned_answers
from models.tables.limits import rate_limits
from models.tables.media import media_garbage
from models.tables.people import mails, one_time_tokens
from models.tables.privacy import erasures, identity_checks, identity_codes
from models.tables.second_factor import recovery_codes, second_factors
from models.tables.sign_in import credentials, sessions
from models.tables.tenancy import (
    api_keys,
    branches,
    channel_accounts,
    members,
    policies,
    tenant_settings,
    tenants,
)
from models.tables.tenant_life import tenant_deletions, tenant_export_parts, tenant_exports
from models.tables.usage import model_calls, model_spend

__all__ = [
    "api_keys",
    "assistant_prompts",
    "assistants",
    "attachments",
    "audit_heads",
    "audit_log",
    "branches",
    "channel_accounts",
    "channel_credentials",
    "channel_deliveries",
    "channel_inbox",
    "channel_secrets",
    "chunk_bands",
    "chunks",
    "contradictions",
    "conversations",
    "crawl_pages",
    "crawls",
    "credentials",
    "customers",
    "data_keys",
    "desk_people",
    "desk_topics",
    "desks",
    "documents",
    "drafts",
    "embedding_spaces",
    "embeddings",
    "erasures",
    "escalations",
    "event_counters",
    "events",
    "gap_questions",
    "gaps",
    "idempotency_keys",
    "identity_checks",
    "identity_codes",
    "ingest_files",
    "ingest_jobs",
    "installation_keys",
    "learned_answers",
    "mails",
    "media_garbage",
    "members",
    "messages",
    "metadata",
    "model_calls",
    "model_spend",
    "notices",
    "one_time_tokens",
    "policies",
    "previews",
    "rate_limits",
    "recovery_codes",
    "reindexes",
    "second_factors",
    "send_ledger",
    "sessions",
    "sources",
    "tenant_deletions",
    "tenant_export_parts",
    "tenant_exports",
    "tenant_secrets",
    "tenant_settings",
    "tenant_spaces",
    "tenants",
    "vocabulary",
]
