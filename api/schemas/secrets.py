"""A tenant's secrets: what is sent, and the little that is ever shown."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from api.schemas.base import Instant, Request, Response
from models.repositories.tenant_secrets import Secret

SecretName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]

VALUE_MAX_CHARS = 8192


def _encodable(value: SecretStr) -> SecretStr:
    try:
        value.get_secret_value().encode()
    except UnicodeEncodeError:
        # The codec's own error would quote the value.
        raise ValueError("must be text: it holds half a surrogate pair") from None
    return value


class SecretIn(Request):
    """What is to be kept. It is encrypted, and never shown again."""

    value: Annotated[SecretStr, Field(min_length=1, max_length=VALUE_MAX_CHARS), AfterValidator(_encodable)]


class SecretOut(Response):
    """What may be seen of a secret."""

    name: str
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, secret: Secret) -> "SecretOut":
        return cls(name=secret.name, created_at=secret.created_at, updated_at=secret.updated_at)


class SecretsOut(Response):
    """All of them, by name. There are few, so there are no pages."""

    items: list[SecretOut]
