"""The question that Meta asks of an address before it delivers there."""

import pytest

from api.webhooks.challenge import answer

ASKED = {"hub.mode": "subscribe", "hub.verify_token": "our-token", "hub.challenge": "1158201444"}


def test_whoever_knows_the_token_gets_the_challenge_back() -> None:
    assert answer(ASKED, "our-token") == "1158201444"


@pytest.mark.parametrize(
    "change",
    [
        {"hub.verify_token": "other"},
        {"hub.verify_token": ""},
        {"hub.verify_token": "\ud800"},
        {"hub.mode": "unsubscribe"},
        {"hub.challenge": ""},
        {"hub.challenge": "<script>alert(1)</script>"},
        {"hub.challenge": "1" * 201},
    ],
)
def test_nobody_else_gets_anything(change: dict[str, str]) -> None:
    assert answer(ASKED | change, "our-token") is None


def test_an_account_without_a_token_is_nobodys() -> None:
    assert answer(ASKED | {"hub.verify_token": ""}, "") is None
    assert answer({}, "our-token") is None
