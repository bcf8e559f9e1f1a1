"""What a caller may be allowed, and which roles hold it. Which route asks for what: api/permissions.py."""

from collections.abc import Mapping
from enum import StrEnum

from models.contracts.enums import Role


class Permission(StrEnum):
    """What a caller may be allowed. An API key may be confined to some of them (its scopes)."""

    CONVERSATIONS_READ = "conversations:read"
    CONVERSATIONS_WRITE = "conversations:write"
    ESCALATIONS_READ = "escalations:read"
    ESCALATIONS_WORK = "escalations:work"
    # Act in the name of another member.
    ESCALATIONS_DELEGATE = "escalations:delegate"
    KNOWLEDGE_READ = "knowledge:read"
    KNOWLEDGE_WRITE = "knowledge:write"
    AGENT_ASK = "agent:ask"
    # See why a question is answered as it is: passages, prompt, scores.
    AGENT_EXPLAIN = "agent:explain"
    ASSISTANTS_READ = "assistants:read"
    ASSISTANTS_MANAGE = "assistants:manage"
    USAGE_READ = "usage:read"
    EVENTS_READ = "events:read"
    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_VERIFY = "customers:verify"
    CUSTOMERS_ERASE = "customers:erase"
    TENANT_READ = "tenant:read"
    TENANT_MANAGE = "tenant:manage"
    TENANT_EXPORT = "tenant:export"
    TENANT_DELETE = "tenant:delete"
    MEMBERS_READ = "members:read"
    MEMBERS_MANAGE = "members:manage"
    KEYS_MANAGE = "keys:manage"
    SECRETS_MANAGE = "secrets:manage"
    AUDIT_READ = "audit:read"
    CODEC_DECODE = "codec:decode"
    # Held by everybody who is signed in as a person; no API key can have it.
    SELF = "self"


P = Permission

_AGENT = frozenset(
    {
        P.CONVERSATIONS_READ,
        P.CONVERSATIONS_WRITE,
        P.ESCALATIONS_READ,
        P.ESCALATIONS_WORK,
        P.KNOWLEDGE_READ,
        P.AGENT_ASK,
        P.ASSISTANTS_READ,
        P.EVENTS_READ,
        P.CUSTOMERS_READ,
        P.CUSTOMERS_VERIFY,
        P.TENANT_READ,
        P.MEMBERS_READ,
    }
)
_ADMIN = _AGENT | {
    P.ESCALATIONS_DELEGATE,
    P.KNOWLEDGE_WRITE,
    P.AGENT_EXPLAIN,
    P.ASSISTANTS_MANAGE,
    P.USAGE_READ,
    P.CUSTOMERS_ERASE,
    P.TENANT_MANAGE,
    P.MEMBERS_MANAGE,
    P.KEYS_MANAGE,
    P.SECRETS_MANAGE,
    P.AUDIT_READ,
    P.CODEC_DECODE,
}
_OWNER = _ADMIN | {P.TENANT_EXPORT, P.TENANT_DELETE}

ROLES: Mapping[Role, frozenset[Permission]] = {
    Role.USER: frozenset(),
    Role.AGENT: _AGENT,
    Role.ADMIN: _ADMIN,
    Role.OWNER: _OWNER,
}
