"""What knowledge could not answer, ranked by who asks; and what may be wrong with what it says."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from api.audit import actor
from api.gateway import InGateway
from api.idempotency import IdempotentRoute
from api.identity.auth import Signed, may
from api.permissions import Permission
from api.problems import ProblemError, documented, not_found, unavailable
from api.schemas.base import Page, paged
from api.schemas.gaps import (
    ContradictionOut,
    ExampleOut,
    GapDetail,
    GapOut,
    GapsQuery,
    HealthOut,
    HealthQuery,
    PageOut,
    PassageOut,
    ReviewStarted,
)
from models.contracts.audit import AuditAction
from models.contracts.learning import ReviewInput
from models.repositories import audit, gap_queue, knowledge_health, tenants
from models.repositories.tenants import Caller
from runtime.database import TenantTx

router = APIRouter(
    prefix="/v1/kb", tags=["learning"], route_class=IdempotentRoute, responses=documented(401, 403, 422, 503)
)

EXAMPLES = 20
CHANGED = documented(400, 404, 409, 413)


@router.get("/gaps", operation_id="listGaps")
async def list_gaps(query: Annotated[GapsQuery, Query()], gateway: InGateway, caller: Signed) -> Page[GapOut]:
    """Gaps, those that most customers asked about first, then the latest."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await gap_queue.page(tx, status=query.status, after=query.cursor, limit=query.limit + 1)
    texts = _reads_texts(caller)
    return paged([GapOut.of(each, texts=texts) for each in found], query.limit, [each.id for each in found])


@router.get("/gaps/{gap_id}", operation_id="getGap", responses=documented(404))
async def get_gap(gap_id: UUID, gateway: InGateway, caller: Signed) -> GapDetail:
    """A gap with the latest questions."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        shown = await _shown(tx, gap_id, caller)
        found = await gap_queue.examples(tx, gap_id, EXAMPLES)
    texts = _reads_texts(caller)
    return GapDetail(**dict(shown), examples=[ExampleOut.of(each, texts=texts) for each in found])


@router.post("/gaps/{gap_id}/draft", operation_id="draftGap", responses=CHANGED)
async def draft(gap_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> GapOut:
    """Take what a manager answered to one of its questions as the draft; edit and approve it at /v1/learned."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await _shown(tx, gap_id, caller)
        if not await gap_queue.draft(tx, gap_id):
            raise ProblemError(
                409, "No manager has answered it yet. Add a page that does, and it closes by itself.", kind="no-answer"
            )
        return await _changed(tx, request, caller, gap_id)


@router.post("/gaps/{gap_id}/close", operation_id="closeGap", responses=CHANGED)
async def close(gap_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> GapOut:
    """Done. The next customer whom knowledge cannot answer opens it again."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if not await gap_queue.close(tx, gap_id, caller.member_id):
            raise not_found("gap")
        return await _changed(tx, request, caller, gap_id)


@router.post("/gaps/{gap_id}/ignore", operation_id="ignoreGap", responses=CHANGED)
async def ignore(gap_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> GapOut:
    """Never mind, whoever asks."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if not await gap_queue.ignore(tx, gap_id):
            raise not_found("gap")
        return await _changed(tx, request, caller, gap_id)


@router.post("/review", operation_id="reviewKnowledge", status_code=202, responses=documented(400, 409, 413))
async def review(gateway: InGateway, caller: Signed) -> ReviewStarted:
    """Gather new questions, ask gaps again and look for contradictions now; otherwise that is done every night."""
    if not await gateway.processes.review(ReviewInput(tenant_id=caller.tenant_id)):
        raise unavailable("Nobody can be told to do it now.")
    return ReviewStarted(started=True)


@router.get("/health", operation_id="getKnowledgeHealth")
async def get_health(query: Annotated[HealthQuery, Query()], gateway: InGateway, caller: Signed) -> HealthOut:
    """Passages that may contradict each other, old pages that answers rest on, pages that no answer cites."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        days = (await tenants.get_settings(tx)).learning.stale_days
        pairs = await knowledge_health.disagreeing(tx, query.limit)
        stale = await knowledge_health.stale(tx, days, query.limit)
        unused = await knowledge_health.never_cited(tx, query.limit)
    return HealthOut(
        contradictions=[
            ContradictionOut(older=PassageOut.of(older), newer=PassageOut.of(newer)) for older, newer in pairs
        ],
        stale=[PageOut.of(each) for each in stale],
        never_cited=[PageOut.of(each) for each in unused],
    )


def _reads_texts(caller: Caller) -> bool:
    """A gap's questions are customers' messages."""
    return may(caller, Permission.CONVERSATIONS_READ)


async def _shown(tx: TenantTx, gap_id: UUID, caller: Caller) -> GapOut:
    found = await gap_queue.get(tx, gap_id)
    if found is None:
        raise not_found("gap")
    return GapOut.of(found, texts=_reads_texts(caller))


async def _changed(tx: TenantTx, request: Request, caller: Caller, gap_id: UUID) -> GapOut:
    shown = await _shown(tx, gap_id, caller)
    await audit.record(tx, actor(request, caller), AuditAction.GAP_CHANGED, gap_id, status=shown.status.value)
    return shown
