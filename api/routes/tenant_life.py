"""What becomes of the whole tenant: everything exported, everything deleted."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Request
from fastapi.responses import StreamingResponse

from api.audit import actor
from api.gateway import InGateway
from api.idempotency import IdempotentRoute
from api.identity.auth import Signed
from api.problems import ProblemError, documented, invalid, not_found
from api.schemas.tenant import DeletionIn, DeletionOut, ExportOut
from models import tenant_archive
from models.contracts.audit import AuditAction
from models.contracts.tenant_life import DeletionInput, ExportInput, ExportStatus
from models.repositories import audit, sessions, tenant_deletion, tenant_exports, tenants

router = APIRouter(
    prefix="/v1/tenant", tags=["tenant"], route_class=IdempotentRoute, responses=documented(401, 403, 422, 503)
)

FRESH = timedelta(minutes=15)
"""Who deletes everything has signed in within so long: a session left open somewhere is not enough."""

ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {tenant_archive.MEDIA_TYPE: {}}, "description": "The file"}}


@router.post("/exports", operation_id="exportTenant", status_code=202, responses=documented(400, 409))
async def export_tenant(request: Request, gateway: InGateway, caller: Signed) -> ExportOut:
    """Begin to export everything that belongs to the tenant, but secrets."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        export_id = await tenant_exports.request(tx)
        if export_id is None:
            other = await tenant_exports.under_way(tx)
            raise ProblemError(
                409,
                "An export is under way already.",
                kind="export-under-way",
                export_id=None if other is None else str(other),
            )
        await audit.record(tx, actor(request, caller), AuditAction.TENANT_EXPORTED, export_id)
        export = await tenant_exports.get(tx, export_id)
        assert export is not None, "it was made just now"
    await gateway.processes.export(ExportInput(tenant_id=caller.tenant_id, export_id=export_id))
    return ExportOut.of(export)


@router.get("/exports/{export_id}", operation_id="getExport", responses=documented(404))
async def get_export(export_id: UUID, gateway: InGateway, caller: Signed) -> ExportOut:
    """How far an export is."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        export = await tenant_exports.get(tx, export_id)
    if export is None:
        raise not_found("export")
    return ExportOut.of(export)


@router.get(
    "/exports/{export_id}/file",
    operation_id="downloadExport",
    response_class=StreamingResponse,
    responses={**ZIP, **documented(404, 409)},
)
async def download_export(export_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> StreamingResponse:
    """The export as a ZIP file: a folder for each table with lines of JSON, files beside messages in `files`, and
    `manifest.json`."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        export = await tenant_exports.get(tx, export_id)
        if export is None:
            raise not_found("export")
        if export.status is not ExportStatus.DONE:
            raise ProblemError(409, "The export is not done yet.", kind="export-not-done")
        await audit.record(tx, actor(request, caller), AuditAction.TENANT_EXPORT_FETCHED, export_id)
    return StreamingResponse(
        tenant_archive.archive(gateway.records.tenant, gateway.vault, gateway.media, caller.tenant_id, export),
        media_type=tenant_archive.MEDIA_TYPE,
        headers={
            "Content-Disposition": f'attachment; filename="export-{export.created_at:%Y-%m-%d}.zip"',
            "Cache-Control": "no-store",
        },
    )


@router.delete("", operation_id="deleteTenant", status_code=202, responses=documented(400, 409, 413))
async def delete_tenant(
    body: Annotated[DeletionIn, Body()], request: Request, gateway: InGateway, caller: Signed
) -> DeletionOut:
    """Suspend the tenant now, and delete it with everything that it has when the grace is over.

    By an API key, or by somebody who has signed in within the last 15 minutes.
    """
    by = actor(request, caller)
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if caller.session_id is not None and not await sessions.begun_within(tx, caller.session_id, FRESH):
            raise ProblemError(403, "Sign in again first: this takes a sign-in of the last 15 minutes.", kind="stale")
        if body.slug != (await tenants.profile(tx)).slug:
            raise invalid("slug", "must be the slug of your tenant, as getTenant gives it")
        grace = timedelta(hours=(await tenants.get_settings(tx)).tenant_deletion_grace_hours)
        deletion_id = await tenant_deletion.request(tx, by, grace)
        if deletion_id is None:
            raise ProblemError(409, "Its deletion has been asked for already.", kind="being-deleted")
        await audit.record(tx, by, AuditAction.TENANT_DELETION_ASKED, deletion_id)
        deletion = await tenant_deletion.latest(tx)
        assert deletion is not None, "it was asked for just now"
    await gateway.processes.deletion(DeletionInput(tenant_id=caller.tenant_id, deletion_id=deletion_id))
    return DeletionOut.of(deletion)


@router.get("/deletion", operation_id="getTenantDeletion", responses=documented(404))
async def get_tenant_deletion(gateway: InGateway, caller: Signed) -> DeletionOut:
    """The deletion that was asked for last."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        deletion = await tenant_deletion.latest(tx)
    if deletion is None:
        raise not_found("deletion")
    return DeletionOut.of(deletion)


@router.post("/deletion/cancel", operation_id="cancelTenantDeletion", responses=documented(404, 409))
async def cancel_tenant_deletion(request: Request, gateway: InGateway, caller: Signed) -> DeletionOut:
    """Call the deletion off, before it begins. Everything goes on where it was."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        cancelled = await tenant_deletion.cancel(tx)
        if cancelled is not None:
            await audit.record(tx, actor(request, caller), AuditAction.TENANT_DELETION_CANCELLED, cancelled)
        deletion = await tenant_deletion.latest(tx)
    if deletion is None:
        raise not_found("deletion")
    if cancelled is None:
        raise ProblemError(409, f"The deletion is {deletion.status}: there is nothing to call off.", kind="no-deletion")
    await gateway.processes.deletion(DeletionInput(tenant_id=caller.tenant_id, deletion_id=cancelled))
    return DeletionOut.of(deletion)
