"""Requests and responses about signing in and about oneself."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StringConstraints

from api.identity.auth import permissions_of
from api.permissions import Permission
from api.schemas.base import Instant, Name, Request, Response, storable
from models.contracts.enums import Role
from models.repositories.sessions import Me, Session
from models.repositories.tenants import Caller

# Not checked for its form: what is no address is nobody's, and gets the answer that every stranger gets.
Email = Annotated[
    str,
    StringConstraints(min_length=1, max_length=254, strip_whitespace=True, to_lower=True),
    AfterValidator(storable),
]
Password = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(storable)]
Slug = Annotated[str, StringConstraints(min_length=1, max_length=63), AfterValidator(storable)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True), AfterValidator(storable)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=2048), AfterValidator(storable)]

TENANT = "The tenant's slug; needed when the address belongs to members of several tenants."
CODE = "Of the authenticator app, or a recovery code; for who has a second factor."
DEVICE = "`device_token` of an earlier sign-in on this device: strangers' failures then delay nobody here."


class LoginForm(Request):
    """The password form of OAuth 2. What is of no use here (`scope`, `client_id`, `client_secret`) is ignored."""

    username: Email
    password: Password
    tenant: Slug | None = Field(None, description=TENANT)
    code: Code | None = Field(None, description=CODE)
    device_token: Token | None = Field(None, description=DEVICE)
    grant_type: Literal["password"] = "password"
    scope: str = ""
    client_id: str | None = None
    client_secret: str | None = None


class LoginIn(Request):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "aigerim@example.com", "password": "correct horse battery staple"}]}
    )

    email: Email
    password: Password
    tenant: Slug | None = Field(None, description=TENANT)
    code: Code | None = Field(None, description=CODE)
    device_token: Token | None = Field(None, description=DEVICE)
    cookies: StrictBool = Field(False, description="Keep the tokens in cookies, for pages of this server.")


class RefreshIn(Request):
    refresh_token: Token | None = Field(None, description="Null: it is in a cookie.")


class TokensOut(Response):
    """Tokens are null where they are in cookies, and then `csrf_token` is there."""

    access_token: str | None
    refresh_token: str | None = Field(description="For one use: the answer to it has the next one.")
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # a word of OAuth
    expires_in: int = Field(description="Seconds that the access token is valid.")
    csrf_token: str | None = Field(None, description="Send it as `X-CSRF-Token` whenever you change something.")
    device_token: str | None = Field(None, description="Keep it, and send it with the next sign-in on this device.")


class TenantOut(Response):
    id: UUID
    slug: str
    name: str


class MeOut(Response):
    """Who is signed in, and what they may do."""

    id: UUID
    name: str
    email: str | None
    role: Role
    tenant: TenantOut
    permissions: list[Permission]

    @classmethod
    def of(cls, caller: Caller, me: Me) -> "MeOut":
        return cls(
            id=caller.member_id,
            name=me.name,
            email=me.email,
            role=caller.role,
            tenant=TenantOut(id=caller.tenant_id, slug=me.tenant_slug, name=me.tenant_name),
            permissions=sorted(permissions_of(caller)),
        )


class MeChanges(Request):
    name: Name


class SessionOut(Response):
    """One place where you are signed in."""

    id: UUID
    current: bool = Field(description="The session of this very request.")
    created_at: Instant
    last_used_at: Instant = Field(description="When it was last refreshed.")
    expires_at: Instant
    ip: str | None
    user_agent: str | None

    @classmethod
    def of(cls, session: Session, caller: Caller) -> "SessionOut":
        return cls(
            id=session.id,
            current=session.id == caller.session_id,
            created_at=session.created_at,
            last_used_at=session.refreshed_at,
            expires_at=session.expires_at,
            ip=session.ip,
            user_agent=session.user_agent,
        )


class SessionsOut(Response):
    items: list[SessionOut]


class SessionsEnded(Response):
    ended: int
