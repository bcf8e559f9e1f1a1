"""One question, one answer: a conversation that is never asked back."""

from fastapi import APIRouter, Response

from api import intake
from api.gateway import InGateway
from api.idempotency import IdempotentRoute
from api.identity.auth import Signed
from api.limits import check_length
from api.problems import documented
from api.processes import OUTAGES
from api.schemas.agent import AgentHealth, AskIn, AskOut
from api.schemas.conversations import CustomerIn
from api.schemas.escalations import EscalationOut
from models.contracts.enums import ChannelKind
from models.repositories import escalations

router = APIRouter(
    prefix="/v1/agent", tags=["agent"], route_class=IdempotentRoute, responses=documented(401, 403, 422, 503)
)

ASK_SECONDS = 30.0


@router.post(
    "/ask",
    operation_id="ask",
    responses={202: {"model": AskOut, "description": "Not answered in time"}, **documented(400, 409, 413)},
)
async def ask(body: AskIn, response: Response, gateway: InGateway, caller: Signed) -> AskOut:
    """Answer a question from knowledge, or ask for a person. Waits up to 30 seconds for that."""
    check_length("question", body.question, gateway.settings.message_max_chars)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        customer = CustomerIn(language=body.language)
        conversation, _ = await intake.open_conversation(tx, ChannelKind.API, customer, one_shot=True)
        accepted = await intake.store(tx, conversation, body.question, None)
    receipt = await intake.deliver(gateway, accepted, ASK_SECONDS)
    if receipt.reply is None and receipt.state is None:
        response.status_code = 202
        return AskOut(status="pending", conversation_id=conversation, message_id=receipt.message_id)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        escalation = await escalations.latest(tx, conversation)
    return AskOut(
        status="answered" if escalation is None else "escalated",
        conversation_id=conversation,
        message_id=receipt.message_id,
        reply=receipt.reply,
        escalation=None if escalation is None else EscalationOut.of(escalation),
    )


@router.get("/health", operation_id="getAgentHealth")
async def agent_health(gateway: InGateway, caller: Signed) -> AgentHealth:  # noqa: ARG001  # the key is what counts
    """What answers are made with, and how many workers are there to make them."""
    settings = gateway.settings
    try:
        pollers = await gateway.processes.pollers()
    except OUTAGES:
        pollers = {}
    return AgentHealth(
        status="ok" if pollers and all(pollers.values()) else "degraded",
        embedding_provider=settings.embedding_provider,
        embedding_model=settings.embedding_model,
        answerer=settings.llm_provider,
        llm_model=settings.llm_model,
        temporal=bool(pollers),
        pollers=pollers,
    )
