"""Requests and responses about re-indexing."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, StrictInt, StringConstraints, model_validator

from api.schemas.base import Instant, PageQuery, Request, Response
from models.contracts.enums import IngestStatus
from models.repositories.reindexing import Reindex
from models.schedules import ReindexSchedule


class ReindexOut(Response):
    """`space` is the embedding space that is filled, as provider/model/dimension; null until it has begun."""

    id: UUID
    space: str | None
    status: IngestStatus
    chunks_total: int
    chunks_embedded: int
    error: str | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, found: Reindex) -> "ReindexOut":
        return cls(
            id=found.id,
            space=found.space,
            status=found.status,
            chunks_total=found.chunks_total,
            chunks_embedded=found.chunks_embedded,
            error=found.error,
            created_at=found.created_at,
            updated_at=found.updated_at,
        )


class ReindexesQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")


class ScheduleIn(Request):
    """When to re-index: either `cron` (UTC) or `every_hours`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"cron": "0 3 * * 0"}, {"every_hours": 24}]})

    cron: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z*/,\- ]{9,100}$")] | None = Field(
        None, description="Five fields: minute, hour, day of the month, month, day of the week."
    )
    every_hours: StrictInt | None = Field(None, ge=1, le=24 * 90)

    @model_validator(mode="after")
    def _one_of_two(self) -> "ScheduleIn":
        if (self.cron is None) is (self.every_hours is None):
            raise ValueError("give either cron or every_hours")
        return self

    def schedule(self) -> ReindexSchedule:
        return ReindexSchedule(
            cron=self.cron, every=None if self.every_hours is None else timedelta(hours=self.every_hours)
        )


class ScheduleOut(Response):
    cron: str | None
    every_hours: int | None
    next_run: Instant | None
    last_run: Instant | None

    @classmethod
    def of(cls, found: ReindexSchedule) -> "ScheduleOut":
        return cls(
            cron=found.cron,
            every_hours=None if found.every is None else int(found.every.total_seconds()) // 3600,
            next_run=found.next_run,
            last_run=found.last_run,
        )
