"""Policies on the wire."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from api.schemas.base import Instant, PageQuery, Person, Request, Response, storable
from models.contracts.policy import Policy
from models.policies.difference import Change
from models.repositories.policies import Version

Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(storable)]
Number = Annotated[int, Field(ge=1, lt=2**31)]


class VersionOut(Response):
    """A version of the policy: when and by whom it was put in force, and why."""

    version: int = Field(ge=0, description="0 is the empty policy of a tenant that has never written one.")
    created_at: Instant | None = None
    created_by: Person | None = Field(None, description="Null for an operator.")
    note: str | None = None
    restores: int | None = Field(None, description="The earlier version that this one repeats.")


class PolicyOut(VersionOut):
    """A policy, with what it leaves out as defaults."""

    policy: Policy

    @classmethod
    def of(cls, found: Version | None, names: dict[UUID, str]) -> "PolicyOut":
        if found is None:
            return cls(version=0, policy=Policy())
        return cls(**version_out(found, names).model_dump(), policy=found.policy)


def version_out(found: Version, names: dict[UUID, str]) -> VersionOut:
    by = found.member_id
    return VersionOut(
        version=found.version,
        created_at=found.created_at,
        created_by=None if by is None or by not in names else Person(id=by, name=names[by]),
        note=found.note,
        restores=found.restores,
    )


class ChangeOut(Response):
    """A field that differs, as `topics.refunds.phrases`. Null stands for what is not there."""

    field: str
    before: Any
    after: Any

    @classmethod
    def of(cls, change: Change) -> "ChangeOut":
        return cls(field=change.field, before=change.before, after=change.after)


class ChangesOut(Response):
    """What changes between two policies; nothing, when they say the same."""

    changes: list[ChangeOut]


class VersionsQuery(PageQuery):
    cursor: Number | None = Field(None, description="`next` of the page before.")


class PutQuery(Request):
    note: Note | None = Field(None, description="Why, for those who read the history.")


class ChangesQuery(Request):
    since: Number | None = Field(None, description="The version to compare with. Default: the one before.")


class RestoreIn(Request):
    note: Note | None = None


class StarterOut(Response):
    """A policy to begin with, as YAML with comments."""

    industry: str
    document: str
