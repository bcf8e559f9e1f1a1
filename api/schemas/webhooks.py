"""What other systems deliver to a channel account of the kind `api` or `email`."""

from uuid import UUID

from pydantic import ConfigDict, Field, StrictStr

from api.schemas.base import ExternalId, Name, Request, Response, Text


class WebhookCustomerIn(Request):
    external_id: ExternalId = Field(description="Your id of the customer: one conversation for each.")
    name: Name | None = None


class WebhookMessageIn(Request):
    """A customer's message."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "customer": {"external_id": "c-42", "name": "Aigerim"},
                    "text": "How do I get a refund?",
                    "message_id": "m-1",
                }
            ]
        }
    )

    customer: WebhookCustomerIn
    text: Text
    message_id: ExternalId = Field(description="Your id of the message: one that was delivered before has no effect.")


class WebhookMailIn(Request):
    """A mail, as JSON."""

    raw: StrictStr = Field(description="The mail as it travelled (RFC 5322), in base64.")


class WebhookReceipt(Response):
    """The message is stored. The ids are left out of the answer to a delivery that was here before."""

    duplicate: bool
    conversation_id: UUID | None = None
    message_id: UUID | None = None
