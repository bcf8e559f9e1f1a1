"""Knowledge embedded anew, now or by a schedule, while it is searched."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.audit import actor
from api.gateway import InGateway
from api.idempotency import IdempotentRoute
from api.identity.auth import Signed
from api.problems import documented, invalid, not_found, unavailable
from api.schemas.base import Page, paged
from api.schemas.reindex import ReindexesQuery, ReindexOut, ScheduleIn, ScheduleOut
from models.contracts.audit import AuditAction
from models.contracts.reindex import ReindexInput
from models.contracts.routing import reindex_id as process_id
from models.repositories import audit, reindexing
from models.schedules import InvalidCronError
from runtime.ids import new_id

router = APIRouter(
    prefix="/v1/kb", tags=["knowledge"], route_class=IdempotentRoute, responses=documented(401, 403, 422, 503)
)


@router.post("/reindex", operation_id="reindex", status_code=202, responses=documented(400, 409))
async def reindex(request: Request, gateway: InGateway, caller: Signed) -> ReindexOut:
    """Move knowledge to the next embedding model, or bring it up to date where there is none. One that is under way
    goes on; watch it at /v1/kb/reindex/{id}."""
    wanted = new_id()
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found, made = await reindexing.request(tx, process_id(caller.tenant_id, wanted), wanted)
        if made:
            await audit.record(tx, actor(request, caller), AuditAction.REINDEX_ASKED, found)
        job = await reindexing.get(tx, found)
    assert job is not None, "it was there just now"
    if not await gateway.processes.reindex(ReindexInput(tenant_id=caller.tenant_id, reindex_id=found)):
        raise unavailable("The request is stored, but nobody could be told to carry it out: repeat it.")
    return ReindexOut.of(job)


@router.get("/reindex", operation_id="listReindexes")
async def list_reindexes(
    query: Annotated[ReindexesQuery, Query()], gateway: InGateway, caller: Signed
) -> Page[ReindexOut]:
    """Re-indexes, the latest first."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await reindexing.list_recent(tx, before=query.cursor, limit=query.limit + 1)
    return paged([ReindexOut.of(each) for each in found], query.limit, [each.id for each in found])


@router.get("/reindex/{reindex_id}", operation_id="getReindex", responses=documented(404))
async def get_reindex(reindex_id: UUID, gateway: InGateway, caller: Signed) -> ReindexOut:
    """How far a re-index is."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await reindexing.get(tx, reindex_id)
    if found is None:
        raise not_found("re-index")
    return ReindexOut.of(found)


@router.put("/schedule", operation_id="putReindexSchedule", responses=documented(400, 413))
async def put_schedule(body: ScheduleIn, request: Request, gateway: InGateway, caller: Signed) -> ScheduleOut:
    """Re-index by a schedule, in place of the one before. A run that is due while another is under way is skipped."""
    try:
        await gateway.processes.put_reindex_schedule(caller.tenant_id, body.schedule())
    except InvalidCronError:
        raise invalid("cron", "must be five fields of a cron expression, as 0 3 * * 0") from None
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await audit.record(tx, actor(request, caller), AuditAction.REINDEX_SCHEDULED, caller.tenant_id)
    stored = await gateway.processes.reindex_schedule(caller.tenant_id)
    return ScheduleOut.of(stored or body.schedule())


@router.get("/schedule", operation_id="getReindexSchedule", responses=documented(404))
async def get_schedule(gateway: InGateway, caller: Signed) -> ScheduleOut:
    """When knowledge is re-indexed."""
    found = await gateway.processes.reindex_schedule(caller.tenant_id)
    if found is None:
        raise not_found("schedule")
    return ScheduleOut.of(found)


@router.delete("/schedule", operation_id="deleteReindexSchedule", status_code=204, responses=documented(404))
async def delete_schedule(request: Request, gateway: InGateway, caller: Signed) -> Response:
    """Re-index by no schedule any more."""
    if not await gateway.processes.delete_reindex_schedule(caller.tenant_id):
        raise not_found("schedule")
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await audit.record(tx, actor(request, caller), AuditAction.REINDEX_UNSCHEDULED, caller.tenant_id)
    return Response(status_code=204)
