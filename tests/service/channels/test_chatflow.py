"""A phone behind ChatFlow: what customers and we say to each other, and what goes wrong in between."""

import asyncio
import io
import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr

from activities.channels.chatflow import api
from activities.channels.chatflow.channel import CAPABILITIES, ChatFlow, open_chatflow
from activities.channels.port import AccountError, ChannelError, RefusedError, TryLaterError, UnclearError
from activities.channels.text import parts
from models.contracts.accounts import ChatflowCredentials, ChatflowSettings
from models.contracts.channels import Button, Chat, ContactCard, HealthState, MediaKind, MessageArrived, Part, Place
from runtime import telemetry
from runtime.settings import load
from tests.fakes.chatflow import FakeChatflow, Instance, Person
from tests.fakes.faults import broken, drop_after, drop_before, failed, html, slow, too_many
from tests.fakes.upload import Upload
from tests.service.channels.shelf import Shelf, open_shelf

PICTURE = b"\xff\xd8\xff" + bytes(100_000)
WORDS = "Секретные слова secret words"


@dataclass
class House:
    """A phone of ours, a customer, and files."""

    chatflow: FakeChatflow
    client: httpx.AsyncClient
    phone: Instance
    aida: Person
    shelf: Shelf

    @property
    def chat(self) -> Chat:
        return Chat(id=self.aida.id)

    @property
    def channel(self) -> ChatFlow:
        return self.opened()

    def opened(self, **changes: str) -> ChatFlow:
        settings = ChatflowSettings(instance_id=changes.get("instance", self.phone.id))
        credentials = ChatflowCredentials(token=SecretStr(changes.get("token", self.phone.token)))
        url = changes.get("url", self.chatflow.url)
        return open_chatflow(settings, credentials, self.client, self.shelf.store, url)

    def told(self) -> list[MessageArrived]:
        """What the deliveries since the last look say."""
        made, self.phone.outbox.made = self.phone.outbox.made, []
        events = [event for payload in made for event in self.channel.read(payload)]
        return [event for event in events if isinstance(event, MessageArrived)]


@pytest.fixture(scope="module")
async def shelf(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shelf]:
    async with open_shelf(tmp_path_factory.mktemp("media")) as shelf:
        yield shelf


@pytest.fixture
async def house(shelf: Shelf) -> AsyncIterator[House]:
    async with FakeChatflow() as chatflow, httpx.AsyncClient(trust_env=False) as client:
        yield House(chatflow, client, chatflow.add_instance(), chatflow.person("Aida"), shelf)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The process' log, configured as in production but down to its last detail, into memory."""
    root = logging.root
    before = root.handlers, root.level, logging.raiseExceptions
    stream = io.StringIO()
    telemetry.configure(load(log_format="json", log_level="debug"), stream)
    yield stream
    root.handlers, logging.raiseExceptions = before[0], before[2]
    root.setLevel(before[1])
    structlog.reset_defaults()


async def test_a_conversation(house: House) -> None:
    house.chatflow.says(house.phone, house.aida, "вы кто")
    (asked,) = house.told()
    assert (asked.text, asked.chat, asked.sender.name) == ("вы кто", house.chat, "Aida")
    sent = [
        Part(text="*Altyn* & <сыновья> #1 + 2"),
        Part(text="Сюда?", buttons=((Button(text="Да", data="yes"), Button(text="Нет", data="no")),)),
        Part(text="below", media=await house.shelf.put(MediaKind.IMAGE, PICTURE, "image/jpeg")),
        Part(media=await house.shelf.put(MediaKind.IMAGE, PICTURE, "image/jpeg")),
        Part(media=await house.shelf.put(MediaKind.DOCUMENT, b"%PDF", "application/pdf", "счёт №1.pdf")),
        Part(media=await house.shelf.put(MediaKind.VOICE, b"OggS", "audio/ogg")),
        Part(place=Place(latitude=43.238, longitude=76.945, title="Altyn", address="Абай 1")),
        Part(contact=ContactCard(name="Ерлан", phones=("+77010000000",))),
    ]
    names = {await house.channel.send(house.chat, part) for part in sent}
    assert len(names) == len(sent)
    arrived = await house.chatflow.sent(house.aida, count=len(sent))
    assert [(each.method, each.text) for each in arrived] == [
        ("send-text", "*Altyn* & <сыновья> #1 + 2"),
        ("send-text", "Сюда?\n• Да\n• Нет"),
        ("send-image", "below"),
        ("send-image", " "),
        ("send-doc", "счёт №1.pdf"),
        ("send-audio", ""),
        ("send-text", "Altyn\nАбай 1\nhttps://maps.google.com/?q=43.238000,76.945000"),
        ("send-text", "Ерлан +77010000000"),
    ]
    assert [each.data for each in arrived] == [None, None, PICTURE, PICTURE, b"%PDF", b"OggS", None, None]
    assert house.chatflow.wrong == []


