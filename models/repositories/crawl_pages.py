"""The addresses of a crawl: which wait to be asked for, and what became of the others.

An address keeps its row from run to run, so that a page is asked whether it has changed before it is fetched again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.contracts.crawl import AddressKind, PageState
from models.contracts.enums import FileStatus
from models.repositories.crawls import Crawl
from models.repositories.knowledge import among
from models.tables import crawl_pages, crawls, documents, ingest_files
from runtime.database import TenantTx
from runtime.ids import new_id

OUTSIDE = "outside"
"""Why an address is skipped that its crawl does not want (any more)."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to ask. `depth` counts the links from the crawl's own address."""

    url: str
    kind: AddressKind
    depth: int


@dataclass(frozen=True, slots=True)
class Queued:
    """An address that waits; with `etag` or `last_modified` its page can be asked whether it has changed."""

    id: UUID
    url: str
    kind: AddressKind
    depth: int
    attempts: int
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, slots=True)
class Tally:
    """Of a run: pages that were asked for, all its addresses, the sitemaps among them, and bytes of what was fetched."""

    asked: int
    addresses: int
    sitemaps: int
    size: int


@dataclass(frozen=True, slots=True)
class Page:
    """A line of a run's report; `file_status`, `file_reason` and `advice` tell what reading made of its bytes."""

    id: UUID
    url: str
    kind: AddressKind
    depth: int
    state: PageState
    reason: str | None
    status: int | None
    size: int | None
    file_status: FileStatus | None
    file_reason: str | None
    advice: str | None


async def restart(tx: TenantTx, crawl: Crawl) -> None:
    """Queue all addresses of a crawl anew, but for those that were gone or outside already."""
    await tx.connection.execute(
        sa.delete(crawl_pages).where(
            *_within(tx, crawl.id),
            sa.or_(crawl_pages.c.state == PageState.GONE, crawl_pages.c.reason == OUTSIDE),
        )
    )
    # A version without a body withdraws its document (see models.tables.knowledge).
    live = sa.exists().where(
        documents.c.tenant_id == crawl_pages.c.tenant_id,
        documents.c.source_id == crawl.source_id,
        documents.c.name == crawl_pages.c.url,
        documents.c.archived_at.is_(None),
        documents.c.body != "",
    )
    same = live.where(
        documents.c.file_hash == crawl_pages.c.sha256,
        documents.c.language.is_not_distinct_from(crawl.definition.language),
    )
    await tx.connection.execute(
        sa.update(crawl_pages)
        .where(*_within(tx, crawl.id))
        .values(
            state=PageState.QUEUED,
            reason=None,
            status=None,
            size=None,
            attempts=0,
            # Where it begins may be elsewhere now.
            depth=sa.func.greatest(crawl_pages.c.depth, 1),
            known=live,
            # Where the text is not known, nobody must answer that it has not changed.
            etag=sa.case((same, crawl_pages.c.etag)),
            last_modified=sa.case((same, crawl_pages.c.last_modified)),
        )
    )


async def add(tx: TenantTx, crawl: UUID, found: Sequence[Address]) -> None:
    """Queue addresses that are new to the crawl. One that waits already may turn out to be nearer, and one that was
    taken for outside may be inside after all."""
    if not found:
        return
    statement = insert(crawl_pages)
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[crawl_pages.c.tenant_id, crawl_pages.c.crawl_id, crawl_pages.c.url],
            set_={
                "depth": statement.excluded.depth,
                "kind": statement.excluded.kind,
                "state": PageState.QUEUED,
                "reason": None,
            },
            where=sa.or_(
                sa.and_(crawl_pages.c.state == PageState.QUEUED, crawl_pages.c.depth > statement.excluded.depth),
                sa.and_(crawl_pages.c.reason == OUTSIDE, crawl_pages.c.attempts == 0),
            ),
        ),
        [
            {
                "tenant_id": tx.tenant_id,
                "id": new_id(),
                "crawl_id": crawl,
                "url": each.url,
                "kind": each.kind,
                "depth": each.depth,
            }
            for each in found
        ],
    )


async def addresses(tx: TenantTx, crawl: UUID) -> dict[UUID, Address]:
    """All that wait, by id."""
    rows = await tx.connection.execute(
        sa.select(crawl_pages.c.id, crawl_pages.c.url, crawl_pages.c.kind, crawl_pages.c.depth).where(
            *_within(tx, crawl), crawl_pages.c.state == PageState.QUEUED
        )
    )
    return {row.id: Address(row.url, row.kind, row.depth) for row in rows}


async def next_queued(tx: TenantTx, crawl: UUID, *, sitemaps_only: bool = False) -> Queued | None:
    """The address to ask for next: sitemaps, where it all began, what knowledge has already, then the nearest."""
    page = crawl_pages.c
    query = (
        sa.select(*(page[name] for name in Queued.__dataclass_fields__))
        .where(*_within(tx, crawl), page.state == PageState.QUEUED)
        .order_by(
            page.kind != AddressKind.SITEMAP, page.depth != 0, page.known.desc(), page.depth, page.attempts, page.id
        )
        .limit(1)
    )
    if sitemaps_only:
        query = query.where(page.kind == AddressKind.SITEMAP)
    row = (await tx.connection.execute(query)).one_or_none()
    return None if row is None else Queued(**row._mapping)


