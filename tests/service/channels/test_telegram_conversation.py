"""A conversation through Telegram, from end to end: the whole system, and a Telegram that judges every request."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID

import pytest

from activities.channels import typing
from activities.channels.choice import open_accounts
from models.repositories.vault import Vault
from runtime import secrets
from runtime.database import Database
from runtime.embedded import Servers, ports
from runtime.media.port import MediaStore
from tests.fakes.faults import broken, drop_after, slow
from tests.fakes.telegram import Bot, FakeTelegram
from tests.fakes.upload import Upload
from tests.service.api.house import TEST_HOME, Company, settings_of
from tests.service.api.test_api_command_line import Terminal
from tests.service.whole import eventually, messages_of, open_escalation, system

DELIVERY = "How much is delivery to Astana?"
PERSON = "Please let me talk to a real person"


@pytest.fixture(scope="module")
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as telegram:
        yield telegram
        assert telegram.wrong == []


@pytest.fixture(scope="module")
async def shop(servers: Servers, telegram: FakeTelegram) -> AsyncIterator[Company]:
    port = ports.pick(set())
    async with system(servers, telegram_url=telegram.url, port=port, public_url=f"http://127.0.0.1:{port}") as shop:
        quick = {"quiet_seconds": {"telegram": 0.0}}
        changed = await shop.http.put("/v1/tenant/settings", json=quick, headers={"If-Match": "*"})
        changed.raise_for_status()
        yield shop


async def added(shop: Company, bot: Bot, **settings: Any) -> dict[str, Any]:
    made = await shop.post(
        "/v1/channel-accounts",
        {
            "provider": "telegram",
            "name": bot.username,
            "settings": settings,
            "credentials": {"token": bot.token},
        },
    )
    assert made.status_code == 201, made.text
    account: dict[str, Any] = made.json()
    return account


async def conversation_with(shop: Company, chat: int) -> str:
    found: list[dict[str, Any]] = []

    async def opened() -> bool:
        listed = (await shop.get("/v1/conversations?limit=200")).json()["items"]
        found[:] = [each for each in listed if each["customer"]["external_id"] == f"telegram:{chat}"]
        return bool(found)

    await eventually(opened)
    assert len(found) == 1
    return str(found[0]["id"])


async def test_question_person_reply_and_resolution(shop: Company, telegram: FakeTelegram) -> None:
    bot, aida = telegram.add_bot(), telegram.person("Aida")
    account = await added(shop, bot)
    assert (account["health"], account["settings"]["username"]) == ("ok", bot.username)
    telegram.says(bot, aida, DELIVERY)
    [answer] = await telegram.sent(aida)
    assert "1,490" in answer.text
    telegram.says(bot, aida, PERSON)
    await telegram.sent(aida, count=2)
    conversation = await conversation_with(shop, aida.id)
    escalation = (await open_escalation(shop, conversation))["id"]
    (await shop.post(f"/v1/escalations/{escalation}/take")).raise_for_status()
    (
        await shop.post(f"/v1/escalations/{escalation}/reply", {"text": "It is **free** today & tomorrow."})
    ).raise_for_status()
    [*_, reply] = await telegram.sent(aida, count=3)
    assert reply.text == "It is **free** today & tomorrow."
    (await shop.post(f"/v1/escalations/{escalation}/resolve")).raise_for_status()
    said = await messages_of(shop, conversation)
    assert [each["author"] for each in said] == ["customer", "bot", "customer", "bot", "manager"]

    async def all_sent() -> bool:
        said = await messages_of(shop, conversation)
        return {each["delivery"]["status"] for each in said if each["author"] != "customer"} == {"sent"}

    await eventually(all_sent)


async def test_that_an_answer_is_made_is_shown_until_it_is_and_is_in_nobodys_way(
    shop: Company, servers: Servers, database: Database, telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typing, "AGAIN", 0.001)
    bot, person, other = telegram.add_bot(), telegram.person(), telegram.person("Other")
    await added(shop, bot)
    late = asyncio.Event()
    telegram.faults.add(slow(until=late), method="sendChatAction", chat=person.id)
    telegram.faults.add(broken(500), times=None, method="sendChatAction", chat=other.id)
    for each in (person, other):
        telegram.says(bot, each, DELIVERY)
    for each in (person, other):
        assert "1,490" in (await telegram.sent(each))[0].text
    late.set()

    settings = settings_of(servers, data_dir=TEST_HOME, telegram_url=telegram.url)
    vault, nothing = Vault(secrets.root_keys(settings)), cast("MediaStore", None)
    conversation = await conversation_with(shop, person.id)
    shown = len(await telegram.called("sendChatAction", chat=person.id))
    async with open_accounts(settings, database, vault, nothing) as accounts:
        signs = typing.Typing(database, accounts)
        with signs.shown(shop.id, UUID(conversation)):
            # A step that takes long.
            await telegram.called("sendChatAction", chat=person.id, count=shown + 3)
        await signs.close()


async def test_a_webhook_that_comes_five_times_and_at_once_has_one_effect(
    shop: Company, telegram: FakeTelegram
) -> None:
    bot, person = telegram.add_bot(), telegram.person()
    account = await added(shop, bot, receive="webhook")
    assert account["health"] == "ok", account
    bot.mailbox.held = True
    telegram.says(bot, person, DELIVERY)
    await bot.mailbox.deliver(bot.mailbox.made, times=5, at_once=5)
    await telegram.sent(person)
    telegram.says(bot, person, "Thank you!")
    await bot.mailbox.deliver(bot.mailbox.made, times=2, at_once=3)
    assert len(await telegram.sent(person, count=2)) == 2
    said = await messages_of(shop, await conversation_with(shop, person.id))
    assert [each["author"] for each in said] == ["customer", "bot", "customer", "bot"]


async def test_updates_that_overtake_each_other_are_put_in_order(shop: Company, telegram: FakeTelegram) -> None:
    bot, person = telegram.add_bot(), telegram.person()
    await added(shop, bot, receive="webhook")
    bot.mailbox.held = True
    telegram.says(bot, person, "Hello!")
    await bot.mailbox.deliver(bot.mailbox.made)
    await telegram.sent(person)
    texts = [f"Question number {number}" for number in range(6)]
    for text in texts:
        telegram.says(bot, person, text)
    await bot.mailbox.deliver(bot.mailbox.made[:0:-1], times=2)
    conversation = await conversation_with(shop, person.id)

    async def stored() -> bool:
        return len([each for each in await messages_of(shop, conversation) if each["author"] == "customer"]) == 7

    await eventually(stored)
    said = [each["text"] for each in await messages_of(shop, conversation) if each["author"] == "customer"]
    assert said == ["Hello!", *texts]


async def test_a_sticker_is_answered_politely_and_blocks_nothing(shop: Company, telegram: FakeTelegram) -> None:
    bot, person = telegram.add_bot(), telegram.person()
    await added(shop, bot)
    telegram.says(bot, person, sticker=b"RIFF....WEBP")
    [polite] = await telegram.sent(person)
    assert "words" in polite.text
    telegram.says(bot, person, DELIVERY)
    assert "1,490" in (await telegram.sent(person, count=2))[1].text
    # A file that no bot may have is told of beside the answer to its words.
    telegram.says(bot, person, DELIVERY, document=Upload(b"%PDF-1.7", name="scan.pdf", size=20 * 1024 * 1024 + 1))
    texts = [each.text for each in (await telegram.sent(person, count=4))[2:]]
    assert [any(word in text for text in texts) for word in ("1,490", "up to 20 MB")] == [True, True]


async def test_what_nobody_knows_the_fate_of_is_sent_once_more_and_counted(
    shop: Company, telegram: FakeTelegram
) -> None:
    bot, person = telegram.add_bot(), telegram.person()
    account = await added(shop, bot)
    telegram.faults.add(drop_after(), method="sendMessage", chat=person.id)
    telegram.says(bot, person, DELIVERY)
    first, second = await telegram.sent(person, count=2)
    assert first.text == second.text

    async def sent() -> bool:
        found = (await shop.get(f"/v1/channel-accounts/{account['id']}")).json()
        return bool(found["sends"] == {"sent": 1})

    await eventually(sent)


async def test_a_customer_who_blocks_the_bot_is_noted_and_others_are_written_to(
    shop: Company, telegram: FakeTelegram
) -> None:
    bot, gone, here = telegram.add_bot(), telegram.person("Gone"), telegram.person("Here")
    await added(shop, bot)
    bot.blocked_by.add(gone.id)
    telegram.says(bot, gone, DELIVERY)
    telegram.says(bot, here, DELIVERY)
    await telegram.sent(here)
    conversation = await conversation_with(shop, gone.id)

    async def failed() -> bool:
        said = await messages_of(shop, conversation)
        return [each["delivery"]["status"] for each in said if each["delivery"]] == ["failed"]

    await eventually(failed)


async def test_a_token_that_telegram_does_not_know_is_refused(shop: Company, telegram: FakeTelegram) -> None:
    stranger = "700999:AA" + 33 * "x"
    refused = await shop.post(
        "/v1/channel-accounts", {"provider": "telegram", "name": "x", "credentials": {"token": stranger}}
    )
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert error["field"] == "credentials"
    assert "BotFather" in error["message"]


async def test_an_account_stays_the_bot_that_it_is(shop: Company, telegram: FakeTelegram) -> None:
    """Its chats are that bot's; and two accounts of one bot would take each other's messages."""
    bot, other = telegram.add_bot(), telegram.add_bot()
    account = await added(shop, bot)
    path = f"/v1/channel-accounts/{account['id']}"
    for token in (other.token, "700999:AA" + 33 * "x"):
        refused = await shop.http.patch(path, json={"credentials": {"token": token}})
        assert refused.status_code == 422, refused.text
        assert [error["field"] for error in refused.json()["errors"]] == ["credentials"]
    twice = {"provider": "telegram", "name": "twice", "credentials": {"token": bot.token}}
    assert (await shop.post("/v1/channel-accounts", twice)).status_code == 409
    assert (await shop.get(path)).json()["health"] == "ok"


async def test_an_account_is_tried_from_the_terminal(shop: Company, telegram: FakeTelegram) -> None:
    bot, aida = telegram.add_bot(), telegram.person("Aida")
    account = await added(shop, bot)
    here = {**os.environ, "MAINSTAY_URL": str(shop.http.base_url), "MAINSTAY_API_KEY": shop.keys["owner"]}
    silent = await Terminal(here).mainstay("channels", "test", bot.username, "--seconds", "1")
    assert silent.code == 1
    assert f"Write to https://t.me/{bot.username} now" in silent.err
    assert "nothing came in 1 s" in silent.err

    async def tried(text: str) -> tuple[int, str, dict[str, Any]]:
        words = (sys.executable, "-m", "cli", "channels", "test", bot.username, "--json")
        process = await asyncio.create_subprocess_exec(*words, env=here, stdout=PIPE, stderr=PIPE)
        assert process.stderr is not None
        await process.stderr.readuntil(b"as a customer would.")
        telegram.says(bot, aida, text)
        out, err = await process.communicate()
        return await process.wait(), err.decode(), json.loads(out)

    code, said, seen = await tried(DELIVERY)
    assert (code, "It came in." in said) == (0, True)
    assert seen["heard"] == (await shop.get(f"/v1/channel-accounts/{account['id']}")).json()["last_heard"]
    assert "1,490" in seen["answer"]["text"]
    assert seen["answer"]["delivery"] == {"status": "sent", "error": None}
    telegram.blocks(bot, aida)
    code, _, seen = await tried(DELIVERY)
    assert (code, seen["answer"]["delivery"]["status"]) == (1, "failed")
