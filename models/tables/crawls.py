"""Sites as knowledge: what is crawled for a source, and every address of it with what became of it."""

import sqlalchemy as sa
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import ARRAY

from models.contracts.crawl import AddressKind, CrawlMode, CrawlStatus, PageState
from models.contracts.enums import Language
from models.tables.base import choice, instant, reference, tenant_table, within_tenant

# What a source is fetched from, and how the latest run fares.
crawls = tenant_table(
    "crawls",
    reference("source_id"),
    Column("url", sa.Text, nullable=False),
    choice("mode", CrawlMode),
    Column("max_pages", sa.Integer, nullable=False),
    Column("max_depth", sa.Integer, nullable=False),
    # Beginnings of paths; an empty list includes all.
    Column("include", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    Column("exclude", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    choice("language", Language, nullable=True),
    # How often it is run; null: when asked.
    Column("every_hours", sa.Integer),
    choice("status", CrawlStatus, default=CrawlStatus.QUEUED),
    # Whose run it is, from its beginning on; and the job that its files go to.
    Column("workflow_id", sa.Text),
    reference("job_id", nullable=True),
    Column("error", sa.Text),
    instant("started_at"),
    instant("ended_at"),
    within_tenant("source_id", "sources", ondelete="CASCADE"),
    within_tenant("job_id", "ingest_jobs", ondelete="SET NULL (job_id)"),
    sa.UniqueConstraint("tenant_id", "source_id"),
    sa.CheckConstraint("status <> 'running' OR workflow_id IS NOT NULL", name="running_for_somebody"),
)

# The frontier: what is queued waits to be asked for; all else is the run's report.
crawl_pages = tenant_table(
    "crawl_pages",
    reference("crawl_id"),
    Column("url", sa.Text, nullable=False),
    choice("kind", AddressKind, default=AddressKind.PAGE),
    # Links from the crawl's own address.
    Column("depth", sa.Integer, nullable=False),
    choice("state", PageState, default=PageState.QUEUED),
    # Why, in one word that stays the same.
    Column("reason", sa.Text),
    # HTTP's.
    Column("status", sa.Integer),
    Column("size", sa.BigInteger),
    # How often this run has asked for it.
    Column("attempts", sa.Integer, nullable=False, server_default="0"),
    # Whether knowledge had a document of it when the run began; such addresses are asked for first.
    Column("known", sa.Boolean, nullable=False, server_default=sa.false()),
    # To ask whether it has changed.
    Column("etag", sa.Text),
    Column("last_modified", sa.Text),
    Column("sha256", sa.Text),
    within_tenant("crawl_id", "crawls", ondelete="CASCADE"),
    sa.UniqueConstraint("tenant_id", "crawl_id", "url"),
    sa.Index("ix_crawl_pages_crawl", "tenant_id", "crawl_id", "id"),
)
