"""How a site proves who is signed in on its page: a short-lived JWT, or an HMAC of their id."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt

from models.contracts.people import email_address

ALGORITHM = "HS256"
LONGEST_LIFE = timedelta(hours=1)
SECRET_PREFIX = "mis_"  # noqa: S105  # how every such secret begins
MAX_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Identity:
    """`id`: the site's own name of the person, as `external_id` elsewhere."""

    id: str
    name: str | None = None
    email: str | None = None


def new_secret() -> tuple[bytes, str]:
    """A secret, and how it is shown. Libraries take a secret as its letters, so the letters are the key."""
    shown = SECRET_PREFIX + secrets.token_urlsafe(32)
    return shown.encode(), shown


def of_token(token: str, account_id: UUID, keys: Sequence[bytes]) -> Identity | None:
    """Who a token names, if one of the keys has signed it for this account and it ends within an hour; else None."""
    claims = next(filter(None, (_claims(token, account_id, key) for key in keys)), None)
    if claims is None or int(claims["exp"]) > time.time() + LONGEST_LIFE.total_seconds():
        return None
    name, email = _text(claims.get("name")), _text(claims.get("email"))
    who = _text(claims["sub"])
    return None if who is None else Identity(who, name, _address(email))


def of_hash(user_id: str, name: str | None, given: str, keys: Sequence[bytes]) -> Identity | None:
    """Who a page names by id, if one of the keys gives this HMAC of it (64 hexadecimal digits); else None.

    The name is what the page says: the HMAC does not cover it.
    """
    expected = [hmac.digest(key, user_id.encode(), hashlib.sha256).hex() for key in keys]
    # Compares every one, so that the time does not tell which was the right one.
    good = any([hmac.compare_digest(each, given) for each in expected])  # noqa: C419  # no early end
    return Identity(user_id, name) if good else None


def _claims(token: str, account_id: UUID, key: bytes) -> dict[str, Any] | None:
    try:
        return jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=str(account_id),
            options={"require": ["sub", "aud", "exp"], "strict_aud": True},
        )
    except (jwt.InvalidTokenError, ValueError, OverflowError):
        return None


def _text(value: object) -> str | None:
    """A claim as it can be stored; None when it is none."""
    if not isinstance(value, str) or "\x00" in value:
        return None
    value = value.strip()
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value if 1 <= len(value) <= MAX_CHARACTERS else None


def _address(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return email_address(value)
    except ValueError:
        return None