async def tally(tx: TenantTx, crawl: UUID) -> Tally:
    page = crawl_pages.c
    row = (
        await tx.connection.execute(
            sa.select(
                sa.func.count().filter(page.attempts > 0, page.kind == AddressKind.PAGE).label("asked"),
                sa.func.count().label("addresses"),
                sa.func.count().filter(page.kind == AddressKind.SITEMAP).label("sitemaps"),
                sa.func.coalesce(sa.func.sum(page.size), 0).label("size"),
            ).where(*_within(tx, crawl))
        )
    ).one()
    return Tally(row.asked, row.addresses, row.sitemaps, int(row.size))


async def queries_of(tx: TenantTx, crawl: UUID, paths: Sequence[str]) -> dict[str, int]:
    """By address without its query: how many addresses with a query the crawl has there."""
    path = sa.func.split_part(crawl_pages.c.url, "?", 1)
    rows = await tx.connection.execute(
        sa.select(path.label("path"), sa.func.count().label("queries"))
        .where(*_within(tx, crawl), sa.func.strpos(crawl_pages.c.url, "?") > 0, path.in_(list(paths)))
        .group_by(path)
    )
    return {row.path: row.queries for row in rows}


async def settle(tx: TenantTx, page_id: UUID, values: Mapping[str, object]) -> None:
    """Write what became of an address."""
    await tx.connection.execute(
        sa.update(crawl_pages)
        .where(crawl_pages.c.tenant_id == tx.tenant_id, crawl_pages.c.id == page_id)
        .values(**values)
    )


async def leave(
    tx: TenantTx, crawl: UUID, state: PageState, reason: str, *, only: Sequence[UUID] | None = None
) -> None:
    """Settle what still waits, all of it or `only` some, without asking for it."""
    statement = sa.update(crawl_pages).where(*_within(tx, crawl), crawl_pages.c.state == PageState.QUEUED)
    if only is not None:
        statement = statement.where(among(crawl_pages.c.id, only))
    await tx.connection.execute(statement.values(state=state, reason=reason))


async def withdrawn(tx: TenantTx, crawl: UUID) -> list[str]:
    """What knowledge has to forget: pages that are gone, or that somebody's rule keeps out."""
    found = await tx.connection.scalars(
        sa.select(crawl_pages.c.url).where(
            *_within(tx, crawl), crawl_pages.c.known, crawl_pages.c.state.in_([PageState.GONE, PageState.SKIPPED])
        )
    )
    return list(found)


async def first_failure(tx: TenantTx, crawl: UUID) -> str | None:
    """Where nothing could be had of a crawl: why its own address could not. None: something could."""
    had = crawl_pages.alias()
    good = sa.exists().where(
        had.c.tenant_id == tx.tenant_id,
        had.c.crawl_id == crawl,
        sa.or_(
            sa.and_(had.c.kind == AddressKind.PAGE, had.c.state.in_([PageState.FETCHED, PageState.UNCHANGED])),
            # Gone for good is something to know, too.
            sa.and_(had.c.state == PageState.GONE, had.c.known),
        ),
    )
    reason: str | None = await tx.connection.scalar(
        sa.select(sa.func.coalesce(crawl_pages.c.reason, crawl_pages.c.state))
        .where(*_within(tx, crawl), ~good)
        .order_by(crawl_pages.c.depth, crawl_pages.c.id)
        .limit(1)
    )
    return reason


async def page(
    tx: TenantTx, crawl: UUID, *, state: PageState | None = None, after: UUID | None = None, limit: int = 50
) -> list[Page]:
    """A run's report, all of it or what is in one state, in the order in which addresses were found."""
    own = [name for name in Page.__dataclass_fields__ if name in crawl_pages.c]
    query = (
        sa.select(
            *(crawl_pages.c[name] for name in own),
            ingest_files.c.status.label("file_status"),
            ingest_files.c.reason.label("file_reason"),
            ingest_files.c.advice,
        )
        .join(crawls, sa.and_(crawls.c.tenant_id == crawl_pages.c.tenant_id, crawls.c.id == crawl_pages.c.crawl_id))
        .outerjoin(
            ingest_files,
            sa.and_(
                ingest_files.c.tenant_id == crawls.c.tenant_id,
                ingest_files.c.job_id == crawls.c.job_id,
                ingest_files.c.name == crawl_pages.c.url,
            ),
        )
        .where(*_within(tx, crawl))
        .order_by(crawl_pages.c.id)
        .limit(limit)
    )
    if state is not None:
        query = query.where(crawl_pages.c.state == state)
    if after is not None:
        query = query.where(crawl_pages.c.id > after)
    return [Page(**row._mapping) for row in await tx.connection.execute(query)]


def _within(tx: TenantTx, crawl: UUID) -> tuple[sa.ColumnElement[Any], ...]:
    return crawl_pages.c.tenant_id == tx.tenant_id, crawl_pages.c.crawl_id == crawl
