"""Who may do what: every permission, the roles that hold it, and the route that asks for it. All of it is here.

A route that is not in ROUTES does not exist: the application refuses to start (see api.identity.auth.install).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from models.contracts.enums import Role
from models.contracts.permissions import ROLES, Permission

__all__ = ["ROLES", "ROUTES", "Permission", "Rule", "Traffic", "granted"]

P = Permission


class Traffic(StrEnum):
    """Route classes: what is limited together (see api.edge.rate_limits)."""

    READ = "read"
    # Lasts; reading as far as its beginning is concerned.
    STREAM = "stream"
    WRITE = "write"
    # Costs a model or a search.
    MODEL = "model"
    # Passwords, codes and tokens are tried here.
    SIGN_IN = "sign_in"
    # The same, where strangers must not use up what a known device may (see api.identity.throttle).
    LOGIN = "login"
    # Reads or deletes a tenant's whole data.
    BULK = "bulk"
    # Provider webhooks: many customers behind few addresses.
    WEBHOOK = "webhook"
    # Visitors who begin to write: each may leave a conversation.
    VISIT = "visit"
    # Load balancers and monitoring; never limited.
    HEALTH = "health"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route asks for. `permission` None: nobody needs to sign in."""

    permission: Permission | None
    traffic: Traffic
    # Served to people of a suspended tenant too.
    when_suspended: bool = False
    # For a visitor of a site, who may do this in their own conversation (see api.identity.visitors).
    visitors: bool = False


def _read(permission: Permission) -> Rule:
    return Rule(permission, Traffic.READ)


def _write(permission: Permission) -> Rule:
    return Rule(permission, Traffic.WRITE)


def _visitors(traffic: Traffic) -> Rule:
    return Rule(None, traffic, visitors=True)


_SIGN_IN = Rule(None, Traffic.SIGN_IN)
# To whoever looks at a page of a site.
_SHOWN = Rule(None, Traffic.READ)
_HEALTH = Rule(None, Traffic.HEALTH)

