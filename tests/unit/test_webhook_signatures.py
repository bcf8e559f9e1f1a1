"""How deliveries prove themselves: by the vectors of those who defined it, and whatever else is tried."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from api.webhooks.signatures import SECRET_PREFIX, new_secret, standard, telegram, whatsapp

# The vector of the Standard Webhooks specification.
KEY = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
BODY = b'{"test": 2432232314}'
NOW = 1614265330.0
SIGNED = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
OTHER = "v1," + base64.b64encode(bytes(32)).decode()


def headers(**changes: str | None) -> Headers:
    changed = SIGNED | {name.replace("_", "-"): value for name, value in changes.items()}
    return Headers({name: value for name, value in changed.items() if value is not None})


def test_the_vector_of_the_specification() -> None:
    assert standard(headers(), BODY, [KEY], NOW)


def test_either_secret_is_good_during_a_rotation_and_either_signature() -> None:
    other = bytes(range(32))
    assert standard(headers(), BODY, [other, KEY], NOW)
    assert standard(headers(webhook_signature=f"{OTHER} {SIGNED['webhook-signature']}"), BODY, [KEY], NOW)
    assert standard(
        headers(webhook_signature=f"{SIGNED['webhook-signature']} v1a,bm9uc2Vuc2U= {OTHER}"), BODY, [KEY], NOW
    )
    assert not standard(headers(), BODY, [other], NOW)
    assert not standard(headers(), BODY, [], NOW)


@pytest.mark.parametrize(("seconds", "good"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_five_minutes_on_either_side(seconds: int, good: bool) -> None:
    assert standard(headers(), BODY, [KEY], NOW + seconds) is good


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_id": None},
        {"webhook_timestamp": None},
        {"webhook_signature": None},
        {"webhook_id": ""},
        {"webhook_id": "msg_other"},
        {"webhook_id": "x" * 256},
        {"webhook_timestamp": "1614265331"},
        {"webhook_timestamp": "1614265330.0"},
        {"webhook_timestamp": "١٦١٤٢٦٥٣٣٠".encode().decode("latin-1")},
        {"webhook_timestamp": "-1614265330"},
        {"webhook_timestamp": "9" * 400},
        {"webhook_signature": ""},
        {"webhook_signature": "v1,"},
        {"webhook_signature": "v1"},
        {"webhook_signature": SIGNED["webhook-signature"].replace("v1,", "v2,")},
        {"webhook_signature": SIGNED["webhook-signature"].replace("v1,", "")},
        {"webhook_signature": SIGNED["webhook-signature"][:-4]},
        {"webhook_signature": SIGNED["webhook-signature"] + "="},
        {"webhook_signature": SIGNED["webhook-signature"].replace("g0h", "g0\xffh")},
        {"webhook_signature": f"{OTHER} " * 10 + SIGNED["webhook-signature"]},
    ],
)
def test_what_is_not_signed_like_this_is_refused(changes: dict[str, str | None]) -> None:
    assert not standard(headers(**changes), BODY, [KEY], NOW)


def test_a_header_that_stands_there_twice_proves_nothing() -> None:
    once = [(name.encode(), value.encode()) for name, value in SIGNED.items()]
    assert standard(Headers(raw=once), BODY, [KEY], NOW)
    for header in once:
        assert not standard(Headers(raw=[*once, header]), BODY, [KEY], NOW)


def test_what_is_signed_together_cannot_be_cut_elsewhere() -> None:
    """`id.timestamp.body` of one delivery is never that of another: an id holds no dot."""
    signature = base64.b64encode(hmac.digest(KEY, b"a.1614265330.1614265330.{}", hashlib.sha256)).decode()
    cut = headers(webhook_id="a.1614265330", webhook_signature=f"v1,{signature}")
    assert not standard(cut, b"{}", [KEY], NOW)


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=64), st.integers(0, 10**11))
def test_every_body_is_good_as_it_was_signed_and_no_other(body: bytes, key: bytes, now: int) -> None:
    signature = base64.b64encode(hmac.digest(key, f"m.{now}.".encode() + body, hashlib.sha256)).decode()
    signed = headers(webhook_id="m", webhook_timestamp=str(now), webhook_signature=f"v1,{signature}")
    assert standard(signed, body, [key], now)
    assert not standard(signed, body + b" ", [key], now)
    assert not standard(signed, body, [key + b"\x01"], now)


@given(st.dictionaries(st.sampled_from(sorted(SIGNED)), st.text(st.characters(max_codepoint=255), max_size=80)))
def test_nonsense_is_refused_and_nothing_worse(given_headers: dict[str, str]) -> None:
    assert not standard(Headers(given_headers), BODY, [KEY], NOW)


def test_a_new_secret_is_written_as_others_read_it() -> None:
    secret, written = new_secret()
    assert len(secret) == 32
    assert base64.b64decode(written.removeprefix(SECRET_PREFIX), validate=True) == secret
    assert new_secret()[0] != secret


def test_telegram_repeats_its_token() -> None:
    token = Headers({"X-Telegram-Bot-Api-Secret-Token": "abc_DEF-123"})
    assert telegram(token, b"", [b"old", b"abc_DEF-123"], NOW)
    for keys in ([], [b""], [b"abc_DEF-12"], [b"abc_DEF-1234"], [b"ABC_def-123"]):
        assert not telegram(token, b"", keys, NOW)
    assert not telegram(Headers({}), b"", [b""], NOW)
    assert not telegram(Headers({"X-Telegram-Bot-Api-Secret-Token": ""}), b"", [b""], NOW)


def test_whatsapp_signs_the_bytes() -> None:
    """A body as providers send them, with an emoji, escaped or not: the bytes count."""
    secret = b"app-secret"
    for body in ('{"text":"привет 👋"}'.encode(), b'{"text":"\\ud83d\\udc4b"}'):
        signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
        assert whatsapp(Headers({"X-Hub-Signature-256": f"sha256={signature}"}), body, [secret], NOW)
        for wrong in (
            signature,
            f"sha1={signature}",
            f"sha256={signature[:-2]}",
            "sha256=",
            "sha256=zz",
            f"sha256= {signature}",
        ):
            assert not whatsapp(Headers({"X-Hub-Signature-256": wrong}), body, [secret], NOW)
        assert not whatsapp(Headers({"X-Hub-Signature-256": f"sha256={signature}"}), body + b"\n", [secret], NOW)
        assert not whatsapp(Headers({"X-Hub-Signature-256": f"sha256={signature}"}), body, [b"other"], NOW)
