"""The tenant itself: who it is, and the rules that it has made for itself."""

import hashlib
from typing import Annotated
from zoneinfo import available_timezones

from fastapi import APIRouter, Header, Request, Response

from api.audit import actor
from api.gateway import InGateway
from api.identity.auth import Signed
from api.problems import ProblemError, documented, invalid
from api.schemas.tenant import EntityTag, PolicyOut, SettingsOut, TenantChanges, TenantOut
from models.contracts.audit import AuditAction
from models.contracts.policy import Policy
from models.contracts.settings import TenantSettings
from models.repositories import audit, tenants

router = APIRouter(prefix="/v1/tenant", tags=["tenant"], responses=documented(401, 403, 422, 503))

IfMatch = Annotated[
    EntityTag | None, Header(description="The `ETag` of what is being replaced, or `*` to replace whatever there is.")
]
CONDITIONAL = documented(400, 412, 413, 428)


@router.get("", operation_id="getTenant")
async def get_tenant(gateway: InGateway, caller: Signed) -> TenantOut:
    """The caller's tenant."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        return TenantOut.of(await tenants.profile(tx))


@router.patch("", operation_id="updateTenant", responses=documented(400, 413))
async def update_tenant(body: TenantChanges, request: Request, gateway: InGateway, caller: Signed) -> TenantOut:
    """Change what is given. The slug stays."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await tenants.update(tx, name=body.name, language=body.language)
        fields = ",".join(body.changed())
        await audit.record(tx, actor(request, caller), AuditAction.TENANT_CHANGED, caller.tenant_id, fields=fields)
        return TenantOut.of(await tenants.profile(tx))


@router.get("/settings", operation_id="getSettings")
async def get_settings(response: Response, gateway: InGateway, caller: Signed) -> SettingsOut:
    """All settings, those that nobody has set with their defaults."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await tenants.get_settings(tx)
    response.headers["ETag"] = _tag(found)
    return SettingsOut(settings=found)


@router.put("/settings", operation_id="putSettings", responses=CONDITIONAL)
async def put_settings(
    body: TenantSettings,
    request: Request,
    response: Response,
    gateway: InGateway,
    caller: Signed,
    if_match: IfMatch = None,
) -> SettingsOut:
    """Replace all settings; what is left out gets its default. They hold from the next message on."""
    if body.business_hours.time_zone not in available_timezones():
        raise invalid("business_hours.time_zone", "must be a name of the IANA time zone database, as Asia/Almaty")
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await tenants.lock(tx)
        before = await tenants.get_settings(tx)
        _check_match(if_match, _tag(before))
        fields = [name for name in TenantSettings.model_fields if getattr(before, name) != getattr(body, name)]
        if fields:
            await tenants.put_settings(tx, body)
            by = actor(request, caller)
            await audit.record(tx, by, AuditAction.SETTINGS_CHANGED, caller.tenant_id, fields=",".join(fields))
    response.headers["ETag"] = _tag(body)
    return SettingsOut(settings=body)


@router.get("/policy", operation_id="getPolicy")
async def get_policy(response: Response, gateway: InGateway, caller: Signed) -> PolicyOut:
    """The policy in force: topics that go to a person, and topics answered by rule."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        version, policy = await tenants.get_policy_version(tx)
    response.headers["ETag"] = _version_tag(version)
    return PolicyOut(version=version, policy=policy)


@router.put("/policy", operation_id="putPolicy", responses=CONDITIONAL)
async def put_policy(
    body: Policy, request: Request, response: Response, gateway: InGateway, caller: Signed, if_match: IfMatch = None
) -> PolicyOut:
    """Put a new version in force. The earlier ones are kept."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        await tenants.lock(tx)
        before, _ = await tenants.get_policy_version(tx)
        _check_match(if_match, _version_tag(before))
        version = await tenants.put_policy(tx, body)
        by = actor(request, caller)
        await audit.record(tx, by, AuditAction.POLICY_CHANGED, caller.tenant_id, version=version)
    response.headers["ETag"] = _version_tag(version)
    return PolicyOut(version=version, policy=body)


def _tag(settings: TenantSettings) -> str:
    return f'"{hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:32]}"'


def _version_tag(version: int) -> str:
    return f'"{version}"'


def _check_match(given: str | None, current: str) -> None:
    """Raises ProblemError: 428 nothing given, 412 somebody else was quicker."""
    if given is None:
        raise ProblemError(428, "Send the ETag of what you read in If-Match, so that nobody's change is lost.")
    if given not in ("*", current):
        raise ProblemError(412, "Somebody has changed it since you read it. Read it again.", headers={"ETag": current})
