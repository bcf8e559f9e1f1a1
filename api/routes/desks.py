"""Managers' desks: groups with a topic for each conversation, and the codes by which groups and people are linked.

No idempotency keys: a code must not be kept to be given out again.
"""

from uuid import UUID

from fastapi import APIRouter, Request

from api.audit import actor
from api.gateway import InGateway
from api.identity.auth import Signed
from api.problems import ProblemError, documented, invalid, not_found, unavailable
from api.schemas.desks import DeskIn, DeskOut, DesksOut, DeskWithLink, LinkOut
from models.contracts.audit import AuditAction
from models.contracts.lanes import Lane
from models.repositories import audit, desk_posts, desks
from models.repositories.desks import TakenError
from runtime.database import TenantTx

router = APIRouter(prefix="/v1/desks", tags=["channels"], responses=documented(401, 403, 422, 503))

MISSING = {
    "channel_account_id": "there is no such account of Telegram",
    "branch_id": "there is no such branch",
}


@router.get("", operation_id="listDesks")
async def list_desks(gateway: InGateway, caller: Signed) -> DesksOut:
    """All desks: a branch has one at most."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        waiting = await desk_posts.waiting(tx)
        return DesksOut(items=[DeskOut.of(each, waiting.get(each.id, 0)) for each in await desks.list_all(tx)])


@router.post("", operation_id="createDesk", status_code=201, responses=documented(400, 409, 413))
async def create_desk(body: DeskIn, request: Request, gateway: InGateway, caller: Signed) -> DeskWithLink:
    """Make a desk. Add the bot to a group with topics, as an administrator that may manage them, and write the link's
    command there: then the group is the desk."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        try:
            made = await desks.create(tx, body.channel_account_id, body.branch_id)
        except LookupError as error:
            field = str(error.args[0])
            raise invalid(field, MISSING[field]) from None
        except TakenError:
            raise ProblemError(409, "The branch has a desk already.", kind="taken") from None
        await audit.record(tx, actor(request, caller), AuditAction.DESK_CREATED, made)
        code = await desks.new_link(tx, made)
        return DeskWithLink(**dict(await _shown(tx, made)), link=_link(code))


@router.post("/people/me", operation_id="linkMyself")
async def link_myself(request: Request, gateway: InGateway, caller: Signed) -> LinkOut:
    """A code for the caller: whoever writes it to one of the bots is them at the desks from then on."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        code = await desks.new_person_link(tx, caller.member_id)
        await audit.record(tx, actor(request, caller), AuditAction.DESK_CODE_GIVEN, caller.member_id)
    return LinkOut(code=code, command=f"/me {code}")


@router.get("/{desk_id}", operation_id="getDesk", responses=documented(404))
async def get_desk(desk_id: UUID, gateway: InGateway, caller: Signed) -> DeskOut:
    """One desk, whether its group can be posted to, and what is missing."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        return await _shown(tx, desk_id)


@router.post("/{desk_id}/link", operation_id="linkDesk", responses=documented(404))
async def link_desk(desk_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> DeskWithLink:
    """Another code, in place of any before it: for a desk without a group, or to move it to another one."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        shown = await _shown(tx, desk_id)
        code = await desks.new_link(tx, desk_id)
        await audit.record(tx, actor(request, caller), AuditAction.DESK_CODE_GIVEN, desk_id)
    return DeskWithLink(**dict(shown), link=_link(code))


@router.post("/{desk_id}/check", operation_id="checkDesk", responses=documented(404))
async def check_desk(desk_id: UUID, gateway: InGateway, caller: Signed) -> DeskOut:
    """Look whether the bot may do in the group what it must; what waits is tried again."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        account = (await _shown(tx, desk_id)).channel_account_id
    if gateway.connector is None:
        raise unavailable("This gateway has no means to reach providers.")
    await gateway.connector.check_desk(caller.tenant_id, desk_id)
    for lane in (Lane.OUT, Lane.DESK):
        gateway.pokes.poke(caller.tenant_id, account, lane)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        return await _shown(tx, desk_id)


@router.delete("/{desk_id}", operation_id="removeDesk", status_code=204, responses=documented(404))
async def remove_desk(desk_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> None:
    """Forget a desk, with what waits for it. The group itself stays as it is."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if not await desks.remove(tx, desk_id):
            raise not_found("desk")
        await audit.record(tx, actor(request, caller), AuditAction.DESK_REMOVED, desk_id)


async def _shown(tx: TenantTx, desk_id: UUID) -> DeskOut:
    found = await desks.get(tx, desk_id)
    if found is None:
        raise not_found("desk")
    return DeskOut.of(found, (await desk_posts.waiting(tx)).get(desk_id, 0))


def _link(code: str) -> LinkOut:
    return LinkOut(code=code, command=f"/link {code}")
