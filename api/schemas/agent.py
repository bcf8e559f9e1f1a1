"""Requests and responses of the one-question interface."""

from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas.base import MessageOut, Request, Response, Text
from api.schemas.escalations import EscalationOut
from models.contracts.enums import Language


class AskIn(Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"question": "How long does a refund take?"}]})

    question: Text
    language: Language | None = Field(None, description="To answer in; found out from the question, if left out.")


class AskOut(Response):
    """`answered`: from knowledge, with sources. `escalated`: a person was asked for. `pending`: not in time; the
    conversation goes on, and its events tell."""

    status: Literal["answered", "escalated", "pending"]
    conversation_id: UUID
    message_id: UUID
    reply: MessageOut | None = None
    escalation: EscalationOut | None = None


class AgentHealth(Response):
    """What answers are made with, and who is there to make them."""

    status: Literal["ok", "degraded"]
    embedding_provider: str
    embedding_model: str
    answerer: str
    llm_model: str | None
    temporal: bool
    pollers: dict[str, int] = Field(description="Workers that polled each queue lately; empty without Temporal.")
