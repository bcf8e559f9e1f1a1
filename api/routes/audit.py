"""The audit log: read, taken away, verified. Nothing here changes it, but for saying that it was exported."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from api.audit import actor, whole_log
from api.gateway import InGateway
from api.identity.auth import Signed
from api.problems import documented
from api.schemas.audit import (
    CSV_HEADER,
    AuditEntry,
    AuditFormat,
    AuditQuery,
    ExportQuery,
    Verification,
    csv_of,
    csv_row,
    ndjson_of,
)
from api.schemas.base import Page, paged
from models.contracts.audit import AuditAction
from models.repositories import audit
from models.repositories.audit import Chain

router = APIRouter(prefix="/v1/audit", tags=["audit"], responses=documented(401, 403, 422, 503))

MEDIA_TYPES = {AuditFormat.NDJSON: "application/x-ndjson", AuditFormat.CSV: "text/csv; charset=utf-8"}


@router.get("", operation_id="listAudit")
async def list_audit(query: Annotated[AuditQuery, Query()], gateway: InGateway, caller: Signed) -> Page[AuditEntry]:
    """Entries, the newest first."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await audit.page(
            tx,
            action=query.action,
            actor=query.actor_id,
            target=query.target_id,
            since=query.since,
            until=query.until,
            before=query.cursor,
            limit=query.limit + 1,
        )
    return paged([AuditEntry.of(each) for each in found], query.limit, [each.seq for each in found])


@router.get(
    "/export",
    operation_id="exportAudit",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The whole log, the oldest entry first",
            "content": {"application/x-ndjson": {}, "text/csv": {}},
        }
    },
)
async def export_audit(
    query: Annotated[ExportQuery, Query()], request: Request, gateway: InGateway, caller: Signed
) -> StreamingResponse:
    """The whole log as a file. `mainstay audit verify FILE` checks an NDJSON one without this system."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        # In the log before it is read: who took it away is in what they took.
        await audit.record(tx, actor(request, caller), AuditAction.AUDIT_EXPORTED, format=query.format.value)
        until = (await audit.head(tx)).seq

    async def lines() -> AsyncIterator[str]:
        if query.format is AuditFormat.CSV:
            yield csv_row(CSV_HEADER)
        async for batch in whole_log(gateway.records, caller.tenant_id, until):
            for entry in batch:
                yield csv_of(entry) if query.format is AuditFormat.CSV else ndjson_of(entry)

    name = f"audit-{caller.tenant_id}.{query.format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines(), media_type=MEDIA_TYPES[query.format], headers=headers)


@router.get("/verification", operation_id="verifyAudit")
async def verify_audit(gateway: InGateway, caller: Signed) -> Verification:
    """Compute every hash anew, and see whether the log is as it was written."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        head = await audit.head(tx)
    chain = Chain()
    async for batch in whole_log(gateway.records, caller.tenant_id, head.seq):
        chain.follow(batch)
        if chain.problem is not None:
            break
    chain.end(head)
    return Verification(
        intact=chain.problem is None, entries=chain.last.seq, problem=chain.problem, head=head.hash.hex()
    )
