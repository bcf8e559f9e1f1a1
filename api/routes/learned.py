"""Learned answers: reviewed by those who look after knowledge, and published by the way that all pages take."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from api.audit import actor
from api.gateway import Gateway, InGateway
from api.idempotency import IdempotentRoute
from api.identity.auth import Signed
from api.limits import check_length, check_room
from api.problems import ProblemError, documented, invalid, not_found, unavailable
from api.schemas.base import Page, paged
from api.schemas.learned import LearnedChanges, LearnedDetail, LearnedOut, LearnedQuery, OtherOut
from models.contracts.audit import AuditAction
from models.contracts.enums import LearnedStatus
from models.contracts.ingest import IngestInput
from models.repositories import audit, knowledge, learned, learned_queue
from models.repositories.learned import Entry, Staged
from runtime.database import TenantTx

router = APIRouter(
    prefix="/v1/learned", tags=["learning"], route_class=IdempotentRoute, responses=documented(401, 403, 422, 503)
)
REVIEWED = documented(400, 404, 409, 413)


@router.get("", operation_id="listLearned")
async def list_learned(query: Annotated[LearnedQuery, Query()], gateway: InGateway, caller: Signed) -> Page[LearnedOut]:
    """What managers answered, the oldest first; `status=proposed` waits for review."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await learned_queue.page(
            tx, status=query.status, contradicted=query.contradicted, after=query.cursor, limit=query.limit + 1
        )
    return paged([LearnedOut.of(each) for each in found], query.limit, [each.id for each in found])


@router.get("/{learned_id}", operation_id="getLearned", responses=documented(404))
async def get_learned(learned_id: UUID, gateway: InGateway, caller: Signed) -> LearnedDetail:
    """An entry with the other answers to its question."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await learned_queue.get(tx, learned_id)
        if found is None:
            raise not_found("learned answer")
        others = await learned_queue.others(tx, learned_id)
    return LearnedDetail(**dict(LearnedOut.of(found)), others=[OtherOut.of(each) for each in others])


@router.post("/{learned_id}/approve", operation_id="approveLearned", responses=REVIEWED)
async def approve(learned_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> LearnedOut:
    """Make it knowledge; the bot answers from it seconds later."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        entry = await _entry(tx, learned_id, LearnedStatus.PROPOSED, LearnedStatus.APPROVED)
        check_room(gateway.settings, await knowledge.held(tx), len(entry.answer.encode()))
        if entry.status is LearnedStatus.APPROVED:
            staged = await learned.publish(tx, entry)
        else:
            await audit.record(tx, actor(request, caller), AuditAction.LEARNED_APPROVED, learned_id)
            staged = await learned.approve(tx, entry, caller.member_id)
        shown = await _shown(tx, learned_id)
    await _ingest(gateway, caller.tenant_id, staged)
    return shown


@router.post("/{learned_id}/reject", operation_id="rejectLearned", responses=REVIEWED)
async def reject(learned_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> LearnedOut:
    """Keep it out of knowledge."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        entry = await _entry(tx, learned_id, LearnedStatus.PROPOSED)
        await learned.reject(tx, entry, caller.member_id)
        await audit.record(tx, actor(request, caller), AuditAction.LEARNED_REJECTED, learned_id)
        return await _shown(tx, learned_id)


@router.post("/{learned_id}/edit", operation_id="editLearned", responses=REVIEWED)
async def edit(
    learned_id: UUID, body: LearnedChanges, request: Request, gateway: InGateway, caller: Signed
) -> LearnedOut:
    """Change its words; if it is knowledge already, the new words replace the old ones there."""
    if body.question is None and body.answer is None:
        raise invalid("answer", "give a question, an answer, or both")
    check_length("question", body.question or "", gateway.settings.message_max_chars)
    check_length("answer", body.answer or "", gateway.settings.message_max_chars)
    staged = None
    async with gateway.records.tenant(caller.tenant_id) as tx:
        entry = await _entry(tx, learned_id, LearnedStatus.PROPOSED, LearnedStatus.APPROVED)
        await audit.record(tx, actor(request, caller), AuditAction.LEARNED_EDITED, learned_id)
        changed = await learned.edit(
            tx, entry, question=body.question or entry.question, answer=body.answer or entry.answer
        )
        if entry.status is LearnedStatus.APPROVED:
            check_room(gateway.settings, await knowledge.held(tx), len(changed.answer.encode()))
            staged = await learned.publish(tx, changed)
        shown = await _shown(tx, learned_id)
    if staged is not None:
        await _ingest(gateway, caller.tenant_id, staged)
    return shown


@router.post("/{learned_id}/undo", operation_id="undoLearned", responses=REVIEWED)
async def undo(learned_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> LearnedOut:
    """Take the review back: it waits again, and what was knowledge is none from now on."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        entry = await _entry(tx, learned_id, LearnedStatus.APPROVED, LearnedStatus.REJECTED)
        await learned.undo(tx, entry)
        await audit.record(tx, actor(request, caller), AuditAction.LEARNED_UNDONE, learned_id)
        return await _shown(tx, learned_id)


async def _entry(tx: TenantTx, learned_id: UUID, *expected: LearnedStatus) -> Entry:
    """The entry, locked. Raises ProblemError: 404, or 409 when it stands otherwise."""
    found = await learned.get_for_update(tx, learned_id)
    if found is None:
        raise not_found("learned answer")
    if found.status not in expected:
        raise ProblemError(409, f"The learned answer is {found.status.value}.", kind="not-allowed")
    return found


async def _shown(tx: TenantTx, learned_id: UUID) -> LearnedOut:
    found = await learned_queue.get(tx, learned_id)
    assert found is not None, "it is locked"
    return LearnedOut.of(found)


async def _ingest(gateway: Gateway, tenant: UUID, staged: Staged) -> None:
    start = IngestInput(tenant_id=tenant, source_id=staged.source_id, job_id=staged.job_id)
    if not await gateway.processes.ingest(start):
        raise unavailable("It is stored, but nobody could be told to make it knowledge: approve it again.")
