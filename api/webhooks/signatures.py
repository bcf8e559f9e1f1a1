"""How a delivery proves where it comes from: one function for each way of signing. Each takes constant time."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence

from starlette.datastructures import Headers

Verify = Callable[[Headers, bytes, Sequence[bytes], float], bool]
"""`verify(headers, body, secrets, now)`: whether one of the secrets has signed the delivery. `now`: Unix seconds."""

TOLERANCE_SECONDS = 300
MAX_SIGNATURES = 10
SECRET_PREFIX = "whsec_"  # noqa: S105  # how every such secret begins

# Without a dot: it separates what is signed together.
WEBHOOK_ID = re.compile(r"[!-\-/-~]{1,255}")
TIMESTAMP = re.compile(r"[0-9]{1,12}")


def new_secret() -> tuple[bytes, str]:
    """A secret of an account, and how its other side writes it down (Standard Webhooks)."""
    secret = secrets.token_bytes(32)
    return secret, SECRET_PREFIX + base64.b64encode(secret).decode()


def standard(headers: Headers, body: bytes, keys: Sequence[bytes], now: float) -> bool:
    """Standard Webhooks: HMAC-SHA256 of `id.timestamp.body`, several signatures while secrets are rotated."""
    identifier = _only(headers, "webhook-id")
    timestamp = _only(headers, "webhook-timestamp")
    signatures = _only(headers, "webhook-signature").split(" ")
    if not WEBHOOK_ID.fullmatch(identifier) or not TIMESTAMP.fullmatch(timestamp) or len(signatures) > MAX_SIGNATURES:
        return False
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    given = [_decoded(value) for version, _, value in (each.partition(",") for each in signatures) if version == "v1"]
    content = f"{identifier}.{timestamp}.".encode() + body
    return _any_equal(given, [hmac.digest(key, content, hashlib.sha256) for key in keys])


def telegram(headers: Headers, _body: bytes, keys: Sequence[bytes], _now: float) -> bool:
    """Telegram repeats the token that its webhook was set with."""
    return known_word(_only(headers, "x-telegram-bot-api-secret-token"), keys)


def known_word(given: str, keys: Sequence[bytes]) -> bool:
    """Whether `given` is one of the words that we gave away."""
    # Hashed, so that not even the length shows.
    digest = hashlib.sha256(given.encode(errors="replace")).digest()
    return _any_equal([digest], [hashlib.sha256(key).digest() for key in keys if key])


def whatsapp(headers: Headers, body: bytes, keys: Sequence[bytes], _now: float) -> bool:
    """Meta signs the bytes of the body with the app's secret."""
    scheme, _, value = _only(headers, "x-hub-signature-256").partition("=")
    try:
        given = bytes.fromhex(value) if scheme == "sha256" and value.isalnum() else b""
    except ValueError:
        return False
    return _any_equal([given], [hmac.digest(key, body, hashlib.sha256) for key in keys])


def _only(headers: Headers, name: str) -> str:
    """The header's one value; empty when it is missing, or stands there twice and could be read in two ways."""
    values = headers.getlist(name)
    return values[0] if len(values) == 1 else ""


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _any_equal(given: Sequence[bytes], expected: Sequence[bytes]) -> bool:
    """Compares every pair, so that the time does not tell which was the right one."""
    return any([hmac.compare_digest(one, other) for one in given for other in expected])  # noqa: C419  # no early end
