"""For load balancers and monitoring: no key, no tenant's data."""

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.gateway import InGateway
from api.problems import ProblemError, documented
from api.readiness import State
from api.schemas.base import Response as ResponseModel

router = APIRouter(tags=["health"])


class Health(ResponseModel):
    """`degraded`: messages are stored; answers come when what is missing is back."""

    status: Literal["ok", "degraded", "unavailable"]
    version: str
    database: bool
    schema_current: bool
    temporal: bool
    listening: bool


class Live(ResponseModel):
    status: Literal["ok"] = "ok"


def health_of(state: State, version: str) -> Health:
    status: Literal["ok", "degraded", "unavailable"] = "unavailable"
    if state.ready:
        status = "degraded" if state.degraded else "ok"
    return Health(
        status=status,
        version=version,
        database=state.database,
        schema_current=state.schema_current,
        temporal=state.temporal,
        listening=state.listening,
    )


@router.get("/health", operation_id="getHealth")
async def health(request: Request, gateway: InGateway) -> Health:
    """What works and what does not. Always 200: for people."""
    return health_of(await gateway.readiness.state(), request.app.version)


@router.get("/health/live", operation_id="getLiveness")
async def live() -> Live:
    """Whether the process runs. It says nothing about the servers behind it: a restart would not bring them back."""
    return Live()


@router.get("/health/ready", operation_id="getReadiness", responses=documented(503))
async def ready(request: Request, gateway: InGateway) -> Health:
    """Whether messages can be stored. Without Temporal they can: that is `degraded`, and still ready."""
    found = health_of(await gateway.readiness.state(), request.app.version)
    if found.status == "unavailable":
        cause = "The database cannot be reached." if not found.database else "The schema is not current: migrate."
        raise ProblemError(503, cause, headers={"Retry-After": "2"}, health=found.model_dump())
    return found


@router.get("/metrics", operation_id="getMetrics", response_class=Response)
async def metrics(gateway: InGateway) -> Response:
    """Metrics for Prometheus."""
    return Response(generate_latest(gateway.metrics.registry), media_type=CONTENT_TYPE_LATEST)
