"""The tenant itself: who it is, and the rules that it has made for itself."""

import hashlib
from zoneinfo import available_timezones

from fastapi import APIRouter, Request, Response

from api.audit import actor
from api.conditional import CONDITIONAL, IfMatch, check_match
from api.gateway import InGateway
from api.identity.auth import Signed
from api.problems import documented, invalid
from api.schemas.tenant import SettingsOut, TenantChanges, TenantOut
from models.contracts.audit import AuditAction
from models.contracts.settings import TenantSettings
from models.repositories import audit, tenants

router = APIRouter(prefix="/v1/tenant", tags=["tenant"], responses=documented(401, 403, 422, 503))


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
        check_match(if_match, _tag(before))
        fields = [name for name in TenantSettings.model_fields if getattr(before, name) != getattr(body, name)]
        if fields:
            await tenants.put_settings(tx, body)
            by = actor(request, caller)
            await audit.record(tx, by, AuditAction.SETTINGS_CHANGED, caller.tenant_id, fields=",".join(fields))
    response.headers["ETag"] = _tag(body)
    return SettingsOut(settings=body)


def _tag(settings: TenantSettings) -> str:
    return f'"{hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:32]}"'
