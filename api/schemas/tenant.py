"""The tenant itself, and what becomes of it."""

from uuid import UUID

from pydantic import Field, model_validator

from api.schemas.base import Instant, Name, Request, Response
from models.contracts.enums import Language
from models.contracts.settings import TenantSettings
from models.contracts.tenant_life import DeletionStatus, ExportStatus
from models.repositories.tenant_deletion import Deletion
from models.repositories.tenant_exports import Export
from models.repositories.tenants import Profile


class TenantOut(Response):
    """A tenant, as its people see it."""

    id: UUID
    slug: str
    name: str
    language: Language = Field(description="To answer in when a message does not tell.")
    created_at: Instant

    @classmethod
    def of(cls, found: Profile) -> "TenantOut":
        return cls(id=found.id, slug=found.slug, name=found.name, language=found.language, created_at=found.created_at)


class TenantChanges(Request):
    """What is left out stays as it is."""

    name: Name | None = None
    language: Language | None = None

    @model_validator(mode="after")
    def _something(self) -> "TenantChanges":
        if not self.changed():
            raise ValueError("give at least one of name and language")
        return self

    def changed(self) -> list[str]:
        """Names of the fields to change."""
        return [name for name in ("name", "language") if getattr(self, name) is not None]


class SettingsOut(Response):
    """Everything that a tenant can tune. Write the whole of it back, with the `ETag` that came with it."""

    settings: TenantSettings


class ExportOut(Response):
    """An export of everything. Its file can be fetched when it is done, until it expires."""

    id: UUID
    status: ExportStatus
    tables: int = Field(description="That will be in it.")
    tables_done: int
    rows: int
    bytes: int = Field(description="As kept here: compressed and encrypted.")
    created_at: Instant
    finished_at: Instant | None = None
    expires_at: Instant | None = None

    @classmethod
    def of(cls, found: Export) -> "ExportOut":
        return cls(
            id=found.id,
            status=found.status,
            tables=found.tables,
            tables_done=found.tables_done,
            rows=found.rows,
            bytes=found.bytes,
            created_at=found.created_at,
            finished_at=found.finished_at,
            expires_at=found.expires_at,
        )


class DeletionIn(Request):
    """The tenant's slug, typed by whoever means it."""

    slug: str = Field(min_length=1, max_length=63)


class DeletionOut(Response):
    """A deletion that was asked for. Until `due_at` it can be called off; the tenant is suspended meanwhile."""

    id: UUID
    status: DeletionStatus
    due_at: Instant
    created_at: Instant
    cancelled_at: Instant | None = None

    @classmethod
    def of(cls, found: Deletion) -> "DeletionOut":
        return cls(
            id=found.id,
            status=found.status,
            due_at=found.due_at,
            created_at=found.created_at,
            cancelled_at=found.cancelled_at,
        )
