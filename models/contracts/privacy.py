"""Customers' privacy: erasing, retention, and telling who somebody is by a code. Only ids and counts cross here."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from models.contracts.base import Activity, Frozen, Workflow


class ErasureStatus(StrEnum):
    RUNNING = "running"
    DONE = "done"


class CodeOutcome(StrEnum):
    """What became of a code that a customer gave."""

    RIGHT = "right"
    WRONG = "wrong"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"
    """Wrong once too often: this code cannot be tried any more."""


class SendOutcome(StrEnum):
    """What became of a code that was to be sent."""

    SENT = "sent"
    NO_ADDRESS = "no_address"
    TOO_MANY = "too_many"
    REFUSED = "refused"


# Identity check -----------------------------------------------------------------------------------


class SendCodeInput(Frozen):
    """Sends a code to a customer. One that a conversation asks for is made here, under the id that is given;
    `message_id` is the customer's message that needs it."""

    tenant_id: UUID
    code_id: UUID
    conversation_id: UUID | None = None
    message_id: UUID | None = None


class CodeSent(Frozen):
    outcome: SendOutcome


SEND_CODE = Activity("send_identity_code", SendCodeInput, CodeSent)
IDENTITY_CODE = Workflow("identity_code", SendCodeInput, CodeSent)


# Erasing ------------------------------------------------------------------------------------------


class ErasureInput(Frozen):
    tenant_id: UUID
    erasure_id: UUID


class ToErase(Frozen):
    """Some of a customer's conversations, and all escalations of those. None: there are no more."""

    conversations: tuple[UUID, ...] = ()
    escalations: tuple[UUID, ...] = ()


class EndProcessesInput(Frozen):
    tenant_id: UUID
    found: ToErase


class EraseConversationsInput(Frozen):
    tenant_id: UUID
    erasure_id: UUID
    conversations: tuple[UUID, ...]


class CustomerErased(Frozen):
    """`erased` False: another conversation has been opened meanwhile."""

    erased: bool


FIND_TO_ERASE = Activity("find_to_erase", ErasureInput, ToErase)
END_PROCESSES = Activity("end_processes", EndProcessesInput, type(None))
ERASE_CONVERSATIONS = Activity("erase_conversations", EraseConversationsInput, type(None))
ERASE_CUSTOMER = Activity("erase_customer", ErasureInput, CustomerErased)
CLOSE_ERASURE = Activity("close_erasure", ErasureInput, type(None))
ERASURE = Workflow("erasure", ErasureInput, type(None))


# Retention ----------------------------------------------------------------------------------------


class RetentionInput(Frozen):
    """A day's run over all tenants. `after` and the counts carry it across continue-as-new."""

    after: UUID | None = None
    tenants: int = 0
    conversations: int = 0
    failed: int = 0


class TenantsInput(Frozen):
    """The next tenants by id."""

    after: UUID | None = None
    limit: int = 200


class Tenants(Frozen):
    tenants: tuple[UUID, ...]


class RetainInput(Frozen):
    """Erase what a tenant keeps no longer, as of `now`."""

    tenant_id: UUID
    now: datetime


class Retained(Frozen):
    """Rows that are gone."""

    conversations: int = 0
    technical: int = 0


NEXT_TENANTS = Activity("next_tenants", TenantsInput, Tenants)
RETAIN = Activity("retain", RetainInput, Retained)
RETENTION = Workflow("retention", RetentionInput, RetentionInput)
