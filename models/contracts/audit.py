"""What is written to the audit log: who did what. The words are stable, for those who search it."""

from enum import StrEnum


class ActorKind(StrEnum):
    """Who acted. An operator works on the command line of the installation; the system acts by itself."""

    MEMBER = "member"
    API_KEY = "api_key"
    CUSTOMER = "customer"
    ANONYMOUS = "anonymous"
    OPERATOR = "operator"
    SYSTEM = "system"


class AuditAction(StrEnum):
    """`<what>.<done to it>`."""

    # Signing in
    SIGNED_IN = "session.started"
    SIGN_IN_FAILED = "session.refused"
    SIGNED_OUT = "session.ended"
    REFRESH_REUSED = "session.refresh_reused"
    # People and keys
    MEMBER_REGISTERED = "member.registered"
    MEMBER_INVITED = "member.invited"
    MEMBER_JOINED = "member.joined"
    MEMBER_CHANGED = "member.changed"
    MEMBER_REMOVED = "member.removed"
    EMAIL_CONFIRMED = "member.email_confirmed"
    PASSWORD_CHANGED = "member.password_changed"  # noqa: S105  # an action
    PASSWORD_RESET_ASKED = "member.password_reset_asked"  # noqa: S105  # an action
    PASSWORD_RESET = "member.password_reset"  # noqa: S105  # an action
    TOTP_ADDED = "member.totp_added"
    TOTP_REMOVED = "member.totp_removed"
    RECOVERY_CODE_USED = "member.recovery_code_used"
    RECOVERY_CODES_RENEWED = "member.recovery_codes_renewed"
    KEY_CREATED = "api_key.created"
    KEY_ROTATED = "api_key.rotated"
    KEY_REVOKED = "api_key.revoked"
    # The tenant
    TENANT_CREATED = "tenant.created"
    TENANT_CHANGED = "tenant.changed"
    TENANT_SUSPENDED = "tenant.suspended"
    TENANT_RESUMED = "tenant.resumed"
    TENANT_EXPORTED = "tenant.exported"
    TENANT_EXPORT_FETCHED = "tenant.export_fetched"
    TENANT_DELETION_ASKED = "tenant.deletion_asked"
    TENANT_DELETION_CANCELLED = "tenant.deletion_cancelled"
    SETTINGS_CHANGED = "tenant.settings_changed"
    POLICY_CHANGED = "tenant.policy_changed"
    ASSISTANT_CREATED = "assistant.created"
    ASSISTANT_CHANGED = "assistant.changed"
    ASSISTANT_REMOVED = "assistant.removed"
    PROMPT_ADDED = "assistant.prompt_added"
    PROMPT_ACTIVATED = "assistant.prompt_activated"
    BRANCH_CREATED = "branch.created"
    BRANCH_CHANGED = "branch.changed"
    BRANCH_REMOVED = "branch.removed"
    CHANNEL_ACCOUNT_CREATED = "channel_account.created"
    CHANNEL_ACCOUNT_CHANGED = "channel_account.changed"
    CHANNEL_ACCOUNT_REMOVED = "channel_account.removed"
    CHANNEL_SECRET_ROTATED = "channel_account.secret_rotated"  # noqa: S105  # an action
    DESK_CREATED = "desk.created"
    DESK_LINKED = "desk.linked"
    DESK_REMOVED = "desk.removed"
    DESK_CODE_GIVEN = "desk.code_given"
    SECRET_STORED = "secret.stored"  # noqa: S105  # an action
    SECRET_REMOVED = "secret.removed"  # noqa: S105  # an action
    KEYS_ROTATED = "encryption_keys.rotated"
    # Customers
    CUSTOMER_CHANGED = "customer.changed"
    CUSTOMER_EXPORTED = "customer.exported"
    CUSTOMER_ERASURE_ASKED = "customer.erasure_asked"
    CUSTOMER_ERASED = "customer.erased"
    CUSTOMER_CODE_SENT = "customer.code_sent"
    CUSTOMER_VERIFIED = "customer.verified"
    CUSTOMER_VERIFICATION_FAILED = "customer.verification_failed"
    RETENTION_APPLIED = "retention.applied"
    # Knowledge and the log itself
    SOURCE_STORED = "source.stored"
    SOURCE_DELETED = "source.deleted"
    CRAWL_ASKED = "crawl.asked"
    CRAWL_CANCELLED = "crawl.cancelled"
    CRAWL_UNSCHEDULED = "crawl.unscheduled"
    REINDEX_ASKED = "reindex.asked"
    REINDEX_SCHEDULED = "reindex.scheduled"
    REINDEX_UNSCHEDULED = "reindex.unscheduled"
    LEARNED_APPROVED = "learned.approved"
    LEARNED_REJECTED = "learned.rejected"
    LEARNED_EDITED = "learned.edited"
    LEARNED_UNDONE = "learned.undone"
    GAP_CHANGED = "gap.changed"
    AUDIT_EXPORTED = "audit.exported"
