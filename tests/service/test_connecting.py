"""What whoever adds a bot is told of it: by the gateway, with a Telegram that judges every request."""

from collections.abc import AsyncIterator

import pytest

from cli.connecting import connecting
from runtime.database import Database
from runtime.embedded import Servers
from tests.fakes.telegram import FakeTelegram
from tests.service.api.house import Company, company, serving, settings_of

PATH = "/v1/channel-accounts"


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as telegram:
        yield telegram
        assert telegram.wrong == []


@pytest.fixture
async def shop(servers: Servers, database: Database, telegram: FakeTelegram) -> AsyncIterator[Company]:
    settings = settings_of(servers, telegram_url=telegram.url, public_url="http://shop.example")
    async with (
        serving(settings, open_connector=connecting(settings)) as (url, _),
        company(database, url) as shop,
    ):
        yield shop


async def test_what_a_bot_lacks_and_whose_it_is_can_be_read(shop: Company, telegram: FakeTelegram) -> None:
    bot, other = telegram.add_bot(), telegram.add_bot()

    def given(name: str, token: str, receive: str = "poll") -> dict[str, object]:
        settings = {"receive": receive}
        return {"provider": "telegram", "name": name, "settings": settings, "credentials": {"token": token}}

    refused = await shop.post(PATH, given("wrong", f"{bot.id}:{'x' * 35}"))
    assert "@BotFather" in refused.json()["errors"][0]["message"]

    # Telegram delivers by https alone.
    made = (await shop.post(PATH, given("shop", bot.token, "webhook"))).json()
    assert (made["health"], made["health_code"]) == ("dead", "bad_webhook")
    assert "MAINSTAY_PUBLIC_URL" in made["advice"][0]
    assert made["webhook_url"] == f"http://shop.example{made['webhook_path']}"
    asked = await shop.http.patch(f"{PATH}/{made['id']}", json={"settings": {"receive": "poll"}})
    assert (asked.json()["health"], asked.json()["settings"]["username"]) == ("ok", bot.username)

    here, named = [
        await shop.post(PATH, given(name, token)) for name, token in (("again", bot.token), ("shop", other.token))
    ]
    assert [here.status_code, named.status_code] == [409, 409]
    assert "is here already" in here.json()["detail"]
    assert "with this name" in named.json()["detail"]
