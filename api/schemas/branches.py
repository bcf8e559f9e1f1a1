"""Branches: a tenant's locations."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from api.problems import NOT_BLANK
from api.schemas.base import Instant, Name, Request, Response, storable
from models.repositories.branches import Branch

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", max_length=63)]
Tag = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern=NOT_BLANK, strip_whitespace=True),
    AfterValidator(storable),
]


class BranchOut(Response):
    """A location of the tenant, with channel accounts of its own."""

    id: UUID
    slug: str
    name: str
    knowledge_tag: str | None
    assistant_id: UUID | None = Field(None, description="Who answers there; null: the tenant's default assistant.")
    created_at: Instant

    @classmethod
    def of(cls, found: Branch) -> "BranchOut":
        return cls(
            id=found.id,
            slug=found.slug,
            name=found.name,
            knowledge_tag=found.knowledge_tag,
            assistant_id=found.assistant_id,
            created_at=found.created_at,
        )


class BranchesOut(Response):
    """All of them, by slug."""

    items: list[BranchOut]


class BranchIn(Request):
    slug: Slug = Field(description="Short and lasting name, unique in the tenant.")
    name: Name
    knowledge_tag: Tag | None = Field(None, description="Of the sources that are for this branch.")
    assistant_id: UUID | None = Field(None, description="Who answers there.")


class BranchChanges(Request):
    """What is left out stays as it is; a `knowledge_tag` or an `assistant_id` of null is taken away."""

    name: Name | None = None
    knowledge_tag: Tag | None = None
    assistant_id: UUID | None = None

    @model_validator(mode="after")
    def _something(self) -> "BranchChanges":
        if not self.model_fields_set:
            raise ValueError("give at least one of name, knowledge_tag and assistant_id")
        if "name" in self.model_fields_set and self.name is None:
            raise ValueError("name cannot be null")
        return self
