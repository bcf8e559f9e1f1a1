"""Requests and responses about escalations and managers' commands."""

from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from api.schemas.base import Instant, MessageOut, PageQuery, Person, Request, Response, Text
from api.schemas.conversations import ConversationOut
from models.contracts.conversation import EscalationRef
from models.contracts.enums import ConversationState, EscalationReason, EscalationStatus
from models.repositories.escalations import Escalation


class CommandIn(Request):
    """Who acts: the key's own member, or, for owners' and admins' keys, the one named here."""

    member_id: UUID | None = None


class ReplyIn(CommandIn):
    """Words, files (see `uploadAttachment`), or both."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "I have sent you a new link."}]})

    text: Text | None = None
    attachment_ids: list[UUID] = Field(default=[], max_length=10)

    @model_validator(mode="after")
    def _says_something(self) -> "ReplyIn":
        if self.text is None and not self.attachment_ids:
            raise ValueError("must have a text, or attachment_ids")
        return self


class ReassignIn(CommandIn):
    to: UUID = Field(description="The member who is to have it.")


class EscalationsQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")
    status: EscalationStatus | None = None


class EscalationOut(Response):
    """A request for a person."""

    id: UUID
    conversation_id: UUID
    number: int = Field(description="Counts the escalations of this conversation.")
    status: EscalationStatus
    reason: EscalationReason
    offered_to: Person | None
    taken_by: Person | None
    taken_at: Instant | None
    closed_by: Person | None
    closed_at: Instant | None
    created_at: Instant
    customer_verified: bool = Field(description="The customer gave the code that was sent to the address on file.")

    @classmethod
    def of(cls, escalation: Escalation) -> "EscalationOut":
        def person(member: UUID | None, name: str | None) -> Person | None:
            return None if member is None else Person(id=member, name=name or "")

        return cls(
            id=escalation.id,
            conversation_id=escalation.conversation_id,
            number=escalation.number,
            status=escalation.status,
            reason=escalation.reason,
            offered_to=person(escalation.offered_to, escalation.offered_to_name),
            taken_by=person(escalation.taken_by, escalation.taken_by_name),
            taken_at=escalation.taken_at,
            closed_by=person(escalation.closed_by, escalation.closed_by_name),
            closed_at=escalation.closed_at,
            created_at=escalation.created_at,
            customer_verified=escalation.customer_verified,
        )


class EscalationDetail(EscalationOut):
    """What a manager needs in order to act."""

    conversation: ConversationOut
    trigger: MessageOut | None = Field(description="The customer's message that led here.")
    messages: list[MessageOut] = Field(description="The last messages of the conversation, oldest first.")


class EscalationBrief(Response):
    """An escalation as its conversation knows it: who has it, who ended it."""

    id: UUID
    number: int
    status: EscalationStatus
    reason: EscalationReason
    offered_to: Person | None
    taken_by: Person | None
    closed_by: Person | None

    @classmethod
    def of(cls, escalation: EscalationRef, names: dict[UUID, str]) -> "EscalationBrief":
        def person(member: UUID | None) -> Person | None:
            return None if member is None else Person(id=member, name=names.get(member, ""))

        return cls(
            id=escalation.id,
            number=escalation.number,
            status=escalation.status,
            reason=escalation.reason,
            offered_to=person(escalation.offered_to),
            taken_by=person(escalation.taken_by),
            closed_by=person(escalation.closed_by),
        )


class CommandOut(Response):
    """What a command led to. `recorded` is true once lists and details show it, which takes milliseconds."""

    conversation_id: UUID
    state: ConversationState
    version: int
    recorded: bool
    escalation: EscalationBrief | None
