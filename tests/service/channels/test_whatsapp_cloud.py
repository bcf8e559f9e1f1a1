"""A number of the Cloud API: what customers and we say to each other, and what goes wrong in between."""

import io
import traceback
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from activities.channels.port import AccountError, ChannelError, RefusedError, TryLaterError, UnclearError
from activities.channels.text import parts
from activities.channels.whatsapp_cloud.channel import CAPABILITIES, WhatsAppCloud, open_whatsapp_cloud
from models.contracts.accounts import CloudCredentials, CloudSettings
from models.contracts.channels import (
    Arrived,
    Button,
    Chat,
    ChatMoved,
    ContactCard,
    DeliveryChanged,
    HealthState,
    MediaKind,
    MessageArrived,
    Part,
    Place,
)
from models.contracts.enums import SendStatus
from tests.fakes.faults import broken, drop_after, drop_before, html, too_many
from tests.fakes.upload import Upload
from tests.fakes.whatsapp_cloud import FakeCloud, Number, Person
from tests.service.channels.shelf import Shelf, open_shelf

PICTURE = b"\xff\xd8\xff" + bytes(300_000)


@dataclass
class House:
    """A number of ours, a customer who has just written, and files."""

    cloud: FakeCloud
    client: httpx.AsyncClient
    number: Number
    aida: Person
    channel: WhatsAppCloud
    shelf: Shelf

    @property
    def chat(self) -> Chat:
        return Chat(id=self.aida.id)

    def opened(self, **changes: Any) -> WhatsAppCloud:
        settings = CloudSettings(phone_number_id=changes.get("number", self.number.id), **changes.get("template", {}))
        credentials = CloudCredentials(
            access_token=SecretStr(changes.get("token", self.number.access_token)),
            app_secret=SecretStr(self.number.app_secret),
            verify_token=SecretStr(self.number.verify_token),
        )
        return open_whatsapp_cloud(
            settings, credentials, self.client, self.shelf.store, changes.get("url", self.cloud.url)
        )

    def told(self) -> list[Arrived]:
        """What the deliveries since the last look say."""
        made, self.number.outbox.made = self.number.outbox.made, []
        return [event for payload in made for event in self.channel.read(payload)]


@pytest.fixture(scope="module")
async def shelf(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shelf]:
    async with open_shelf(tmp_path_factory.mktemp("media")) as shelf:
        yield shelf


@pytest.fixture
async def house(shelf: Shelf) -> AsyncIterator[House]:
    async with FakeCloud() as cloud, httpx.AsyncClient(trust_env=False) as client:
        number, aida = cloud.add_number(), cloud.person("Aida")
        house = House(cloud, client, number, aida, None, shelf)  # type: ignore[arg-type]  # it opens itself below
        house.channel = house.opened()
        cloud.says(number, aida, "Здравствуйте")
        yield house