ROUTES: Mapping[str, Rule] = {
    # Conversations
    "openConversation": _write(P.CONVERSATIONS_WRITE),
    "listConversations": _read(P.CONVERSATIONS_READ),
    "getConversation": _read(P.CONVERSATIONS_READ),
    "sendMessage": _write(P.CONVERSATIONS_WRITE),
    "listMessages": _read(P.CONVERSATIONS_READ),
    "uploadAttachment": _write(P.CONVERSATIONS_WRITE),
    # Whoever has the link: it is signed, and for an hour.
    "getMedia": Rule(None, Traffic.READ),
    "escalateConversation": _write(P.ESCALATIONS_WORK),
    "closeConversation": _write(P.ESCALATIONS_WORK),
    "streamConversation": Rule(P.EVENTS_READ, Traffic.STREAM),
    "streamTenant": Rule(P.EVENTS_READ, Traffic.STREAM),
    # Escalations
    "listEscalations": _read(P.ESCALATIONS_READ),
    "getEscalation": _read(P.ESCALATIONS_READ),
    "takeEscalation": _write(P.ESCALATIONS_WORK),
    "replyToEscalation": _write(P.ESCALATIONS_WORK),
    "resolveEscalation": _write(P.ESCALATIONS_WORK),
    "skipEscalation": _write(P.ESCALATIONS_WORK),
    "returnEscalation": _write(P.ESCALATIONS_WORK),
    "reassignEscalation": _write(P.ESCALATIONS_WORK),
    # Knowledge
    "addSource": _write(P.KNOWLEDGE_WRITE),
    "uploadDocuments": _write(P.KNOWLEDGE_WRITE),
    "fetchDocument": Rule(P.KNOWLEDGE_WRITE, Traffic.MODEL),
    "startCrawl": Rule(P.KNOWLEDGE_WRITE, Traffic.MODEL),
    "listCrawls": _read(P.KNOWLEDGE_READ),
    "getCrawl": _read(P.KNOWLEDGE_READ),
    "listCrawlPages": _read(P.KNOWLEDGE_READ),
    "cancelCrawl": _write(P.KNOWLEDGE_WRITE),
    "unscheduleCrawl": _write(P.KNOWLEDGE_WRITE),
    "listSources": _read(P.KNOWLEDGE_READ),
    "deleteSource": _write(P.KNOWLEDGE_WRITE),
    "listDocuments": _read(P.KNOWLEDGE_READ),
    "listChunks": _read(P.KNOWLEDGE_READ),
    "listJobs": _read(P.KNOWLEDGE_READ),
    "getJob": _read(P.KNOWLEDGE_READ),
    "listFiles": _read(P.KNOWLEDGE_READ),
    "searchKnowledge": Rule(P.KNOWLEDGE_READ, Traffic.MODEL),
    "reindex": _write(P.KNOWLEDGE_WRITE),
    "listReindexes": _read(P.KNOWLEDGE_READ),
    "getReindex": _read(P.KNOWLEDGE_READ),
    "getReindexSchedule": _read(P.KNOWLEDGE_READ),
    "putReindexSchedule": _write(P.KNOWLEDGE_WRITE),
    "deleteReindexSchedule": _write(P.KNOWLEDGE_WRITE),
    # Learning
    "listLearned": _read(P.KNOWLEDGE_READ),
    "getLearned": _read(P.KNOWLEDGE_READ),
    "approveLearned": _write(P.KNOWLEDGE_WRITE),
    "rejectLearned": _write(P.KNOWLEDGE_WRITE),
    "editLearned": _write(P.KNOWLEDGE_WRITE),
    "undoLearned": _write(P.KNOWLEDGE_WRITE),
    "listGaps": _read(P.KNOWLEDGE_READ),
    "getGap": _read(P.KNOWLEDGE_READ),
    "draftGap": _write(P.KNOWLEDGE_WRITE),
    "closeGap": _write(P.KNOWLEDGE_WRITE),
    "ignoreGap": _write(P.KNOWLEDGE_WRITE),
    "reviewKnowledge": Rule(P.KNOWLEDGE_WRITE, Traffic.MODEL),
    "getKnowledgeHealth": _read(P.KNOWLEDGE_READ),
    # Agent
    "ask": Rule(P.AGENT_ASK, Traffic.MODEL),
    "getAgentHealth": _read(P.AGENT_ASK),
    "listAssistants": _read(P.ASSISTANTS_READ),
    "getAssistant": _read(P.ASSISTANTS_READ),
    "createAssistant": _write(P.ASSISTANTS_MANAGE),
    "putAssistant": _write(P.ASSISTANTS_MANAGE),
    "removeAssistant": _write(P.ASSISTANTS_MANAGE),
    "listPrompts": _read(P.ASSISTANTS_READ),
    "addPrompt": _write(P.ASSISTANTS_MANAGE),
    "activatePrompt": _write(P.ASSISTANTS_MANAGE),
    "listAssistantStarters": _read(P.ASSISTANTS_READ),
    "getUsage": _read(P.USAGE_READ),
    # Signing in
    "register": _SIGN_IN,
    "confirmEmail": _SIGN_IN,
    "login": Rule(None, Traffic.LOGIN),
    "loginJson": Rule(None, Traffic.LOGIN),
    "refresh": _SIGN_IN,
    "forgotPassword": _SIGN_IN,
    "resetPassword": _SIGN_IN,
    "acceptInvite": _SIGN_IN,
    # Oneself
    "logout": _write(P.SELF),
    "logoutEverywhere": _write(P.SELF),
    "getMe": _read(P.SELF),
    "updateMe": _write(P.SELF),
    "changePassword": Rule(P.SELF, Traffic.SIGN_IN),
    "listSessions": _read(P.SELF),
    "endSession": _write(P.SELF),
    "beginTotp": Rule(P.SELF, Traffic.SIGN_IN),
    "confirmTotp": Rule(P.SELF, Traffic.SIGN_IN),
    "removeTotp": Rule(P.SELF, Traffic.SIGN_IN),
    "renewRecoveryCodes": Rule(P.SELF, Traffic.SIGN_IN),
    # People and keys
    "listMembers": _read(P.MEMBERS_READ),
    "getMember": _read(P.MEMBERS_READ),
    "inviteMember": _write(P.MEMBERS_MANAGE),
    "reinviteMember": _write(P.MEMBERS_MANAGE),
    "updateMember": _write(P.MEMBERS_MANAGE),
    "removeMember": _write(P.MEMBERS_MANAGE),
    "resetMemberTotp": _write(P.MEMBERS_MANAGE),
    "listKeys": _read(P.KEYS_MANAGE),
    "createKey": _write(P.KEYS_MANAGE),
    "rotateKey": _write(P.KEYS_MANAGE),
    "revokeKey": _write(P.KEYS_MANAGE),
    # The tenant
    "getTenant": _read(P.TENANT_READ),
    "updateTenant": _write(P.TENANT_MANAGE),
    "getSettings": _read(P.TENANT_READ),
    "putSettings": _write(P.TENANT_MANAGE),
    "getPolicy": _read(P.TENANT_READ),
    "putPolicy": _write(P.TENANT_MANAGE),
    "checkPolicy": _read(P.TENANT_READ),
    "listPolicyVersions": _read(P.TENANT_READ),
    "getPolicyVersion": _read(P.TENANT_READ),
    "comparePolicyVersions": _read(P.TENANT_READ),
    "restorePolicy": _write(P.TENANT_MANAGE),
    "listPolicyStarters": _read(P.TENANT_READ),
    "listBranches": _read(P.TENANT_READ),
    "createBranch": _write(P.TENANT_MANAGE),
    "updateBranch": _write(P.TENANT_MANAGE),
    "removeBranch": _write(P.TENANT_MANAGE),
    "listChannelAccounts": _read(P.TENANT_READ),
    "getChannelAccount": _read(P.TENANT_READ),
    "createChannelAccount": _write(P.TENANT_MANAGE),
    "checkChannelAccount": _write(P.TENANT_MANAGE),
    "retryChannelAccount": _write(P.TENANT_MANAGE),
    "updateChannelAccount": _write(P.TENANT_MANAGE),
    "rotateChannelAccount": _write(P.TENANT_MANAGE),
    "removeChannelAccount": _write(P.TENANT_MANAGE),
    "listDesks": _read(P.TENANT_READ),
    "getDesk": _read(P.TENANT_READ),
    "createDesk": _write(P.TENANT_MANAGE),
    "linkDesk": _write(P.TENANT_MANAGE),
    "checkDesk": _write(P.TENANT_MANAGE),
    "removeDesk": _write(P.TENANT_MANAGE),
    "linkMyself": _write(P.ESCALATIONS_WORK),
    "exportTenant": Rule(P.TENANT_EXPORT, Traffic.BULK),
    "getExport": _read(P.TENANT_EXPORT),
    "downloadExport": Rule(P.TENANT_EXPORT, Traffic.BULK),
    "deleteTenant": Rule(P.TENANT_DELETE, Traffic.BULK),
    "getTenantDeletion": Rule(P.TENANT_DELETE, Traffic.READ, when_suspended=True),
    "cancelTenantDeletion": Rule(P.TENANT_DELETE, Traffic.WRITE, when_suspended=True),
    "listSecrets": _read(P.SECRETS_MANAGE),
    "putSecret": _write(P.SECRETS_MANAGE),
    "removeSecret": _write(P.SECRETS_MANAGE),
    # Customers
    "listCustomers": _read(P.CUSTOMERS_READ),
    "getCustomer": _read(P.CUSTOMERS_READ),
    "updateCustomer": _write(P.CUSTOMERS_VERIFY),
    "exportCustomer": Rule(P.CUSTOMERS_ERASE, Traffic.BULK),
    "eraseCustomer": Rule(P.CUSTOMERS_ERASE, Traffic.BULK),
    "getErasure": _read(P.CUSTOMERS_ERASE),
    "sendIdentityCode": Rule(P.CUSTOMERS_VERIFY, Traffic.SIGN_IN),
    "checkIdentityCode": Rule(P.CUSTOMERS_VERIFY, Traffic.SIGN_IN),
    # Audit
    "listAudit": _read(P.AUDIT_READ),
    "exportAudit": Rule(P.AUDIT_READ, Traffic.BULK),
    "verifyAudit": Rule(P.AUDIT_READ, Traffic.BULK),
    # Operators
    "decodePayloads": _read(P.CODEC_DECODE),
    # Providers
    "receiveWebhook": Rule(None, Traffic.WEBHOOK),
    "probeWebhook": Rule(None, Traffic.WEBHOOK),
    # Visitors of sites
    "getWidgetScript": _SHOWN,
    "getWidgetFrame": _SHOWN,
    "getSite": _SHOWN,
    "openVisit": Rule(None, Traffic.VISIT),
    "sendVisitorMessage": _visitors(Traffic.WRITE),
    "uploadVisitorFile": _visitors(Traffic.WRITE),
    "listVisitorMessages": _visitors(Traffic.READ),
    "streamVisit": _visitors(Traffic.STREAM),
    # Health
    "getHealth": _HEALTH,
    "getLiveness": _HEALTH,
    "getReadiness": _HEALTH,
    "getMetrics": _HEALTH,
}


def granted(role: Role, scopes: frozenset[str] | None, *, signed_in: bool) -> frozenset[Permission]:
    """What a caller may do: what the role may, within the key's scopes if it has any.

    A role that lost a permission takes it from all its keys; a scope never adds one.
    """
    permissions = ROLES[role]
    if scopes is not None:
        permissions = permissions & scopes
    return permissions | {Permission.SELF} if signed_in else permissions
