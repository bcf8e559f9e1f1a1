"""What somebody who has added a channel account is told to do next."""

from typing import Any

import pytest

from cli.channel_steps import is_public, place, steps

PUBLIC = "https://support.example/v1/channels/x/1"


def told(provider: str, **changed: Any) -> str:
    account = {
        "id": "1", "name": "shop", "provider": provider, "settings": {"username": "shop_bot"}, "health": "ok",
        "health_code": None, "webhook_url": None, "webhook_secret": "a-secret",
    }  # fmt: skip
    return "\n".join(steps(account | changed))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"provider": "telegram"}, ["https://t.me/shop_bot", "no public address"]),
        ({"provider": "telegram", "webhook_url": PUBLIC}, [f"delivers to {PUBLIC}"]),
        (
            {"provider": "telegram", "health": "dead", "health_code": "webhook_set", "settings": {}},
            ["mainstay channels check shop --take-over"],
        ),
        ({"provider": "email", "health": "away", "health_code": "unreachable"}, ["mainstay channels check shop"]),
        ({"provider": "whatsapp_cloud", "webhook_url": PUBLIC}, [PUBLIC, "verify token", "`messages`"]),
        ({"provider": "chatflow", "webhook_url": PUBLIC}, [f"{PUBLIC}?key=a-secret"]),
        ({"provider": "email", "webhook_url": PUBLIC}, [PUBLIC, "a-secret"]),
        ({"provider": "web"}, ['data-account="1"', "a-secret"]),
    ],
    ids=lambda each: each["provider"] if isinstance(each, dict) else "",
)
def test_what_is_to_be_done_next(given: dict[str, Any], words: list[str]) -> None:
    said = told(**given)
    assert [word for word in words if word not in said] == []
    assert "MAINSTAY_PUBLIC_URL" not in said


@pytest.mark.parametrize("provider", ["whatsapp_cloud", "chatflow", "email"])
def test_an_address_that_nobody_reaches_is_told(provider: str) -> None:
    assert "MAINSTAY_PUBLIC_URL" in told(provider, webhook_url="http://localhost:8080/v1/channels/x/1")


def test_which_addresses_are_public() -> None:
    assert is_public(PUBLIC)
    assert not any(map(is_public, ("http://support.example/x", "https://localhost/x", "https://127.0.0.1:8443/x")))


@pytest.mark.parametrize(
    ("provider", "settings", "where"),
    [
        ("telegram", {"username": "shop_bot"}, "https://t.me/shop_bot"),
        ("email", {"address": "help@shop.example"}, "help@shop.example"),
        ("whatsapp_cloud", {}, "its WhatsApp number"),
        ("chatflow", {}, "its WhatsApp number"),
        ("web", {}, "the widget on your site"),
        ("api", {}, "/v1/channels/api/1"),
    ],
)
def test_a_customer_writes_there(provider: str, settings: dict[str, str], where: str) -> None:
    account = {"provider": provider, "settings": settings, "webhook_path": "/v1/channels/api/1"}
    assert place(account) == where
