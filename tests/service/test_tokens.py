"""Access tokens: ours are good, and nothing that anybody makes of them is."""

import base64
import hmac
import json
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.identity.refresh_tokens import RefreshToken
from api.identity.tokens import ALGORITHM, AUDIENCE, ISSUER, Access, Tokens
from models.repositories.signing_keys import SigningKey, SigningKeys
from runtime.crypto.roots import RootKeys
from runtime.database import Database
from tests.service.api.house import ROOT_KEYS

GRANTED = Access(uuid4(), uuid4(), uuid4())


@pytest.fixture(scope="module")
async def keys(database: Database) -> SigningKeys:
    return SigningKeys(database, RootKeys.parse(ROOT_KEYS))


@pytest.fixture(scope="module")
async def tokens(keys: SigningKeys) -> Tokens:
    return Tokens(keys, access_life=timedelta(minutes=10))


@pytest.fixture(scope="module")
async def key(keys: SigningKeys) -> SigningKey:
    return await keys.current()


@pytest.fixture(scope="module")
async def good(tokens: Tokens) -> str:
    return await tokens.access(GRANTED)


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    always: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(GRANTED.member_id),
        "tid": str(GRANTED.tenant_id),
        "sid": str(GRANTED.session_id),
        "typ": "access",
        "jti": uuid4().hex,
        "iat": now,
        "exp": now + 600,
    }
    return {name: value for name, value in (always | changes).items() if value is not None}


async def test_what_is_written_is_read(tokens: Tokens) -> None:
    for granted in (GRANTED, Access(uuid4(), uuid4(), uuid4(), csrf_hash="ab" * 32)):
        assert await tokens.read_access(await tokens.access(granted)) == granted


async def test_the_forger_here_could_make_a_good_one(tokens: Tokens, key: SigningKey) -> None:
    """What is refused below is refused for its own reason only."""
    token = jwt.encode(claims(), key.secret, ALGORITHM, headers={"kid": key.kid})
    assert await tokens.read_access(token) == GRANTED


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "another"},
        {"iss": None},
        {"aud": "another"},
        {"aud": [AUDIENCE]},
        {"aud": [AUDIENCE, "another"]},
        {"aud": None},
        {"typ": "refresh"},
        {"typ": "device"},
        {"typ": None},
        {"typ": ["access"]},
        {"exp": 1},
        {"exp": int(time.time()) - 1},
        {"exp": None},
        {"exp": "never"},
        {"iat": int(time.time()) + 3600},
        {"iat": None},
        {"nbf": int(time.time()) + 3600},
        {"sub": None},
        {"sub": "' OR 1=1 --"},
        {"sub": 5},
        {"sid": None},
        {"sid": "x"},
        {"sid": []},
        {"tid": None},
        {"tid": {}},
        {"jti": None},
    ],
    ids=" ".join,  # of the names: some values follow the clock
)
async def test_a_signed_token_with_wrong_claims(tokens: Tokens, key: SigningKey, changes: dict[str, Any]) -> None:
    try:
        token = jwt.encode(claims(**changes), key.secret, ALGORITHM, headers={"kid": key.kid})
    except TypeError:
        token = raw({"alg": ALGORITHM, "kid": key.kid}, claims(**changes), key)
    assert await tokens.read_access(token) is None


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "NONE"},
        {"alg": ""},
        {"alg": None},
        {"alg": "hs256"},
        {"alg": "HS512"},
        {"alg": "RS256"},
        {"alg": ["HS256"]},
        {"kid": None},
        {"kid": ""},
        {"kid": "0123456789abcdef" * 2},
        {"kid": "../../../../dev/null"},
        {"kid": "' UNION SELECT 'secret"},
        {"kid": "a\x00b"},
        {"kid": 5},
        {"kid": ["a"]},
        {"kid": "x" * 100_000},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
        {"jwk": {"kty": "oct", "k": "AAAA"}, "kid": "jwk"},
        {"jku": "https://evil.example/keys", "kid": "jku"},
        {"x5u": "https://evil.example/keys", "kid": "x5u"},
    ],
    ids=lambda header: str(header)[:40],
)
async def test_a_header_that_is_not_ours(tokens: Tokens, key: SigningKey, header: dict[str, Any]) -> None:
    whole = {"typ": "JWT", "alg": ALGORITHM, "kid": key.kid} | header
    assert await tokens.read_access(raw(whole, claims(), key)) is None
    unsigned = raw(whole, claims(), key).rpartition(".")[0] + "."
    assert await tokens.read_access(unsigned) is None


async def test_a_public_key_is_no_secret(tokens: Tokens, key: SigningKey) -> None:
    private = generate_private_key(65537, 2048)
    token = jwt.encode(claims(), private, "RS256", headers={"kid": key.kid})
    assert await tokens.read_access(token) is None
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert await tokens.read_access(raw({"alg": ALGORITHM, "kid": key.kid}, claims(), SigningKey("", public))) is None


async def test_one_kind_is_not_another(tokens: Tokens) -> None:
    device = await tokens.device("a@example.com")
    assert await tokens.read_access(device) is None
    assert await tokens.read_access(str(RefreshToken.first())) is None
    assert await tokens.read_device(await tokens.access(GRANTED), "a@example.com") is None
    assert await tokens.read_device(device, "b@example.com") is None
    assert await tokens.read_device(device, "a@example.com") is not None
    assert RefreshToken.read(await tokens.access(GRANTED)) is None


@given(data=st.data())
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_not_one_character_may_differ(tokens: Tokens, good: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.one_of(st.sampled_from("ABCabc019-_.=+/ "), st.characters()))
    changed = good[:place] + other + good[place + 1 :]
    if changed != good:
        assert await tokens.read_access(changed) is None


async def test_the_last_character_has_one_spelling(tokens: Tokens, good: str) -> None:
    """Its lowest two bits mean nothing to a decoder."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    accepted = [each for each in alphabet if await tokens.read_access(good[:-1] + each) is not None]
    assert accepted == [good[-1]]


@given(text=st.one_of(st.text(max_size=200), st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*", fullmatch=True)))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nothing_else_is_a_token(tokens: Tokens, text: str) -> None:
    assert await tokens.read_access(text) is None
    assert RefreshToken.read(text) is None


@pytest.mark.parametrize("wrapped", ["{} ", " {}", "{}\n", "{}.", ".{}", "{}=", "{}{}", "\x00{}"])
async def test_nothing_may_stand_around_it(tokens: Tokens, good: str, wrapped: str) -> None:
    assert await tokens.read_access(wrapped.format(good, good)) is None


async def test_made_up_keys_do_not_reach_the_database(keys: SigningKeys, tokens: Tokens, key: SigningKey) -> None:
    began = time.monotonic()
    for _ in range(2000):
        await tokens.read_access(raw({"alg": ALGORITHM, "kid": uuid4().hex}, claims(), key))
    assert time.monotonic() - began < 2


async def test_a_refresh_token_says_nothing_of_itself() -> None:
    token = RefreshToken.first()
    assert str(token)[4:] not in repr(token)
    again = RefreshToken.read(str(token))
    assert again == token
    following = token.next()
    assert following.csrf_token == token.csrf_token
    assert following.hashes.family == token.hashes.family
    assert following.hashes.secret != token.hashes.secret


def raw(header: dict[str, Any], payload: dict[str, Any], key: SigningKey) -> str:
    """A token as nobody's library would make it, with a right HMAC."""
    signed = b".".join(_encoded(json.dumps(part).encode()) for part in (header, payload))
    return b".".join((signed, _encoded(hmac.digest(key.secret, signed, "sha256")))).decode()


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
