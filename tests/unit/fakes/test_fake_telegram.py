"""The fake of Telegram refuses what Telegram refuses, and tells bots what Telegram tells them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.fakes.faults import Json, broken, drop_after, drop_before, html, slow, too_many
from tests.fakes.schemas import complaint, present
from tests.fakes.telegram import Bot, FakeTelegram, Group, Limits, Membership, Person, Upload
from tests.fakes.telegram.requests import SCHEMA
from tests.fakes.telegram.world import FILE_KINDS
from tests.unit.fakes.receiver import Receiver

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
ADMINISTRATOR = Membership("administrator", manages_topics=True)
OK = (200, "")


class Client:
    """Calls the Bot API as a bot."""

    def __init__(self, telegram: FakeTelegram, bot: Bot, http: httpx.AsyncClient) -> None:
        self.base = f"{telegram.url}/bot{bot.token}"
        self.http = http

    async def __call__(self, method: str, files: dict[str, bytes] | None = None, **fields: Any) -> Json:
        body: dict[str, Any] = {"data": fields, "files": files} if files else {"json": fields}
        answer: Json = (await self.http.post(f"{self.base}/{method}", **body)).json()
        return answer

    async def ok(self, method: str, files: dict[str, bytes] | None = None, **fields: Any) -> Any:
        answer = await self(method, files, **fields)
        assert answer["ok"], answer
        return answer["result"]

    async def refused(self, method: str, files: dict[str, bytes] | None = None, **fields: Any) -> tuple[int, str]:
        answer = await self(method, files, **fields)
        assert not answer["ok"], answer
        return answer["error_code"], answer["description"]


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as fake:
        yield fake


@pytest.fixture
def bot(telegram: FakeTelegram) -> Bot:
    return telegram.add_bot()


@pytest.fixture
def call(telegram: FakeTelegram, bot: Bot, http: httpx.AsyncClient) -> Client:
    return Client(telegram, bot, http)


@pytest.fixture
def aida(telegram: FakeTelegram, bot: Bot) -> Person:
    aida = telegram.person("Aida", username="aida_k", language="kk")
    telegram.says(bot, aida, "/start")
    return aida


async def test_requests_that_are_none_are_refused(call: Client, aida: Person, telegram: FakeTelegram) -> None:
    wrong: list[Json] = [
        {"text": "no chat"},
        {"chat_id": aida.id},
        {"chat_id": aida.id, "text": "a", "message_tread_id": 3},
        {"chat_id": aida.id, "text": 5},
        {"chat_id": aida.id, "text": "a", "reply_markup": None},
        {"chat_id": aida.id, "text": "a", "reply_markup": {"inline_keyboard": [[{"label": "a"}]]}},
    ]
    for fields in wrong:
        assert (await call.refused("sendMessage", **fields))[0] == 400, fields
    assert (await call.refused("sendMessages", chat_id=aida.id, text="a"))[0] == 404
    assert len(telegram.wrong) == len(wrong) + 1
    assert (await call.http.get(f"{telegram.url}/bot1:unknown/getMe")).status_code == 401


async def test_texts_are_refused_as_telegram_refuses_them(call: Client, aida: Person, telegram: FakeTelegram) -> None:
    async def said(text: str, mode: str = "HTML") -> str:
        return (await call.refused("sendMessage", chat_id=aida.id, text=text, parse_mode=mode))[1]

    assert 'can\'t parse entities: Unsupported start tag "h1" at byte offset 4' in await said("Да<h1>a</h1>")
    assert 'Can\'t find end tag corresponding to start tag "b"' in await said("<b>a")
    assert 'expected "</i>", found "</b>"' in await said("<b><i>a</b></i>")
    assert "Unexpected end tag" in await said("a</b>")
    assert "Unclosed start tag" in await said("1 <b")
    assert "Unsupported start tag" in await said("1 < 2")
    assert "message text is empty" in await said(" <b> </b>\n")
    # Both are 4,096 letters; an emoji counts for two.
    await call.ok("sendMessage", chat_id=aida.id, text="a" * 4_096)
    assert "message is too long" in await said("a" * 4_095 + "😀", "")
    assert (
        "message caption is too long"
        in (await call.refused("sendDocument", {"document": b"a"}, chat_id=aida.id, caption="😀" * 513))[1]
    )
    assert telegram.wrong == []


async def test_what_is_sent_looks_as_a_reader_sees_it(call: Client, aida: Person, telegram: FakeTelegram) -> None:
    text = '😀 <b>1 &lt; 2 &amp; 3</b> <a href="https://x.kz/?a=1&amp;b=2">so</a>\n<pre><code class="language-py">a</code></pre>'
    await call.ok("sendMessage", chat_id=aida.id, text=text, parse_mode="HTML")
    [sent] = await telegram.sent(aida)
    assert sent.text == "😀 1 < 2 & 3 so\na"
    assert sent.message["entities"] == [
        {"type": "bold", "offset": 3, "length": 9},
        {"type": "text_link", "url": "https://x.kz/?a=1&b=2", "offset": 13, "length": 2},
        {"type": "pre", "language": "py", "offset": 16, "length": 1},
    ]
    await call.ok("sendMessage", chat_id=aida.id, text="a\r\n\tb\u202ec")
    assert (await telegram.sent(aida, count=2))[1].text == "a\n bc"


async def test_chats_are_refused_as_telegram_refuses_them(
    call: Client, aida: Person, bot: Bot, telegram: FakeTelegram
) -> None:
    owner, group = telegram.person("Owner"), telegram.group(supergroup=False)
    stranger = telegram.person("Stranger")

    async def said(chat: Person | Group) -> Json:
        return await call("sendMessage", chat_id=chat.id, text="a")

    assert (await said(stranger))["description"] == "Bad Request: chat not found"
    assert (await said(group))["description"] == "Bad Request: chat not found"
    telegram.blocks(bot, aida)
    assert (await said(aida))["description"] == "Forbidden: bot was blocked by the user"
    telegram.unblocks(bot, aida)
    bot.deactivated.add(aida.id)
    assert (await said(aida))["description"] == "Forbidden: user is deactivated"
    telegram.joins(bot, group, owner, Membership(muted=True))
    assert "not enough rights" in (await said(group))["description"]
    telegram.joins(bot, group, owner, Membership("kicked"))
    assert (await said(group))["description"] == "Forbidden: bot was kicked from the group chat"
    telegram.joins(bot, group, owner)
    moved = telegram.migrates(group, owner)
    assert (await said(group))["parameters"] == {"migrate_to_chat_id": moved.id}
    assert (await said(moved))["ok"]


async def test_topics(call: Client, bot: Bot, telegram: FakeTelegram) -> None:
    owner, desk = telegram.person("Owner"), telegram.group(forum=True)
    telegram.joins(bot, desk, owner)
    assert "not enough rights" in (await call.refused("createForumTopic", chat_id=desk.id, name="Aida"))[1]
    telegram.joins(bot, desk, owner, ADMINISTRATOR)
    topic = (await call.ok("createForumTopic", chat_id=desk.id, name="Aida"))["message_thread_id"]
    in_topic = {"chat_id": desk.id, "message_thread_id": topic}

    await call.ok("sendMessage", **in_topic, text="a card")
    assert [sent.text for sent in await telegram.sent(desk, topic=topic)] == ["a card"]
    assert "TOPIC_NOT_MODIFIED" in (await call.refused("editForumTopic", **in_topic, name="Aida"))[1]
    await call.ok("closeForumTopic", **in_topic)
    assert "TOPIC_NOT_MODIFIED" in (await call.refused("closeForumTopic", **in_topic))[1]
    telegram.joins(bot, desk, owner)
    assert "TOPIC_CLOSED" in (await call.refused("sendMessage", **in_topic, text="a"))[1]
    telegram.joins(bot, desk, owner, ADMINISTRATOR)
    telegram.deletes_topic(desk, topic)
    assert "message thread not found" in (await call.refused("sendMessage", **in_topic, text="a"))[1]
    assert "TOPIC_ID_INVALID" in (await call.refused("reopenForumTopic", **in_topic))[1]
    assert (await telegram.sent(desk))[0].deleted
    general = await call.refused("sendMessage", chat_id=desk.id, message_thread_id=1, text="a")
    assert general == (400, "Bad Request: message thread not found")


async def test_edits_deletions_and_answers(call: Client, aida: Person, telegram: FakeTelegram) -> None:
    keyboard = {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}
    for data in ("", "я" * 33):
        wrong = {"inline_keyboard": [[{"text": "Да", "callback_data": data}]]}
        assert (await call.refused("sendMessage", chat_id=aida.id, text="a", reply_markup=wrong))[0] == 400
    sent_id = (await call.ok("sendMessage", chat_id=aida.id, text="a", reply_markup=keyboard))["message_id"]
    [sent] = await telegram.sent(aida)
    on_it = {"chat_id": aida.id, "message_id": sent_id}

    query = telegram.presses(sent, aida, "yes")
    await call.ok("answerCallbackQuery", callback_query_id=query, text="Taken")
    assert (await telegram.answered(query))["text"] == "Taken"
    assert "query is too old" in (await call.refused("answerCallbackQuery", callback_query_id=query))[1]
    telegram.world.callback_seconds = 0
    late = telegram.presses(sent, aida, "yes")
    assert "query is too old" in (await call.refused("answerCallbackQuery", callback_query_id=late))[1]

    unchanged = await call.refused("editMessageText", **on_it, text="a", reply_markup=keyboard)
    assert "message is not modified" in unchanged[1]
    await call.ok("editMessageText", **on_it, text="b")
    assert (sent.text, sent.buttons) == ("b", {})
    await call.ok("deleteMessage", **on_it)
    assert sent.deleted
    assert "message to delete not found" in (await call.refused("deleteMessage", **on_it))[1]
    assert "message to edit not found" in (await call.refused("editMessageText", **on_it, text="c"))[1]
    reply = {"message_id": sent_id}
    assert "replied" in (await call.refused("sendMessage", chat_id=aida.id, text="a", reply_parameters=reply))[1]


async def test_files_go_both_ways(call: Client, aida: Person, bot: Bot, telegram: FakeTelegram) -> None:
    await call.ok("sendPhoto", {"photo": PNG}, chat_id=str(aida.id), caption="<b>a</b>", parse_mode="HTML")
    [sent] = await telegram.sent(aida)
    assert (sent.data, sent.text) == (PNG, "a")
    assert "IMAGE_PROCESS_FAILED" in (await call.refused("sendPhoto", {"photo": b"text"}, chat_id=aida.id))[1]
    assert "non-empty" in (await call.refused("sendDocument", {"document": b""}, chat_id=aida.id))[1]
    album = json.dumps([{"type": "photo", "media": "attach://one"}, {"type": "photo", "media": "attach://two"}])
    await call.ok("sendMediaGroup", {"one": PNG, "two": PNG}, chat_id=aida.id, media=album)
    assert len({sent.message.get("media_group_id") for sent in await telegram.sent(aida, count=3)}) == 2
    copied = await call.ok("copyMessage", chat_id=aida.id, from_chat_id=aida.id, message_id=sent.id, caption="b")
    again = (await telegram.sent(aida, count=4))[3]
    assert (again.id, again.data, again.text) == (copied["message_id"], PNG, "b")

    message = telegram.says(bot, aida, voice=Upload(b"ogg", mime="audio/ogg"))
    path = (await call.ok("getFile", file_id=message["voice"]["file_id"]))["file_path"]
    base = call.base.replace("/bot", "/file/bot")
    assert (await call.http.get(f"{base}/{path}")).content == b"ogg"
    assert (await call.http.get(f"{base}/voices/other")).status_code == 404
    huge = telegram.says(bot, aida, document=Upload(b"a", size=21 * 2**20))["document"]["file_id"]
    assert "file is too big" in (await call.refused("getFile", file_id=huge))[1]


async def test_polling(call: Client, aida: Person, bot: Bot, telegram: FakeTelegram) -> None:
    telegram.edits(bot, telegram.says(bot, aida, "one"), "two")
    first = await call.ok("getUpdates", limit=1)
    assert [update["message"]["text"] for update in first] == ["/start"]
    assert [update["update_id"] for update in await call.ok("getUpdates", limit=1)] == [first[0]["update_id"]]
    second = await call.ok("getUpdates", offset=first[0]["update_id"] + 1)
    assert [update.get("message", update.get("edited_message"))["text"] for update in second] == ["one", "two"]
    behind = second[1]["update_id"] + 1

    waits = asyncio.create_task(call("getUpdates", offset=behind, timeout=30))
    await bot.mailbox.watch.until(lambda: not bot.mailbox.pending, 5, "the poll")
    other = asyncio.create_task(call("getUpdates", offset=behind, timeout=30))
    assert (await waits)["error_code"] == 409
    telegram.says(bot, aida, "three")
    assert [update["message"]["text"] for update in (await other)["result"]] == ["three"]
    await call.ok("setWebhook", url="https://example.com/hook", allowed_updates=["message"])
    assert "while webhook is active" in (await call.refused("getUpdates"))[1]


async def test_webhook(call: Client, aida: Person, bot: Bot, telegram: FakeTelegram) -> None:
    for url, secret in (
        ("http://example.com/", "a"),
        ("https://example.com:99/", "a"),
        ("https://example.com/", "a b"),
    ):
        assert (await call.refused("setWebhook", url=url, secret_token=secret))[0] == 400
    bot.mailbox.retry_after = 0
    async with Receiver() as receiver:
        receiver.faults.add(broken(500))
        await call.ok("setWebhook", url=f"{receiver.url}/", secret_token="s3cret", drop_pending_updates=True)
        telegram.says(bot, aida, "one")
        telegram.says(bot, aida, "two")
        await telegram.taken(bot)
        assert [call.fields["message"]["text"] for call in receiver.calls] == ["one", "one", "two"]
        assert {headers["x-telegram-bot-api-secret-token"] for _, headers in receiver.bodies} == {"s3cret"}
        told = (await call.ok("getWebhookInfo"))["last_error_message"]
        assert told == "Wrong response from the webhook: 500 Internal Server Error"

        bot.mailbox.held = True
        receiver.calls.clear()
        telegram.says(bot, aida, "three")
        await bot.mailbox.deliver(bot.mailbox.made[::-1], times=2, at_once=4)
        texts = [call.fields["message"]["text"] for call in receiver.calls]
        assert {text: texts.count(text) for text in texts} == {"/start": 2, "one": 2, "two": 2, "three": 2}


async def test_privacy_and_topics_of_groups(call: Client, bot: Bot, telegram: FakeTelegram) -> None:
    owner, desk = telegram.person("Owner"), telegram.group(forum=True)
    telegram.joins(bot, desk, owner)
    telegram.says(desk, owner, "among people")
    telegram.says(desk, owner, f"@{bot.username} help")
    telegram.says(desk, owner, "/help")
    telegram.joins(bot, desk, owner, ADMINISTRATOR)
    topic = telegram.creates_topic(desk, owner, "Aida").id
    telegram.says(desk, owner, "all of it", topic=topic)
    updates = await call.ok("getUpdates")
    messages = [update["message"] for update in updates if "message" in update]
    assert [message.get("text") for message in messages] == [f"@{bot.username} help", "/help", None, "all of it"]
    assert messages[3]["reply_to_message"]["forum_topic_created"]["name"] == "Aida"
    assert len([update for update in updates if "my_chat_member" in update]) == 2


@pytest.mark.skipif(not present(SCHEMA), reason="the published schemas do not lie beside the repository")
async def test_updates_and_answers_fit_the_published_schema(
    call: Client, aida: Person, bot: Bot, telegram: FakeTelegram
) -> None:
    owner, desk = telegram.person("Owner"), telegram.group(forum=True)
    telegram.joins(bot, desk, owner, ADMINISTRATOR)
    telegram.enters(owner, desk, "administrator")
    for kind in FILE_KINDS:
        telegram.sends_album(bot, aida, [b"file"], kind=kind)
    telegram.edits(bot, telegram.says(bot, aida, "a", location={"latitude": 1.5, "longitude": 2}), "b")
    telegram.sends_album(bot, aida, [PNG, PNG], "two")
    telegram.says(desk, owner, "hi", topic=telegram.creates_topic(desk, owner, "t").id)
    telegram.migrates(desk, owner)
    telegram.blocks(bot, aida)
    telegram.unblocks(bot, aida)
    keyboard = {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}
    answers = {
        "getMe": await call.ok("getMe"),
        "getChat": await call.ok("getChat", chat_id=aida.id),
        "sendMessage": await call.ok("sendMessage", chat_id=aida.id, text="/a @aida_k", reply_markup=keyboard),
        "sendVenue": await call.ok("sendVenue", chat_id=aida.id, latitude=1, longitude=2, title="t", address="a"),
        "sendContact": await call.ok("sendContact", chat_id=aida.id, phone_number="+7", first_name="A"),
        "getWebhookInfo": await call.ok("getWebhookInfo"),
    }
    telegram.presses((await telegram.sent(aida))[0], aida, "yes")
    assert len(bot.mailbox.made) > 20
    for update in bot.mailbox.made:
        assert complaint(SCHEMA, ("$defs", "Update"), update) is None, update
    for method, result in answers.items():
        assert complaint(SCHEMA, ("x-method-results", method), result) is None, method


async def test_limits_are_kept_to_the_letter(call: Client, aida: Person, bot: Bot, telegram: FakeTelegram) -> None:
    telegram.world.limits = Limits()
    await call.ok("sendMessage", chat_id=aida.id, text="a")
    answer = await call("sendMessage", chat_id=aida.id, text="b")
    assert (answer["error_code"], answer["parameters"]) == (429, {"retry_after": 1})
    assert telegram.world.limits.refused == 1

    limits = Limits()
    assert [limits.take(1, chat, False, at=0.0) for chat in range(31)] == [None] * 30 + [1]
    assert limits.take(1, 31, False, at=1.0) is None
    group = Limits()
    assert [group.take(1, -5, True, at=float(second)) for second in range(21)] == [None] * 20 + [40]
    assert group.take(1, -5, True, at=60.0) is None
    assert group.take(1, 7, False, at=60.5) is None
    assert group.take(1, 7, False, at=61.4) == 1


async def test_faults(call: Client, aida: Person, telegram: FakeTelegram) -> None:
    def say(text: str) -> Any:
        return call("sendMessage", chat_id=aida.id, text=text)

    telegram.faults.add(too_many(7), method="sendMessage", chat=aida.id)
    assert (await say("a"))["parameters"] == {"retry_after": 7}
    telegram.faults.add(drop_before(), method="sendMessage")
    telegram.faults.add(drop_after(), method="sendMessage")
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            await say("dropped")
    assert [sent.text for sent in await telegram.sent(aida)] == ["dropped"]
    telegram.faults.add(html())
    telegram.faults.add(broken(502))
    answer = await call.http.get(f"{call.base}/getMe")
    assert answer.headers["content-type"].startswith("text/html")
    assert (await call("getMe"))["error_code"] == 502
    telegram.faults.add(broken(500), every=2, times=None)
    assert [(await call("getMe"))["ok"] for _ in range(4)] == [True, False, True, False]
    telegram.faults.clear()

    held = asyncio.Event()
    telegram.faults.add(slow(until=held))
    late = asyncio.create_task(say("late"))
    await telegram.sent(aida, text="late")
    assert not late.done()
    held.set()
    assert (await late)["ok"]
    assert dict(telegram.faults.struck) == {
        "too_many": 1, "drop_before": 1, "drop_after": 1, "html": 1, "broken": 3, "slow": 1,
    }  # fmt: skip
