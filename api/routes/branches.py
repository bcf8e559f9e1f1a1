"""Branches of a tenant."""

from uuid import UUID

from fastapi import APIRouter, Request

from api.audit import actor
from api.gateway import InGateway
from api.idempotency import IdempotentRoute
from api.identity.auth import Signed
from api.problems import ProblemError, documented, invalid, not_found
from api.schemas.branches import BranchChanges, BranchesOut, BranchIn, BranchOut
from models.contracts.audit import AuditAction
from models.repositories import assistants, audit, branches, tenants
from runtime.database import TenantTx

router = APIRouter(
    prefix="/v1/branches", tags=["tenant"], route_class=IdempotentRoute, responses=documented(401, 403, 422, 503)
)

AT_MOST = 1000
"""The list is not paged."""


@router.get("", operation_id="listBranches")
async def list_branches(gateway: InGateway, caller: Signed) -> BranchesOut:
    """All branches."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await branches.list_all(tx)
    return BranchesOut(items=[BranchOut.of(each) for each in found])


@router.post("", operation_id="createBranch", status_code=201, responses=documented(400, 409, 413))
async def create_branch(body: BranchIn, request: Request, gateway: InGateway, caller: Signed) -> BranchOut:
    """Add a branch. It gets messages when it has a channel account."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await tenants.lock(tx)
        if await branches.count(tx) >= AT_MOST:
            raise ProblemError(409, f"A tenant has {AT_MOST} branches at most.", kind="too-many-branches")
        await _check_assistant(tx, body.assistant_id)
        made = await branches.create(
            tx,
            slug=body.slug,
            name=body.name,
            knowledge_tag=body.knowledge_tag,
            assistant_id=body.assistant_id,
        )
        if made is None:
            raise ProblemError(409, f"There is a branch {body.slug} already.", kind="slug-taken")
        await audit.record(tx, actor(request, caller), AuditAction.BRANCH_CREATED, made.id)
    return BranchOut.of(made)


@router.patch("/{branch_id}", operation_id="updateBranch", responses=documented(400, 404, 413))
async def update_branch(
    branch_id: UUID, body: BranchChanges, request: Request, gateway: InGateway, caller: Signed
) -> BranchOut:
    """Change what is given."""
    changes = body.model_dump(exclude_unset=True)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await _check_assistant(tx, body.assistant_id)
        changed = await branches.update(tx, branch_id, changes)
        if changed is None:
            raise not_found("branch")
        fields = ",".join(sorted(changes))
        await audit.record(tx, actor(request, caller), AuditAction.BRANCH_CHANGED, branch_id, fields=fields)
    return BranchOut.of(changed)


@router.delete("/{branch_id}", operation_id="removeBranch", status_code=204, responses=documented(404, 409))
async def remove_branch(branch_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> None:
    """Remove a branch that nobody writes to, and that has no conversations. One branch always stays."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        # Of two that remove the last two branches, the second waits here and finds one.
        await tenants.lock(tx)
        if not await branches.lock(tx, branch_id):
            raise not_found("branch")
        if await branches.count(tx) == 1:
            raise ProblemError(409, "This is the last branch.", kind="last-branch")
        if await branches.in_use(tx, branch_id):
            raise ProblemError(
                409, "This branch has a channel account that is in use or has conversations.", kind="branch-in-use"
            )
        await branches.remove(tx, branch_id)
        await audit.record(tx, actor(request, caller), AuditAction.BRANCH_REMOVED, branch_id)


async def _check_assistant(tx: TenantTx, assistant_id: UUID | None) -> None:
    if assistant_id is not None and await assistants.get(tx, assistant_id) is None:
        raise invalid("assistant_id", "there is no such assistant")