TEXTS = {
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 👋🏽 " * 770,
    "kazakh": "Сәлеметсіз бе, тапсырысым қайда? Ұзақ күттім. " * 220,
    "right to left": "مرحبا (1) — שלום! " * 300,
    "one word": "ъ" * 10_000,
    "signs": "2+2=4 & 3<4 > 1 #7 50% %41 'x' \"y\" a\\b snake_case_name 2*3*4 ~9;?=/\n" * 3,
    "lines": "one\n\ntwo\nthree",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_texts_arrive_unharmed_in_addresses_that_are_not_too_long(house: House, text: str) -> None:
    # As long a token as any.
    house.phone.token = "t" * 250
    pieces = parts(text, CAPABILITIES)
    for piece in pieces:
        await house.channel.send(house.chat, Part(text=piece))
    arrived = await house.chatflow.sent(house.aida, count=len(pieces))
    assert "".join("".join(each.text for each in arrived).split()) == "".join(text.split())
    assert house.chatflow.wrong == []


async def test_an_address_that_would_be_too_long_is_not_asked_for(house: House) -> None:
    with pytest.raises(RefusedError, match="too_long"):
        await house.channel.send(house.chat, Part(text="ъ" * 1_400))
    assert house.chatflow.calls == []


async def test_files_of_customers(house: House) -> None:
    file = Upload(PICTURE, "1.jpg", "image/jpeg")
    house.chatflow.says(house.phone, house.aida, "below", kind="image", file=file)
    house.chatflow.says(
        house.phone, house.aida, kind="audio", file=Upload(b"OggS", mime="audio/ogg"), ptt=True, base64=True
    )
    shown, spoken = house.told()
    assert (shown.text, shown.attachments[0].kind, spoken.attachments[0].kind) == (
        "below",
        MediaKind.IMAGE,
        MediaKind.VOICE,
    )
    for event, expected in ((shown, PICTURE), (spoken, b"OggS")):
        async with house.channel.fetch(event.attachments[0].ref) as fetched:
            assert b"".join([chunk async for chunk in fetched.chunks]) == expected
            assert (fetched.size, fetched.mime) == (len(expected), event.attachments[0].mime)


async def test_an_address_in_a_delivery_leads_nowhere_inside(house: House) -> None:
    house.chatflow.files["1.jpg"] = Upload(b"of the operator's network")
    file = f"{house.chatflow.url}/files/1.jpg"
    # Of another ChatFlow than ours this is an address of a stranger.
    stranger = house.opened(url="https://app.chatflow.kz")
    for ref, kind in (
        (file, RefusedError),
        ("https://127.0.0.1/x", TryLaterError),
        ("https://169.254.169.254/latest/meta-data", TryLaterError),
        ("ftp://files.chatflow.kz/1.jpg", RefusedError),
        ("http://", RefusedError),
        ("data:image/png;base64,???", RefusedError),
    ):
        with pytest.raises((TryLaterError, RefusedError)) as raised:
            async with stranger.fetch(ref):
                pass
        assert type(raised.value) is kind, ref
    assert house.chatflow.calls == []
    with pytest.raises(RefusedError, match="file_gone"):
        async with house.channel.fetch(f"{house.chatflow.url}/files/2.jpg"):
            pass


MISSING = "Parameter [token, instance_id, caption, jid, imageurl] are required!"
FAULTS = [
    (failed(MISSING), RefusedError, "bad_request"),
    (failed("Something that nobody has seen"), RefusedError, "refused"),
    (failed("Invalid jid"), RefusedError, "not_on_whatsapp"),
    (failed("Invalid token"), AccountError, "token_refused"),
    (failed("Token not found"), AccountError, "token_refused"),
    (failed("WhatsApp is not connected, scan QR"), AccountError, "phone_away"),
    (failed("Instance not found"), AccountError, "instance_unknown"),
    (failed("Your subscription has expired"), AccountError, "payment_missing"),
    (failed("Rate limit exceeded"), TryLaterError, "too_many_messages"),
    (failed("Internal error, try again later"), TryLaterError, "provider_failed"),
    (too_many(7), TryLaterError, "http_429"),
    (broken(502), TryLaterError, "http_502"),
    (html(200), TryLaterError, "unreadable_answer"),
    (html(403), AccountError, "token_refused"),
    (html(504), UnclearError, "no_answer"),
    (drop_after(), UnclearError, "no_answer"),
]


@pytest.mark.parametrize(("fault", "kind", "code"), FAULTS, ids=lambda each: getattr(each, "kind", ""))
async def test_what_goes_wrong_and_that_nothing_is_told_of_it(
    house: House, log: io.StringIO, fault: Any, kind: type[ChannelError], code: str
) -> None:
    house.chatflow.faults.add(fault)
    with pytest.raises(ChannelError) as raised:
        await house.channel.send(house.chat, Part(text=WORDS))
    assert (type(raised.value), raised.value.code) == (kind, code)
    logging.getLogger("ours").error("failed", exc_info=raised.value)
    shown = log.getvalue() + "".join(traceback.format_exception(raised.value))
    assert "failed" in shown
    for secret in (house.phone.token, house.aida.id, WORDS, "secret%20words", "secret+words"):
        assert secret not in shown


async def test_what_went_well_is_not_told_either(house: House, log: io.StringIO) -> None:
    picture = await house.shelf.put(MediaKind.IMAGE, PICTURE, "image/jpeg")
    for part in (Part(text=WORDS), Part(text=WORDS, media=picture)):
        await house.channel.send(house.chat, part)
    await house.channel.check()
    assert len(house.chatflow.calls) == 3
    for secret in (house.phone.token, house.aida.id, "secret"):
        assert secret not in log.getvalue()


async def test_a_slow_answer_leaves_it_open_whether_it_went(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "ANSWER_SECONDS", 0.2)
    answered = asyncio.Event()
    house.chatflow.faults.add(slow(until=answered))
    with pytest.raises(UnclearError, match="no_answer"):
        await house.channel.send(house.chat, Part(text="hi"))
    answered.set()
    assert [sent.text for sent in house.chatflow.sends] == ["hi"]


async def test_people_and_accounts_that_are_not_there(house: House) -> None:
    with pytest.raises(RefusedError, match="not_on_whatsapp") as raised:
        await house.channel.send(Chat(id="77999999999"), Part(text="x"))
    assert raised.value.unreachable
    for changes, code in (({"token": "other"}, "token_refused"), ({"instance": "other"}, "instance_unknown")):
        with pytest.raises(AccountError, match=code):
            await house.opened(**changes).send(house.chat, Part(text="x"))
    house.phone.connected = False
    with pytest.raises(AccountError, match="phone_away"):
        await house.channel.send(house.chat, Part(text="x"))


async def test_a_check_says_what_it_can(house: House) -> None:
    alive = await house.channel.check()
    assert (alive.state, "send a test" in alive.advice[0]) == (HealthState.OK, True)
    dead = await house.opened(token="other").check()
    assert (dead.state, dead.code) == (HealthState.DEAD, "token_refused")
    house.chatflow.faults.add(drop_before())
    assert (await house.channel.check()).state is HealthState.AWAY
    assert house.chatflow.sends == []
    assert house.chatflow.wrong == []
