"""The tenant's policy: written as YAML or JSON, kept by version."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from api.audit import actor
from api.conditional import CONDITIONAL, IfMatch, check_match
from api.gateway import InGateway
from api.identity.auth import Signed
from api.problems import ProblemError, documented, not_found
from api.schemas.base import Page, paged
from api.schemas.policy import (
    ChangeOut,
    ChangesOut,
    ChangesQuery,
    Number,
    PolicyOut,
    PutQuery,
    RestoreIn,
    StarterOut,
    VersionOut,
    VersionsQuery,
    version_out,
)
from models.contracts.audit import AuditAction
from models.contracts.policy import Policy
from models.policies import starters
from models.policies.difference import difference
from models.policies.document import Format, InvalidPolicyError, read
from models.repositories import audit, escalations, policies, tenants
from models.repositories.policies import Version
from runtime.database import TenantTx

router = APIRouter(prefix="/v1/policy", tags=["policy"], responses=documented(401, 403, 422, 503))

FORMATS = {
    "application/json": Format.JSON,
    "application/yaml": Format.YAML,
    "application/x-yaml": Format.YAML,
    "text/yaml": Format.YAML,
}
# What it refers to stands in its own `$defs`; api.openapi moves that to where the document has it.
SCHEMA = Policy.model_json_schema(ref_template="#/components/schemas/{model}")
DOCUMENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": SCHEMA}, "application/yaml": {"schema": SCHEMA}},
    }
}


@router.get("", operation_id="getPolicy")
async def get_policy(response: Response, gateway: InGateway, caller: Signed) -> PolicyOut:
    """The policy in force."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        return await _shown(tx, response, await policies.latest(tx))


@router.put("", operation_id="putPolicy", openapi_extra=DOCUMENT, responses=CONDITIONAL | documented(415))
async def put_policy(
    query: Annotated[PutQuery, Query()],
    request: Request,
    response: Response,
    gateway: InGateway,
    caller: Signed,
    if_match: IfMatch = None,
) -> PolicyOut:
    """Put a new version in force, from the next message on. The earlier ones are kept."""
    policy = await _given(request)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await tenants.lock(tx)
        check_match(if_match, _tag(await policies.latest(tx)))
        version = await policies.put(tx, policy, member=caller.member_id, note=query.note or None)
        by = actor(request, caller)
        await audit.record(tx, by, AuditAction.POLICY_CHANGED, caller.tenant_id, version=version.version)
        return await _shown(tx, response, version)


@router.post("/check", operation_id="checkPolicy", openapi_extra=DOCUMENT, responses=documented(400, 413, 415))
async def check_policy(request: Request, gateway: InGateway, caller: Signed) -> ChangesOut:
    """What putting this policy in force would change. Nothing is stored."""
    policy = await _given(request)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        return _changes(await policies.in_force(tx), policy)


@router.get("/versions", operation_id="listPolicyVersions")
async def list_versions(
    query: Annotated[VersionsQuery, Query()], gateway: InGateway, caller: Signed
) -> Page[VersionOut]:
    """Who put what in force and why, the newest first."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await policies.page(tx, before=query.cursor, limit=query.limit + 1)
        names = await escalations.names(tx, {each.member_id for each in found if each.member_id})
    return paged([version_out(each, names) for each in found], query.limit, [each.version for each in found])


@router.get("/versions/{version}", operation_id="getPolicyVersion", responses=documented(404))
async def get_version(version: Number, response: Response, gateway: InGateway, caller: Signed) -> PolicyOut:
    """A version of the policy, whether it is in force or not."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        return await _shown(tx, response, await _version(tx, version))


@router.get("/versions/{version}/changes", operation_id="comparePolicyVersions", responses=documented(404))
async def compare(
    version: Number, query: Annotated[ChangesQuery, Query()], gateway: InGateway, caller: Signed
) -> ChangesOut:
    """What changed in this version, field by field."""
    since = version - 1 if query.since is None else query.since
    async with gateway.records.tenant(caller.tenant_id) as tx:
        after = await _version(tx, version)
        before = (await _version(tx, since)).policy if since else Policy()
    return _changes(before, after.policy)


@router.post("/versions/{version}/restore", operation_id="restorePolicy", responses=CONDITIONAL | documented(404))
async def restore(
    version: Number,
    request: Request,
    response: Response,
    gateway: InGateway,
    caller: Signed,
    body: RestoreIn | None = None,
    if_match: IfMatch = None,
) -> PolicyOut:
    """Go back: put what an earlier version said in force again, as a new version."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await tenants.lock(tx)
        check_match(if_match, _tag(await policies.latest(tx)))
        earlier = await _version(tx, version)
        note = body.note or None if body else None
        again = await policies.put(tx, earlier.policy, member=caller.member_id, note=note, restores=version)
        by = actor(request, caller)
        await audit.record(
            tx, by, AuditAction.POLICY_CHANGED, caller.tenant_id, version=again.version, restores=version
        )
        return await _shown(tx, response, again)


@router.get("/starters", operation_id="listPolicyStarters")
async def list_starters(_: Signed) -> list[StarterOut]:
    """Policies to begin with, by industry."""
    return [StarterOut(industry=name, document=starters.document(name)) for name in starters.INDUSTRIES]


async def _given(request: Request) -> Policy:
    """The policy in the body. Raises ProblemError: 415, or 422 with line, column and field of all that is wrong."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in FORMATS:
        raise ProblemError(415, f"Send the policy as one of {', '.join(FORMATS)}.")
    try:
        return read(await request.body(), FORMATS[media_type])
    except InvalidPolicyError as invalid:
        errors = [
            {"field": fault.field or "body", "message": fault.message, "line": fault.line, "column": fault.column}
            for fault in invalid.faults
        ]
        raise ProblemError(422, "The policy is invalid.", kind="invalid", errors=errors) from None


async def _version(tx: TenantTx, version: int) -> Version:
    found = await policies.get(tx, version)
    if found is None:
        raise not_found("version of the policy")
    return found


async def _shown(tx: TenantTx, response: Response, found: Version | None) -> PolicyOut:
    response.headers["ETag"] = _tag(found)
    by: set[UUID] = {found.member_id} if found and found.member_id else set()
    return PolicyOut.of(found, await escalations.names(tx, by))


def _tag(found: Version | None) -> str:
    return f'"{found.version if found else 0}"'


def _changes(before: Policy, after: Policy) -> ChangesOut:
    return ChangesOut(changes=[ChangeOut.of(each) for each in difference(before, after)])
