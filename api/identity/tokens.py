"""Signed tokens: who is signed in, for minutes; who signed in here before; whose a conversation on a site is."""

import hashlib
import json
import re
import time
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt

from models.repositories.signing_keys import SigningKeys
from runtime.ids import new_id

# The only algorithm: a token that names another is refused.
ALGORITHM = "HS256"
ISSUER = "mainstay"
AUDIENCE = "mainstay-api"
DEVICE_LIFE = timedelta(days=365)
VISIT_LIFE = timedelta(hours=1)

# Three parts of base64url without padding. The last character of an HMAC carries four bits only: with any other
# character there, other spellings of the same signature would pass.
SHAPE = re.compile(r"[A-Za-z0-9_-]{1,512}\.[A-Za-z0-9_-]{1,1024}\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

REQUIRED = ["iss", "aud", "sub", "typ", "jti", "iat", "exp"]


@dataclass(frozen=True, slots=True)
class Access:
    """What an access token says. `csrf_hash` is there when it may come in a cookie."""

    tenant_id: UUID
    member_id: UUID
    session_id: UUID
    csrf_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """What a visitor's token says: which conversation of which site is theirs, until `ends` (Unix seconds)."""

    tenant_id: UUID
    account_id: UUID
    conversation_id: UUID
    ends: int = 0


class Tokens:
    """Makes and reads tokens. Reading says only whether a token is good, never why not."""

    def __init__(self, keys: SigningKeys, *, access_life: timedelta) -> None:
        self._keys = keys
        self.access_life = access_life

    async def access(self, granted: Access) -> str:
        claims = {"sub": granted.member_id.hex, "tid": granted.tenant_id.hex, "sid": granted.session_id.hex}
        if granted.csrf_hash is not None:
            claims["csrf"] = granted.csrf_hash
        return await self._signed("access", claims, self.access_life)

    async def read_access(self, token: str) -> Access | None:
        claims = await self._read("access", token)
        if claims is None:
            return None
        try:
            return Access(UUID(claims["tid"]), UUID(claims["sub"]), UUID(claims["sid"]), claims.get("csrf"))
        except (KeyError, ValueError, AttributeError, TypeError):
            return None

    async def device(self, email: str) -> str:
        """For a device on which somebody has signed in with this (lower-case) address."""
        return await self._signed("device", {"sub": hash_email(email)}, DEVICE_LIFE)

    async def read_device(self, token: str, email: str) -> str | None:
        """The device's id, if the token was given for this address."""
        claims = await self._read("device", token)
        return None if claims is None or claims["sub"] != hash_email(email) else str(claims["jti"])

    async def visit(self, visit: Visit) -> str:
        """For somebody who writes on a page of a site. It is good for their conversation there and nothing else."""
        claims = {"sub": visit.conversation_id.hex, "tid": visit.tenant_id.hex, "aud": _site(visit.account_id)}
        return await self._signed("visit", claims, VISIT_LIFE)

    async def read_visit(self, token: str, account_id: UUID) -> Visit | None:
        """What a token says that was given at this site; None for every other token."""
        claims = await self._read("visit", token, _site(account_id))
        if claims is None:
            return None
        return Visit(UUID(claims["tid"]), account_id, UUID(claims["sub"]), claims["exp"])

    async def _signed(self, kind: str, claims: dict[str, str], life: timedelta) -> str:
        key = await self._keys.current()
        now = int(time.time())
        always = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "typ": kind,
            "jti": new_id().hex,
            "iat": now,
            "exp": now + int(life.total_seconds()),
        }
        return jwt.encode(always | claims, key.secret, ALGORITHM, headers={"kid": key.kid})

    async def _read(self, kind: str, token: str, audience: str = AUDIENCE) -> dict[str, Any] | None:
        kid = _key_id(token) if SHAPE.fullmatch(token) else None
        key = None if kid is None else await self._keys.get(kid)
        if key is None:
            return None
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.secret,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=audience,
                options={"require": REQUIRED, "strict_aud": True},
            )
        except jwt.InvalidTokenError:
            return None
        return claims if claims["typ"] == kind else None


def _site(account_id: UUID) -> str:
    return f"{AUDIENCE}/site/{account_id.hex}"


def _key_id(token: str) -> str | None:
    """What the header names, unverified. The library would decode the whole token for it, and then once more."""
    try:
        header = json.loads(urlsafe_b64decode(token.partition(".")[0] + "=="))
    except ValueError:
        return None
    kid = header.get("kid") if isinstance(header, dict) else None
    return kid if isinstance(kid, str) and KEY_ID.fullmatch(kid) else None


def hash_email(email: str) -> str:
    """Names an address where it should not be read."""
    return hashlib.sha256(email.encode()).hexdigest()