async def test_a_conversation(house: House) -> None:
    (asked,) = house.told()
    assert isinstance(asked, MessageArrived)
    assert (asked.text, asked.chat, asked.sender.name) == ("Здравствуйте", house.chat, "Aida")
    await house.channel.typing(house.chat, asked.id)
    buttons = (Button(text="Да", data="yes"), Button(text="Нет", data="no"))
    picture = await house.shelf.put(MediaKind.IMAGE, PICTURE, "image/jpeg")
    paper = await house.shelf.put(MediaKind.DOCUMENT, b"%PDF-1.7", "application/pdf")
    voice = await house.shelf.put(MediaKind.VOICE, b"OggS", "audio/ogg; codecs=opus")
    names = [
        await house.channel.send(house.chat, part)
        for part in (
            Part(text="*Сәлем* & <hi>", reply_to=asked.id),
            Part(text="Сюда?", buttons=(buttons,)),
            Part(text="below", media=picture),
            Part(media=paper),
            Part(media=voice),
            Part(place=Place(latitude=43.238, longitude=76.945, title="Altyn")),
            Part(contact=ContactCard(name="Ерлан", phones=("+77010000000",))),
        )
    ]
    sends = await house.cloud.sent(house.aida, count=len(names))
    assert [sent.id for sent in sends] == names
    assert [sent.text for sent in sends[:3]] == ["*Сәлем* & <hi>", "Сюда?", "below"]
    assert [sent.data for sent in sends] == [None, None, PICTURE, b"%PDF-1.7", b"OggS", None, None]
    assert house.number.typing == [asked.id]
    house.cloud.presses(sends[1], house.aida, "yes")
    house.cloud.reports(sends[0], "delivered", "sent", "read")
    moved = house.cloud.changes_number(house.number, house.aida, "77019999999")
    pressed, *states, change = house.told()
    assert isinstance(pressed, MessageArrived)
    assert (pressed.text, pressed.reply_to) == ("Да", names[1])
    assert [(state.id, state.status) for state in states if isinstance(state, DeliveryChanged)] == [
        (names[0], SendStatus.DELIVERED),
        (names[0], SendStatus.SENT),
        (names[0], SendStatus.READ),
    ]
    assert change == ChatMoved(chat=house.aida.id, to=moved.id)
    assert house.cloud.wrong == []


