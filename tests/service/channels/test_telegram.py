"""The adapter of Telegram against a server that refuses what Telegram refuses."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from pydantic import SecretStr

from activities.channels.port import (
    AccountError,
    ChannelError,
    MovedError,
    News,
    RefusedError,
    TryLaterError,
    UnclearError,
)
from activities.channels.telegram.addressing import addressed
from activities.channels.telegram.channel import Telegram, open_telegram
from activities.channels.text import parts
from models.contracts.accounts import TelegramCredentials, TelegramSettings
from models.contracts.channels import (
    Button,
    ButtonPressed,
    Chat,
    ChatKind,
    HealthState,
    Media,
    MediaKind,
    MessageArrived,
    MessageEdited,
    Part,
    Place,
    ReachChanged,
)
from tests.fakes.faults import broken, drop_after, drop_before, html, too_many
from tests.fakes.telegram import Bot, FakeTelegram, Membership, Person, Upload

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
BUTTONS = ((Button(text="Take", data="take:1"), Button(text="Skip", data="skip:1")),)


class Kept:
    """The media store, as far as an adapter sees it."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    async def read(self, key: str) -> AsyncIterator[bytes]:
        for start in range(0, len(self.files[key]), 500):
            yield self.files[key][start : start + 500]

    def url(self, key: str) -> str:
        raise NotImplementedError


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as telegram:
        yield telegram
        assert telegram.wrong == []


@pytest.fixture
def bot(telegram: FakeTelegram) -> Bot:
    return telegram.add_bot()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@pytest.fixture
def channel(telegram: FakeTelegram, bot: Bot, client: httpx.AsyncClient) -> Telegram:
    return opened(telegram, client, bot.token)


@pytest.fixture
def aida(telegram: FakeTelegram, bot: Bot) -> Person:
    aida = telegram.person("Aida", language="kk")
    telegram.says(bot, aida, "/start")
    return aida


