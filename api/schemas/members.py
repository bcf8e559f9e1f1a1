"""Members, as an administrator sees them."""

from uuid import UUID

from pydantic import Field, StrictBool

from api.schemas.base import Instant, Name, PageQuery, Request, Response
from api.schemas.people import Email
from models.contracts.enums import Role
from models.repositories.members import MemberState, Person


class MembersQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")


class InviteIn(Request):
    email: Email
    name: Name
    role: Role = Field(Role.AGENT, description="Not above your own.")


class MemberPatch(Request):
    """What is left out stays."""

    name: Name | None = None
    role: Role | None = Field(None, description="Not above your own.")
    disabled: StrictBool | None = Field(
        None, description="Who is disabled is signed out everywhere, and their keys rest."
    )


class MemberOut(Response):
    id: UUID
    name: str
    email: str | None = Field(None, description="Shown to those who may manage members, and to oneself.")
    role: Role
    state: MemberState
    joined_at: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, person: Person, *, with_address: bool) -> "MemberOut":
        return cls(
            id=person.id,
            name=person.name,
            email=person.email if with_address else None,
            role=person.role,
            state=person.state,
            joined_at=person.joined_at,
            created_at=person.created_at,
        )
