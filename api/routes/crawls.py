"""Sites that are crawled into knowledge: asked for, watched, cancelled, and no longer run by a schedule."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.audit import actor
from api.gateway import Gateway, InGateway
from api.idempotency import IdempotentRoute
from api.identity.auth import Signed
from api.limits import check_room
from api.problems import ProblemError, documented, invalid, not_found, unavailable
from api.schemas.base import Page, paged
from api.schemas.crawls import CrawlIn, CrawlOut, CrawlPageOut, CrawlPagesQuery, CrawlsQuery
from models.contracts.audit import AuditAction
from models.contracts.crawl import CrawlInput
from models.repositories import audit, crawl_pages, crawls, knowledge, staging
from runtime.database import TenantTx
from runtime.egress import UrlError, check_url

router = APIRouter(
    prefix="/v1/kb/crawls", tags=["knowledge"], route_class=IdempotentRoute, responses=documented(401, 403, 422, 503)
)

SCHEMES = ("https", "http")


@router.post("", operation_id="startCrawl", status_code=202, responses=documented(400, 409, 413))
async def start_crawl(body: CrawlIn, request: Request, gateway: InGateway, caller: Signed) -> CrawlOut:
    """Fetch a page or a site into a source, now and, if wanted, by a schedule; watch it at /v1/kb/crawls/{id}."""
    definition = body.definition(_address(gateway, body.url))
    if body.max_pages > gateway.settings.crawl_pages:
        raise invalid("max_pages", f"must be at most {gateway.settings.crawl_pages}")
    async with gateway.records.tenant(caller.tenant_id) as tx:
        check_room(gateway.settings, await knowledge.held(tx), 0)
        crawl = await crawls.put(tx, await staging.lock_called(tx, body.name, body.tags), definition)
        if crawl is None:
            raise ProblemError(409, "A crawl of this source is under way: wait, or cancel it.", kind="crawl-running")
        await audit.record(tx, actor(request, caller), AuditAction.CRAWL_ASKED, crawl)
        found = await _found(tx, crawl)
    scheduled = await gateway.processes.schedule_crawl(caller.tenant_id, crawl, body.every)
    started = await gateway.processes.crawl(CrawlInput(tenant_id=caller.tenant_id, crawl_id=crawl))
    if not scheduled or not started:
        raise unavailable("The request is stored, but nobody could be told to carry it out: repeat it.")
    return found


def _address(gateway: Gateway, url: str) -> str:
    """As it is written everywhere. Where it leads is looked at when it is fetched."""
    try:
        return check_url(
            url, schemes=SCHEMES, ports=[int(each) for each in gateway.settings.egress_ports.split(",")]
        ).url
    except UrlError as error:
        raise invalid("url", str(error)) from None


async def _found(tx: TenantTx, crawl: UUID) -> CrawlOut:
    found = await crawls.get(tx, crawl)
    if found is None:
        raise not_found("crawl")
    return CrawlOut.of(found, (await crawls.counts(tx, [crawl]))[crawl])


@router.get("", operation_id="listCrawls")
async def list_crawls(query: Annotated[CrawlsQuery, Query()], gateway: InGateway, caller: Signed) -> Page[CrawlOut]:
    """Crawls with their latest runs, the latest made first."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        found = await crawls.list_recent(tx, before=query.cursor, limit=query.limit + 1)
        counts = await crawls.counts(tx, [each.id for each in found])
    return paged([CrawlOut.of(each, counts[each.id]) for each in found], query.limit, [each.id for each in found])


@router.get("/{crawl_id}", operation_id="getCrawl", responses=documented(404))
async def get_crawl(crawl_id: UUID, gateway: InGateway, caller: Signed) -> CrawlOut:
    """How far a crawl is."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        return await _found(tx, crawl_id)


@router.get("/{crawl_id}/pages", operation_id="listCrawlPages", responses=documented(404))
async def list_crawl_pages(
    crawl_id: UUID, query: Annotated[CrawlPagesQuery, Query()], gateway: InGateway, caller: Signed
) -> Page[CrawlPageOut]:
    """What became of each address in the latest run."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if await crawls.get(tx, crawl_id) is None:
            raise not_found("crawl")
        found = await crawl_pages.page(tx, crawl_id, state=query.state, after=query.cursor, limit=query.limit + 1)
    return paged([CrawlPageOut.of(each) for each in found], query.limit, [each.id for each in found])


@router.post("/{crawl_id}/cancel", operation_id="cancelCrawl", responses=documented(400, 404, 409))
async def cancel_crawl(crawl_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> CrawlOut:
    """End the run before its next address. What it has fetched becomes knowledge, and nothing is withdrawn."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if await crawls.cancel(tx, crawl_id):
            await audit.record(tx, actor(request, caller), AuditAction.CRAWL_CANCELLED, crawl_id)
        elif await crawls.get(tx, crawl_id) is not None:
            raise ProblemError(409, "No run of this crawl is under way.", kind="no-crawl-running")
        return await _found(tx, crawl_id)


@router.delete("/{crawl_id}/schedule", operation_id="unscheduleCrawl", status_code=204, responses=documented(404))
async def unschedule_crawl(crawl_id: UUID, request: Request, gateway: InGateway, caller: Signed) -> Response:
    """Run it only when asked from now on."""
    async with gateway.records.tenant(caller.tenant_id) as tx:
        if not await crawls.unschedule(tx, crawl_id):
            raise not_found("schedule")
        await audit.record(tx, actor(request, caller), AuditAction.CRAWL_UNSCHEDULED, crawl_id)
    await gateway.processes.schedule_crawl(caller.tenant_id, crawl_id, None)
    return Response(status_code=204)
