"""What sources are crawled for, and how the latest run of each fares. Their addresses: crawl_pages.py."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.contracts.crawl import CrawlMode, CrawlStatus, PageState
from models.contracts.enums import Language
from models.repositories import staging
from models.repositories.knowledge import among
from models.tables import crawl_pages, crawls, sources
from runtime.database import TenantTx
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Definition:
    """What is fetched. `include` and `exclude` are beginnings of paths; an empty `include` is all of the site."""

    url: str
    mode: CrawlMode
    max_pages: int
    max_depth: int
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    language: Language | None = None
    every_hours: int | None = None

    @property
    def depth(self) -> int:
        """How many links away from the address a page may be."""
        match self.mode:
            case CrawlMode.PAGE:
                return 0
            case CrawlMode.SITEMAP:
                return 1
            case CrawlMode.SITE:
                return self.max_depth


@dataclass(frozen=True, slots=True)
class Crawl:
    """`job_id`: of the latest run, once it has begun."""

    id: UUID
    source_id: UUID
    definition: Definition
    status: CrawlStatus
    workflow_id: str | None
    job_id: UUID | None
    error: str | None
    started_at: datetime | None
    ended_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """Of a crawl's addresses: how many are in each state, and the bytes of those that were fetched."""

    states: Mapping[PageState, int]
    size: int


DEFINITION = tuple(Definition.__dataclass_fields__)
OPEN = crawls.c.status.in_([CrawlStatus.QUEUED, CrawlStatus.RUNNING])


async def put(tx: TenantTx, source: UUID, chosen: Definition) -> UUID | None:
    """Have a locked source crawled like this, in place of what was said before, and queue a run; the crawl's id.

    None: a run is under way.
    """
    values = {**asdict(chosen), "include": list(chosen.include), "exclude": list(chosen.exclude)}
    statement = insert(crawls).values(tenant_id=tx.tenant_id, id=new_id(), source_id=source, **values)
    found: UUID | None = await tx.connection.scalar(
        statement.on_conflict_do_update(
            index_elements=[crawls.c.tenant_id, crawls.c.source_id],
            set_={**values, "status": CrawlStatus.QUEUED, "error": None, "updated_at": sa.func.now()},
            where=crawls.c.status != CrawlStatus.RUNNING,
        ).returning(crawls.c.id)
    )
    return found


async def get(tx: TenantTx, crawl: UUID) -> Crawl | None:
    row = (await tx.connection.execute(_of(tx).where(crawls.c.id == crawl))).one_or_none()
    return None if row is None else _read(row)