@pytest.fixture(autouse=True)
def untold(bot: Bot, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No log of ours shows a token; what httpx says below a warning is not written down (runtime/telemetry.py)."""
    yield
    assert [
        record for record in caplog.records if bot.token in record.getMessage() and record.levelno >= logging.WARNING
    ] == []


def opened(telegram: FakeTelegram, client: httpx.AsyncClient, token: str, receive: str = "poll") -> Telegram:
    settings = TelegramSettings.model_validate({"receive": receive})
    files = Kept({"png": PNG, "text": b"no picture at all", "short": b"x"})
    return open_telegram(settings, TelegramCredentials(token=SecretStr(token)), client, files, telegram.url)


def chat_of(person: Person) -> Chat:
    return Chat(id=str(person.id))


def media(kind: MediaKind, key: str = "png", mime: str = "image/png", size: int = len(PNG)) -> Media:
    return Media(kind=kind, key=key, name="счёт 1.png", mime=mime, size=size)


async def failing(channel: Telegram, chat: Chat, part: Part | None = None) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        await channel.send(chat, part or Part(text="hi"))
    # The address that holds the token is nowhere in what is raised.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


async def test_everything_that_can_be_sent(telegram: FakeTelegram, channel: Telegram, bot: Bot, aida: Person) -> None:
    chat = chat_of(aida)
    text = "**Бағасы** 5 < 6 & `x`\n- один\n" + "Сөйлем бар. 👨‍👩‍👧‍👦 שלום " * 300
    written = parts(text, channel.capabilities)
    first = await channel.send(chat, Part(text=written[0]))
    for part in written[1:]:
        await channel.send(chat, Part(text=part))
    await channel.send(chat, Part(text="choose", buttons=BUTTONS, reply_to=first))
    await channel.send(chat, Part(text="<i>below</i>", media=media(MediaKind.IMAGE)))
    for kind, mime in ((MediaKind.VOICE, "audio/ogg"), (MediaKind.VIDEO, "video/mp4"), (MediaKind.AUDIO, "audio/mpeg")):
        await channel.send(chat, Part(media=media(kind, mime=mime)))
    await channel.send(chat, Part(media=media(MediaKind.STICKER, mime="image/webp")))
    # No picture, whatever it is called: it goes as a document.
    await channel.send(chat, Part(text="see", media=media(MediaKind.IMAGE, "text", size=17), reply_to="99999"))
    await channel.send(chat, Part(place=Place(latitude=43.2, longitude=76.9, title="Кафе")))
    # Markup that Telegram cannot read: the same as plain text.
    await channel.send(chat, Part(text="<b>1 &lt; 2"))
    await channel.typing(chat, None)

    sent = await telegram.sent(aida)
    said = "".join("".join(each.text.split()) for each in sent[: len(written)])
    assert said == "".join(text.replace("**", "").replace("`", "").replace("- ", "• ").split())
    assert sent[0].message["entities"][0] == {"type": "bold", "offset": 0, "length": 6}
    chosen, photo, *_, document, venue, plain = sent[len(written) :]
    assert chosen.buttons == {"Take": "take:1", "Skip": "skip:1"}
    assert chosen.message["reply_to_message"]["message_id"] == int(first)
    assert (photo.data, photo.text, photo.method) == (PNG, "below", "sendPhoto")
    assert (document.data, document.text) == (b"no picture at all", "see")
    assert document.message["document"]["file_name"] == "счёт 1.png"
    assert venue.message["venue"]["address"] == "Кафе"
    assert plain.text == "1 < 2"
    [call] = await telegram.called("sendChatAction")
    assert call.fields["action"] == "typing"


async def test_what_was_sent_is_changed_and_taken_back(
    telegram: FakeTelegram, channel: Telegram, bot: Bot, aida: Person
) -> None:
    chat = chat_of(aida)
    message_id = await channel.send(chat, Part(text="old", buttons=BUTTONS))
    for _ in range(2):
        await channel.edit(chat, message_id, Part(text="<b>new</b>"))
    [sent] = await telegram.sent(aida)
    assert (sent.text, sent.buttons) == ("new", {})
    await channel.edit(chat, message_id, Part(buttons=BUTTONS))
    assert sent.buttons == {"Take": "take:1", "Skip": "skip:1"}
    for _ in range(2):
        await channel.remove(chat, message_id)
    assert sent.deleted
    with pytest.raises(RefusedError, match="message_gone"):
        await channel.edit(chat, message_id, Part(text="newer"))


async def test_a_refusal_is_told_by_what_can_be_done(
    telegram: FakeTelegram, channel: Telegram, bot: Bot, aida: Person, client: httpx.AsyncClient
) -> None:
    chat, owner = chat_of(aida), telegram.person("Owner")
    desk, old = telegram.group("Desk", forum=True), telegram.group("Old", supergroup=False)
    telegram.joins(bot, desk, owner, Membership("administrator", manages_topics=True))
    telegram.joins(bot, old, owner)
    topic = telegram.creates_topic(desk, owner, "Aida")
    thread = Chat(id=str(desk.id), kind=ChatKind.GROUP, topic=str(topic.id))
    await channel.send(thread, Part(text="in the topic"))
    [sent] = await telegram.sent(desk, topic=topic.id)
    assert sent.text == "in the topic"
    telegram.deletes_topic(desk, topic.id)
    assert (await failing(channel, thread)).code == "topic_gone"

    moved = telegram.migrates(old, owner)
    error = await failing(channel, Chat(id=str(old.id), kind=ChatKind.GROUP))
    assert isinstance(error, MovedError)
    assert error.to == str(moved.id)

    telegram.faults.add(too_many(retry_after=7), chat=aida.id)
    telegram.faults.add(too_many(retry_after=9), chat=desk.id)
    later = await failing(channel, chat), await failing(channel, thread.model_copy(update={"topic": None}))
    assert [(error.after, error.chat) for error in later if isinstance(error, TryLaterError)] == [(7, False), (9, True)]

    for fault in (broken(502), html(502)):
        telegram.faults.add(fault, method="sendMessage")
        assert isinstance(await failing(channel, chat), TryLaterError)
    for fault in (drop_before(), drop_after(), html(200)):
        telegram.faults.add(fault, method="sendMessage")
        assert isinstance(await failing(channel, chat), UnclearError)
    telegram.faults.add(drop_after(), method="sendPhoto")
    assert isinstance(await failing(channel, chat, Part(media=media(MediaKind.IMAGE))), UnclearError)
    assert (await failing(channel, chat, Part(media=media(MediaKind.IMAGE, "short")))).code == "file_changed"

    telegram.blocks(bot, aida)
    blocked = await failing(channel, chat)
    assert isinstance(blocked, RefusedError)
    assert (blocked.code, blocked.unreachable) == ("blocked", True)
    assert (await failing(channel, Chat(id="99"))).code == "chat_not_found"
    stranger = opened(telegram, client, "1:" + "x" * 30)
    assert isinstance(await failing(stranger, chat), AccountError)
    nowhere = open_telegram(
        TelegramSettings(), TelegramCredentials(token=SecretStr(bot.token)), client, Kept({}), "http://127.0.0.1:9"
    )
    assert isinstance(await failing(nowhere, chat), TryLaterError)


async def test_news_are_asked_for_until_they_are_kept(
    telegram: FakeTelegram, channel: Telegram, bot: Bot, aida: Person
) -> None:
    desk, photo = telegram.group("Desk", forum=True), Upload(PNG, "p.jpg", "image/jpeg")
    telegram.joins(bot, desk, aida, Membership("administrator"))
    message = telegram.says(bot, aida, "Қайда?")
    telegram.edits(bot, message, "Қайда тапсырыс?")
    telegram.sends_album(bot, aida, [photo, photo], "екі")
    telegram.says(bot, aida, voice=b"OggS")
    topic = telegram.creates_topic(desk, aida, "T")
    telegram.says(desk, aida, "not for you", topic=topic.id)
    first = await channel.news(None, 0)
    again = await channel.news(None, 0)
    assert list(again.deliveries) == list(first.deliveries)
    events = [event for _, update in first.deliveries for event in channel.read(update)]
    told = [event for event in events if isinstance(event, MessageArrived)]
    assert [event.text for event in told] == ["/start", "Қайда?", "екі", "", "", "not for you"]
    assert (told[0].sender.name, told[0].sender.language) == ("Aida", "kk")
    assert told[2].album == told[3].album
    assert told[2].album is not None
    assert [event.attachments[0].kind for event in told[2:5]] == [MediaKind.IMAGE, MediaKind.IMAGE, MediaKind.VOICE]
    assert told[5].chat == Chat(id=str(desk.id), kind=ChatKind.GROUP, topic=str(topic.id))
    assert told[5].reply_to is None
    assert [event.text for event in events if isinstance(event, MessageEdited)] == ["Қайда тапсырыс?"]
    assert any(isinstance(event, ReachChanged) and event.reachable for event in events)
    bot_settings = TelegramSettings(bot_id=bot.id, username=bot.username)
    assert [addressed(update, bot_settings) for _, update in first.deliveries].count(False) == 2

    async with channel.fetch(told[2].attachments[0].ref) as fetched:
        assert (b"".join([chunk async for chunk in fetched.chunks]), fetched.size) == (PNG, len(PNG))

    # The next question says that these are kept, and waits for what comes then.
    waiting = asyncio.create_task(channel.news(first.cursor, 10))
    await telegram.taken(bot)
    telegram.blocks(bot, aida)
    news = await waiting
    [(_, update)] = news.deliveries
    assert channel.read(update) == (ReachChanged(chat=chat_of(aida), sender=told[0].sender, reachable=False),)
    assert await channel.news(news.cursor, 0) == News([], news.cursor)


async def test_a_pressed_button_is_acknowledged_in_time(
    telegram: FakeTelegram, channel: Telegram, bot: Bot, aida: Person
) -> None:
    await channel.send(chat_of(aida), Part(text="Take?", buttons=BUTTONS))
    [sent] = await telegram.sent(aida)
    query = telegram.presses(sent, aida, "take:1")
    pressed = [event for _, update in (await channel.news(None, 0)).deliveries for event in channel.read(update)][-1]
    assert isinstance(pressed, ButtonPressed)
    assert (pressed.data, pressed.message_id, pressed.chat) == ("take:1", str(sent.id), chat_of(aida))
    await channel.acknowledge(pressed.id, "ё" * 300)
    assert (await telegram.answered(query))["text"] == "ё" * 200
    with pytest.raises(RefusedError, match="too_late"):
        await channel.acknowledge("1")


async def test_files_that_bots_do_not_get(telegram: FakeTelegram, channel: Telegram, bot: Bot, aida: Person) -> None:
    telegram.says(bot, aida, document=Upload(b"x", "big.zip", size=21 * 2**20))
    telegram.says(bot, aida, document=Upload(b"x" * (20 * 2**20 + 1), "told small.zip", size=10))
    events = [event for _, update in (await channel.news(None, 0)).deliveries for event in channel.read(update)]
    for event in events[1:]:
        assert isinstance(event, MessageArrived)
        with pytest.raises(RefusedError, match="too_large"):
            async with channel.fetch(event.attachments[0].ref) as fetched:
                assert [chunk async for chunk in fetched.chunks]
    with pytest.raises(RefusedError, match="file_refused"):
        async with channel.fetch("unknown"):
            pass
    telegram.faults.add(broken(502), method="file")
    telegram.says(bot, aida, photo=PNG)
    [*_, (_, update)] = (await channel.news(None, 0)).deliveries
    [photo] = channel.read(update)
    assert isinstance(photo, MessageArrived)
    with pytest.raises(TryLaterError):
        async with channel.fetch(photo.attachments[0].ref):
            pass


async def test_who_is_asked_and_who_delivers(telegram: FakeTelegram, bot: Bot, client: httpx.AsyncClient) -> None:
    polls, hooked = (opened(telegram, client, bot.token, receive) for receive in ("poll", "webhook"))
    health = await polls.check()
    assert (health.state, health.external_id, health.name) == (HealthState.OK, str(bot.id), f"@{bot.username}")
    assert ["privacy mode" in advice for advice in health.advice] == [True]
    assert (await hooked.check()).code == "webhook_missing"

    await hooked.hook(f"{telegram.url}/nobody/listens", "s-e_cret1")
    assert bot.mailbox.allowed == ["message", "edited_message", "callback_query", "my_chat_member"]
    assert (await hooked.check()).state is HealthState.OK
    health = await polls.check()
    assert (health.state, health.code) == (HealthState.DEAD, "webhook_set")
    assert "take_over" in health.advice[0]
    with pytest.raises(AccountError, match="webhook_set"):
        await polls.news(None, 0)
    with pytest.raises(RefusedError, match="bad_webhook"):
        await hooked.hook("http://example.com/", "secret")

    await polls.hook(None, "")
    waiting = asyncio.create_task(polls.news(None, 20))
    await bot.mailbox.watch.until(
        lambda: telegram.calls[-1].method == "getUpdates" and telegram.calls[-1].status is None, 10, "a question"
    )
    assert await polls.news(None, 0) == News([], None)
    with pytest.raises(TryLaterError, match="other_poller"):
        await waiting

    telegram.faults.add(broken(502), method="getMe")
    assert (await polls.check()).state is HealthState.AWAY
    refused = await opened(telegram, client, "1:" + "x" * 30).check()
    assert (refused.state, refused.code) == (HealthState.DEAD, "token_refused")
    assert "@BotFather" in refused.advice[0]
