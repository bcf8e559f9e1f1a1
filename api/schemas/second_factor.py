"""The second factor, as those who add one see it."""

from typing import Annotated

from pydantic import Field, SecretStr

from api.schemas.base import Request, Response
from api.schemas.people import Password

Code = Annotated[
    SecretStr, Field(min_length=1, max_length=64, description="Of the authenticator app, or a recovery code.")
]


class BeginTotpIn(Request):
    password: Password


class TotpBegun(Response):
    """Shown this once. `uri` goes into a QR code; `secret` is for typing."""

    secret: str = Field(examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])
    uri: str = Field(examples=["otpauth://totp/Acme:aigerim%40example.com?secret=JBSW…&issuer=Acme"])


class ConfirmTotpIn(Request):
    code: Annotated[SecretStr, Field(min_length=1, max_length=64, description="What the authenticator app shows.")]


class RecoveryCodes(Response):
    """Each signs in once in place of the app. Shown this once: keep them where the app is not."""

    recovery_codes: list[str]


class ProofIn(Request):
    """That it is really you: the password, and a code."""

    password: Password
    code: Code