async def list_recent(tx: TenantTx, *, before: UUID | None = None, limit: int = 50) -> list[Crawl]:
    """Crawls, the latest made first."""
    query = _of(tx).order_by(crawls.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(crawls.c.id < before)
    return [_read(row) for row in await tx.connection.execute(query)]


async def of_source(tx: TenantTx, source: UUID) -> UUID | None:
    """The crawl that a source is fetched by."""
    found: UUID | None = await tx.connection.scalar(
        sa.select(crawls.c.id).where(crawls.c.tenant_id == tx.tenant_id, crawls.c.source_id == source)
    )
    return found


async def ids(tx: TenantTx) -> list[UUID]:
    """Of all crawls of the tenant."""
    return list(await tx.connection.scalars(sa.select(crawls.c.id).where(crawls.c.tenant_id == tx.tenant_id)))


async def counts(tx: TenantTx, of: Sequence[UUID]) -> dict[UUID, Counts]:
    """By crawl."""
    rows = await tx.connection.execute(
        sa.select(
            crawl_pages.c.crawl_id,
            crawl_pages.c.state,
            sa.func.count().label("pages"),
            sa.func.coalesce(sa.func.sum(crawl_pages.c.size), 0).label("size"),
        )
        .where(crawl_pages.c.tenant_id == tx.tenant_id, among(crawl_pages.c.crawl_id, of))
        .group_by(crawl_pages.c.crawl_id, crawl_pages.c.state)
    )
    found: dict[UUID, list[sa.Row[Any]]] = {crawl: [] for crawl in of}
    for row in rows:
        found[row.crawl_id].append(row)
    return {
        crawl: Counts({row.state: row.pages for row in states}, sum(int(row.size) for row in states))
        for crawl, states in found.items()
    }


async def begin(tx: TenantTx, crawl: UUID, workflow_id: str, *, scheduled: bool) -> tuple[Crawl, bool] | None:
    """Give the run to a process, with a job for its files; the crawl, and whether it begins or goes on.

    None: it is gone, another process has it, or nobody asks for it (any more).
    """
    found = await _locked(tx, crawl)
    if found is None:
        return None
    if found.status is CrawlStatus.RUNNING:
        return (found, False) if found.workflow_id == workflow_id else None
    if found.status is not CrawlStatus.QUEUED and not scheduled:
        return None
    await _set(
        tx,
        crawl,
        status=CrawlStatus.RUNNING,
        workflow_id=workflow_id,
        job_id=await staging.open_job_of(tx, found.source_id),
        error=None,
        started_at=sa.func.now(),
        ended_at=None,
    )
    begun = await get(tx, crawl)
    assert begun is not None, "it is locked"
    return begun, True


async def running(tx: TenantTx, crawl: UUID, workflow_id: str) -> Crawl | None:
    """The crawl with its row and its source locked, if a run of this process is under way."""
    found = await _locked(tx, crawl)
    if found is None or found.status is not CrawlStatus.RUNNING or found.workflow_id != workflow_id:
        return None
    return found


async def end(tx: TenantTx, crawl: UUID, status: CrawlStatus, error: str | None = None) -> None:
    await _set(tx, crawl, status=status, error=error, ended_at=sa.func.now())


async def cancel(tx: TenantTx, crawl: UUID) -> bool:
    """End a run that is queued or under way, before its next address; whether there was one."""
    ended = await tx.connection.execute(
        sa.update(crawls)
        .where(crawls.c.tenant_id == tx.tenant_id, crawls.c.id == crawl, OPEN)
        .values(status=CrawlStatus.CANCELLED, ended_at=sa.func.now())
    )
    return ended.rowcount > 0


async def unschedule(tx: TenantTx, crawl: UUID) -> bool:
    """Have it run only when asked for from now on; whether it had a schedule."""
    changed = await tx.connection.execute(
        sa.update(crawls)
        .where(crawls.c.tenant_id == tx.tenant_id, crawls.c.id == crawl, crawls.c.every_hours.is_not(None))
        .values(every_hours=None)
    )
    return changed.rowcount > 0


def _of(tx: TenantTx) -> sa.Select[tuple[Any, ...]]:
    return sa.select(crawls).where(crawls.c.tenant_id == tx.tenant_id)


async def _locked(tx: TenantTx, crawl: UUID) -> Crawl | None:
    """The source is locked first, as everybody does who adds to it."""
    await tx.connection.execute(
        sa.select(sources.c.id)
        .join(crawls, sa.and_(crawls.c.tenant_id == sources.c.tenant_id, crawls.c.source_id == sources.c.id))
        .where(sources.c.tenant_id == tx.tenant_id, crawls.c.id == crawl)
        .with_for_update(key_share=True, of=sources)
    )
    row = (await tx.connection.execute(_of(tx).where(crawls.c.id == crawl).with_for_update())).one_or_none()
    return None if row is None else _read(row)


async def _set(tx: TenantTx, crawl: UUID, **values: object) -> None:
    await tx.connection.execute(
        sa.update(crawls).where(crawls.c.tenant_id == tx.tenant_id, crawls.c.id == crawl).values(**values)
    )


def _read(row: sa.Row[Any]) -> Crawl:
    found = row._mapping
    rest = {name: found[name] for name in Crawl.__dataclass_fields__ if name != "definition"}
    return Crawl(definition=Definition(**{name: found[name] for name in DEFINITION}), **rest)
