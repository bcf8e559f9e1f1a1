"""Requests and responses about customers."""

from typing import Annotated, Any, Literal
from uuid import UUID

import phonenumbers
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from api.schemas.base import ExternalId, Instant, Name, PageQuery, Request, Response
from api.schemas.people import Email
from models.contracts.enums import Language
from models.contracts.privacy import CodeOutcome, ErasureStatus
from models.repositories.customers import Customer
from models.repositories.erasure import Erasure
from models.repositories.identity_codes import DIGITS, Checked


def phone_number(value: str) -> str:
    """A number as it is stored and compared: `+` and digits. Raises ValueError."""
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        # The library's own words quote the input.
        raise ValueError("must be a phone number with its country, like +7 701 123 45 67") from None
    if not phonenumbers.is_valid_number(number):
        raise ValueError("must be a phone number that there can be")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


Phone = Annotated[str, Field(min_length=8, max_length=30, examples=["+7 701 123 45 67"]), AfterValidator(phone_number)]


class CustomersQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")
    external_id: ExternalId | None = None


class CustomerPatch(Request):
    """What is left out stays; null takes it away."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "aigerim@example.com"}]})

    name: Name | None = None
    email: Email | None = Field(
        None, description="Where a code is sent to tell who the customer is. A new one ends what the old one has shown."
    )
    phone: Phone | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "CustomerPatch":
        if not self.model_fields_set:
            raise ValueError("name, email or phone must be there")
        return self


class CustomerDetail(Response):
    id: UUID
    external_id: str | None
    name: str | None
    language: Language | None
    email: str | None
    phone: str | None
    verified_until: Instant | None = Field(description="Until when the customer counts as who they say.")
    verified_in: UUID | None = Field(description="The conversation in which they do.")
    conversations: int
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, customer: Customer) -> "CustomerDetail":
        return cls.model_validate(customer, from_attributes=True)


class CustomerExport(Response):
    """All that is kept of a customer. Fields are those of the records, and may grow."""

    customer: dict[str, Any]
    conversations: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    attachments: list[dict[str, Any]] = Field(description="Files, with a `url` to fetch each from within an hour.")
    escalations: list[dict[str, Any]]
    sends: list[dict[str, Any]]
    events: list[dict[str, Any]]
    learned_answers: list[dict[str, Any]]
    knowledge_documents: list[dict[str, Any]] = Field(description="Pages that were made of the customer's questions.")
    identity_codes: list[dict[str, Any]]
    identity_checks: list[dict[str, Any]]


class ErasureAsked(Response):
    erasure_id: UUID


class ErasureOut(Response):
    id: UUID
    customer_id: UUID
    status: ErasureStatus
    removed: dict[str, int] = Field(description="Rows that are gone, by kind.")
    created_at: Instant
    finished_at: Instant | None

    @classmethod
    def of(cls, erasure: Erasure) -> "ErasureOut":
        return cls.model_validate(erasure, from_attributes=True)


class IdentityCodeIn(Request):
    conversation_id: UUID | None = Field(
        None, description="The conversation in which the customer will count as verified. None: in no conversation."
    )


class IdentityCodeAsked(Response):
    """A code is on its way. It is shown to nobody but the customer."""

    id: UUID
    minutes: int = Field(description="How long it will be good for.")


class IdentityCheckIn(Request):
    code: Annotated[str, StringConstraints(pattern=rf"^[0-9]{{{DIGITS}}}$")]


class IdentityCheckOut(Response):
    outcome: CodeOutcome | Literal["none"] = Field(description="`none`: no code was sent in the last hour.")
    verified: bool
    verified_until: Instant | None
    tries_left: int

    @classmethod
    def of(cls, checked: Checked | None) -> "IdentityCheckOut":
        if checked is None:
            return cls(outcome="none", verified=False, verified_until=None, tries_left=0)
        return cls(
            outcome=checked.outcome,
            verified=checked.outcome is CodeOutcome.RIGHT,
            verified_until=checked.verified_until,
            tries_left=checked.tries_left,
        )