TEXTS = {
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 👋🏽 " * 900,
    "kazakh": "Сәлеметсіз бе, тапсырысым қайда? Ұзақ күттім. " * 220,
    "right to left": "مرحبا (1) — שלום! " * 300,
    "signs": "2+2=4 & 3<4 > 1 #7 50% 'x' \"y\" a\\b snake_case_name 2*3*4 ~9\n" * 3,
    "lines": "one\n\ntwo\nthree",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_texts_arrive_unharmed(house: House, text: str) -> None:
    pieces = parts(text, CAPABILITIES)
    for piece in pieces:
        await house.channel.send(house.chat, Part(text=piece))
    sends = await house.cloud.sent(house.aida, count=len(pieces))
    assert "".join("".join(sent.text for sent in sends).split()) == "".join(text.split())
    assert house.cloud.wrong == []


async def test_files_of_customers(house: House) -> None:
    house.told()
    for content in (
        {"image": PICTURE},
        {"voice": b"OggS"},
        {"document": Upload(b"%PDF", "счёт.pdf", "application/pdf")},
    ):
        house.cloud.says(house.number, house.aida, **content)
    attachments = [each for event in house.told() if isinstance(event, MessageArrived) for each in event.attachments]
    assert [each.kind for each in attachments] == [MediaKind.IMAGE, MediaKind.VOICE, MediaKind.DOCUMENT]
    for attachment, expected in zip(attachments, (PICTURE, b"OggS", b"%PDF"), strict=True):
        async with house.channel.fetch(attachment.ref) as fetched:
            assert b"".join([chunk async for chunk in fetched.chunks]) == expected
            assert fetched.size == len(expected)
    with pytest.raises(RefusedError, match="file_gone"):
        async with house.channel.fetch("123"):
            pass
    # The token would go along.
    elsewhere = house.opened(url=house.cloud.url.replace("127.0.0.1", "localhost"))
    with pytest.raises(RefusedError, match="foreign_address"):
        async with elsewhere.fetch(attachments[0].ref):
            pass
    assert [call.method for call in house.cloud.calls][-1] == "GET file"


async def test_outside_of_the_window_only_templates_go(house: House) -> None:
    house.cloud.passes(timedelta(hours=25))
    with pytest.raises(RefusedError, match="window_closed") as closed:
        await house.channel.send(house.chat, Part(text="late"))
    assert not closed.value.unreachable
    assert await house.channel.invite(house.chat) is None
    hello = {"template": "hello_again", "template_language": "ru", "template_parameters": ("Shop",)}
    inviting, world, known = house.opened(template=hello), house.cloud.world, ("hello_again", "ru")
    with pytest.raises(RefusedError, match="template_unknown"):
        await inviting.invite(house.chat)
    for words, refused, code in ((0, 0, "parameters"), (1, 132_015, "paused"), (1, 132_016, "disabled")):
        world.templates[known], world.refused[known] = words, refused
        with pytest.raises(RefusedError, match=f"template_{code}"):
            await inviting.invite(house.chat)
    world.refused.clear()
    name = await inviting.invite(house.chat)
    assert [(sent.id, sent.template) for sent in await house.cloud.sent(house.aida)] == [(name, "hello_again")]
    # Mostly Meta tells of it later.
    house.told()
    house.cloud.world.late.add(131_047)
    name = await house.channel.send(house.chat, Part(text="late"))
    (state,) = house.told()
    assert isinstance(state, DeliveryChanged)
    assert (state.id, state.status, state.code) == (name, SendStatus.FAILED, "window_closed")


FAULTS = [
    (too_many(7), TryLaterError, "too_many_messages"),
    (too_many(None, code=131_056), TryLaterError, "chat_limit"),
    (broken(503), TryLaterError, "provider_away"),
    (html(502), TryLaterError, "http_502"),
    (html(504), UnclearError, "no_answer"),
    (html(200), UnclearError, "unreadable_answer"),
    (drop_before(), UnclearError, "no_answer"),
    (drop_after(), UnclearError, "no_answer"),
]


@pytest.mark.parametrize(("fault", "kind", "code"), FAULTS, ids=lambda each: getattr(each, "kind", ""))
async def test_what_goes_wrong(house: House, fault: Any, kind: type[ChannelError], code: str) -> None:
    house.cloud.faults.add(fault, method="POST messages")
    with pytest.raises(kind) as raised:
        await house.channel.send(house.chat, Part(text="secret words"))
    assert (type(raised.value), raised.value.code) == (kind, code)
    if isinstance(raised.value, TryLaterError):
        assert (raised.value.after, raised.value.chat) == {
            "too_many_messages": (7.0, False),
            "chat_limit": (6.0, True),
        }.get(code, (None, False))
    shown = io.StringIO()
    traceback.print_exception(raised.value, file=shown)
    assert house.number.access_token not in shown.getvalue()


async def test_a_file_that_could_not_be_handed_over_was_not_sent(house: House) -> None:
    picture = await house.shelf.put(MediaKind.IMAGE, PICTURE, "image/jpeg")
    house.cloud.faults.add(drop_after(), method="POST media")
    with pytest.raises(TryLaterError, match="no_answer"):
        await house.channel.send(house.chat, Part(media=picture))
    assert [call.method for call in house.cloud.calls] == ["POST media"]


async def test_accounts_and_people_that_are_not_there(house: House) -> None:
    stranger = Chat(id="77999999999")
    house.cloud.world.late.clear()
    with pytest.raises(RefusedError, match="undeliverable") as raised:
        await house.channel.send(stranger, Part(text="x"))
    assert raised.value.unreachable
    for changes, code in (({"token": "EAAother"}, "token_refused"), ({"number": "100000000009999"}, "number_unknown")):
        with pytest.raises(AccountError, match=code):
            await house.opened(**changes).send(house.chat, Part(text="x"))


async def test_a_check_tells_what_is_missing(house: House) -> None:
    (advice,) = (await house.channel.check()).advice
    assert "No template" in advice
    channel = house.opened(template={"template": "hello_again"})
    health = await channel.check()
    assert (health.state, health.advice, health.external_id) == (HealthState.OK, (), house.number.id)
    assert health.name == f"{house.number.name} {house.number.phone}"
    house.number.quality = "RED"
    (advice,) = (await channel.check()).advice
    assert "block or report" in advice
    dead = await house.opened(token="EAAother").check()
    assert (dead.state, dead.code) == (HealthState.DEAD, "token_refused")
    assert "access token" in dead.advice[0]
    house.cloud.faults.add(broken(500))
    assert (await house.channel.check()).state is HealthState.AWAY
