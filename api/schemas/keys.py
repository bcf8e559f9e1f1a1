"""API keys, as those who manage them see them."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StrictInt

from api.permissions import Permission
from api.schemas.base import Instant, Name, PageQuery, Person, Request, Response
from models.repositories.api_keys import Key


def _for_a_key(scopes: list[Permission]) -> list[Permission]:
    if Permission.SELF in scopes:
        raise ValueError("`self` is for people who are signed in; no key can have it")
    return sorted(set(scopes))


Scopes = Annotated[list[Permission], Field(min_length=1, max_length=len(Permission)), AfterValidator(_for_a_key)]


class KeysQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")


class KeyIn(Request):
    name: Name
    member_id: UUID | None = Field(None, description="Whose key it is. Default: yours.")
    scopes: Scopes | None = Field(
        None, description="What the key is confined to. Default: everything that its member's role may do."
    )
    expires_in_days: StrictInt | None = Field(None, ge=1, le=3650)


class RotateIn(Request):
    grace_minutes: StrictInt = Field(0, ge=0, le=10_080, description="How long the secret until now stays good.")


class KeyOut(Response):
    id: UUID
    name: str
    prefix: str = Field(description="How the key begins.")
    member: Person
    scopes: list[str] | None = Field(description="null: everything that the member's role may do.")
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None = Field(description="To the minute.")
    previous_until: Instant | None = Field(description="After a rotation: until then the secret before is good too.")

    @classmethod
    def of(cls, key: Key) -> "KeyOut":
        return cls(
            id=key.id,
            name=key.name,
            prefix=key.prefix,
            member=Person(id=key.member_id, name=key.member_name),
            scopes=None if key.scopes is None else sorted(key.scopes),
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            previous_until=key.previous_until,
        )


class KeyWithSecret(KeyOut):
    secret: str = Field(description="The key itself. It is shown this once.")

    @classmethod
    def with_secret(cls, key: Key, secret: str) -> "KeyWithSecret":
        return cls(**dict(KeyOut.of(key)), secret=secret)
