"""One question, one answer, without a conversation: the playground, and whoever only wants to know."""

from fastapi import APIRouter, Response

from api.gateway import Gateway, InGateway
from api.idempotency import IdempotentRoute
from api.identity.auth import Signed, may
from api.limits import check_length
from api.permissions import Permission
from api.problems import ProblemError, documented, unavailable
from api.processes import OUTAGES
from api.schemas.agent import AgentHealth, AskIn, AskOut, EndpointOut, RouteOut
from models.contracts.answering import Question
from models.contracts.assistants import DEFAULT_ROUTE
from models.repositories import usage
from models.repositories.tenants import Caller

router = APIRouter(
    prefix="/v1/agent", tags=["agent"], route_class=IdempotentRoute, responses=documented(401, 403, 422, 503)
)


@router.post("/ask", operation_id="ask", responses=documented(400, 409, 413))
async def ask(body: AskIn, response: Response, gateway: InGateway, caller: Signed) -> AskOut:
    """Answer a question as a conversation's turn would, and keep nothing of it but what it cost.

    Nobody is called: to have a person asked, open a conversation. `Server-Timing` says how long each step took.
    """
    check_length("question", body.question, gateway.settings.message_max_chars)
    if body.explain and not may(caller, Permission.AGENT_EXPLAIN):
        raise ProblemError(403, "Only an owner or an admin may see why: leave explain out.")
    if gateway.answerer is None:
        raise unavailable("This gateway has no means to answer.")
    question = Question(text=body.question, language=body.language, assistant=body.assistant, explain=body.explain)
    answered = await gateway.answerer.ask(caller.tenant_id, question)
    response.headers["Server-Timing"] = ", ".join(
        f"{step};dur={taken}" for step, taken in answered.milliseconds.items()
    )
    return AskOut.of(answered)


@router.get("/health", operation_id="getAgentHealth")
async def agent_health(gateway: InGateway, caller: Signed) -> AgentHealth:
    """What answers are made with: workers, models, their circuits and keys as this gateway has found them."""
    settings = gateway.settings
    try:
        pollers = await gateway.processes.pollers()
    except OUTAGES:
        pollers = {}
    routes = await _routes(gateway, caller)
    first = next((route.endpoints[0] for route in routes if route.name == DEFAULT_ROUTE), None)
    answering = all(any(endpoint.usable for endpoint in route.endpoints) for route in routes)
    return AgentHealth(
        status="ok" if pollers and all(pollers.values()) and answering else "degraded",
        embedding_provider=settings.embedding_provider,
        embedding_model=settings.embedding_model,
        answerer=settings.llm_provider if first is None else first.provider,
        llm_model=None if first is None else first.model,
        temporal=bool(pollers),
        pollers=pollers,
        routes=routes,
    )


async def _routes(gateway: Gateway, caller: Caller) -> tuple[RouteOut, ...]:
    if gateway.answerer is None:
        return ()
    async with gateway.records.tenant(caller.tenant_id) as tx:
        lately = {row.endpoint: row for row in await usage.lately(tx)}

    def shown(endpoint: EndpointOut) -> EndpointOut:
        row = lately.get(endpoint.name)
        return endpoint if row is None else endpoint.model_copy(update={"calls": row.calls, "failed": row.failed})

    return tuple(
        RouteOut(
            name=route.name,
            endpoints=tuple(shown(EndpointOut.model_validate(each.model_dump())) for each in route.endpoints),
        )
        for route in gateway.answerer.health()
    )
