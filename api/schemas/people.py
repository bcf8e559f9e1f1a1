"""What people send to become a member, and to choose a password."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from api.schemas.base import Name, Request, Response
from models.contracts.people import LONGEST_ADDRESS, email_address

Email = Annotated[
    str,
    AfterValidator(email_address),
    Field(max_length=LONGEST_ADDRESS, json_schema_extra={"format": "email"}, examples=["aigerim@example.com"]),
]
# What is wrong with one is said by api.password_rules; these bounds are for what nobody would call a password.
Password = Annotated[SecretStr, Field(min_length=1, max_length=1000)]
Token = Annotated[SecretStr, Field(min_length=1, max_length=200, description="From the mail.")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class RegisterIn(Request):
    tenant: Slug
    email: Email
    name: Name
    password: Password


class ConfirmIn(Request):
    token: Token


class ForgotIn(Request):
    email: Email
    tenant: Slug | None = Field(None, description="Without it: every account with this address.")


class ResetIn(Request):
    token: Token
    password: Password


class AcceptIn(Request):
    token: Token
    password: Password
    name: Name | None = Field(None, description="Instead of the one in the invitation.")


class ChangePasswordIn(Request):
    current: Password
    new: Password


class Told(Response):
    """The same words whatever was found."""

    message: str
