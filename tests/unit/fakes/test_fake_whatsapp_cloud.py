"""The fake of the Cloud API refuses what Meta refuses, and posts what Meta posts."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.fakes.faults import Json, broken, drop_after, html, too_many
from tests.fakes.schemas import complaint, present
from tests.fakes.upload import Upload
from tests.fakes.whatsapp_cloud import FakeCloud, Number, Person, batch
from tests.fakes.whatsapp_cloud.requests import SCHEMA
from tests.unit.fakes.receiver import Receiver

JPEG = Upload(b"\xff\xd8\xff picture", "a.jpg", "image/jpeg")
OGG = Upload(b"OggS", "a.ogg", "audio/ogg")


class Client:
    """Calls the Graph API as the owner of a number."""

    def __init__(self, cloud: FakeCloud, number: Number, http: httpx.AsyncClient) -> None:
        self.base = f"{cloud.url}/v23.0"
        self.number = number
        self.http = http
        self.headers = {"Authorization": f"Bearer {number.access_token}"}

    async def send(self, to: Person | str, **content: Any) -> httpx.Response:
        """A message of the type that its content is named by."""
        whom = to if isinstance(to, str) else to.id
        typed = {"type": next(name for name in content if name != "context"), **content}
        return await self.post({"messaging_product": "whatsapp", "to": whom, **typed})

    async def post(self, body: Json, path: str = "messages") -> httpx.Response:
        return await self.http.post(f"{self.base}/{self.number.id}/{path}", json=body, headers=self.headers)

    async def get(self, path: str, **fields: str) -> httpx.Response:
        return await self.http.get(f"{self.base}/{path}", params=fields, headers=self.headers)

    async def upload(self, file: Upload) -> httpx.Response:
        data = {"messaging_product": "whatsapp", "type": file.mime}
        url = f"{self.base}/{self.number.id}/media"
        files = {"file": (file.name, file.data, file.mime)}
        return await self.http.post(url, data=data, files=files, headers=self.headers)


def code(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.fixture
async def cloud() -> AsyncIterator[FakeCloud]:
    async with FakeCloud() as fake:
        yield fake


@pytest.fixture
def number(cloud: FakeCloud) -> Number:
    return cloud.add_number()


@pytest.fixture
async def client(cloud: FakeCloud, number: Number) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(trust_env=False) as http:
        yield Client(cloud, number, http)


@pytest.fixture
def aida(cloud: FakeCloud, number: Number) -> Person:
    aida = cloud.person("Aida")
    cloud.says(number, aida, "Где мой заказ?")
    return aida


def buttons(*titles: str, text: str = "Да?") -> Json:
    replies = [{"type": "reply", "reply": {"id": title.lower(), "title": title}} for title in titles]
    return {"type": "button", "body": {"text": text}, "action": {"buttons": replies}}


async def test_requests_that_are_none_are_refused(client: Client, aida: Person, cloud: FakeCloud) -> None:
    wrong: list[Json] = [
        {"text": {}},
        {"text": {"body": ""}},
        {"text": {"body": "a" * 4_097}},
        {"text": {"body": "a", "previewUrl": False}},
        {"text": {"body": None}},
        {"text": {"body": "a"}, "image": {"id": "1"}},
        {"image": {"id": "1", "link": "https://x.kz/a.png"}},
        {"document": {}},
        {"interactive": buttons("Да", "Нет", "Нет ", "Может")},
        {"interactive": buttons("a" * 21)},
        {"interactive": buttons("Да", text="a" * 1_025)},
        {"interactive": buttons("Да", "да")},
        {"location": {"latitude": 1, "lon": 2}},
        {"contacts": []},
        {"poll": {"question": "?"}},
    ]
    for content in wrong:
        assert code(await client.send(aida, **content)) == (400, 100), content
    assert code(await client.send("+7 (701) 000-00-01", text={"body": "a"})) == (400, 100)
    assert code(await client.post({"messaging_product": "whatsapp", "status": "seen", "message_id": "a"})) == (400, 100)
    assert len(cloud.wrong) == len(wrong) + 2
    assert cloud.world.sends == []


async def test_who_may_not_is_refused(client: Client, aida: Person, cloud: FakeCloud, number: Number) -> None:
    assert (await client.get(number.id)).json()["display_phone_number"] == number.phone
    other = cloud.add_number()
    assert code(await client.get(other.id)) == (400, 100)
    client.headers = {"Authorization": "Bearer other"}
    assert code(await client.get(number.id)) == (401, 190)
    assert code(await client.send(aida, text={"body": "a"})) == (401, 190)


async def test_every_kind_is_taken(client: Client, aida: Person, cloud: FakeCloud, number: Number) -> None:
    picture, voice = [(await client.upload(file)).json()["id"] for file in (JPEG, OGG)]
    question = cloud.says(number, aida, "?")["id"]
    kinds: list[Json] = [
        {"text": {"body": "Готово 😀 & #+", "preview_url": False}, "context": {"message_id": question}},
        {"image": {"id": picture, "caption": "вот"}},
        {"document": {"id": picture, "filename": "a.jpg", "caption": "вот"}},
        {"audio": {"id": voice}},
        {"interactive": buttons("Да", "Нет")},
        {"location": {"latitude": "43.2", "longitude": "76.9", "name": "Shop", "address": "Abay 1"}},
        {"contacts": [{"name": {"formatted_name": "Aida", "first_name": "Aida"}, "phones": [{"phone": "+7700"}]}]},
    ]
    for kind in kinds:
        answer = await client.send(aida, **kind)
        assert answer.status_code == 200, answer.text
        assert answer.json()["messages"][0]["id"] == cloud.world.sends[-1].id
    sent = await cloud.sent(aida, count=len(kinds))
    assert [one.text for one in sent] == ["Готово 😀 & #+", "вот", "вот", "", "Да?", "", ""]
    assert [one.data for one in sent[1:4]] == [JPEG.data, JPEG.data, OGG.data]
    assert cloud.wrong == []

    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": question}
    assert (await client.post(mark | {"typing_indicator": {"type": "text"}})).json() == {"success": True}
    assert (number.read, number.typing) == ([question], [question])
    assert code(await client.post(mark | {"message_id": "wamid.none"})) == (400, 131_009)
    assert code(await client.send(aida, text={"body": "a"}, context={"message_id": "wamid.none"})) == (400, 131_009)
    assert code(await client.send(aida, image={"id": voice})) == (400, 131_053)
    assert code(await client.send(aida, image={"id": "none"})) == (400, 100)


async def test_the_window_closes_and_templates_pass(
    client: Client, aida: Person, cloud: FakeCloud, number: Number
) -> None:
    cloud.world.templates["order_ready", "ru"] = 1
    cloud.passes(timedelta(hours=23, minutes=59))
    assert (await client.send(aida, text={"body": "a"})).status_code == 200
    cloud.passes(timedelta(minutes=1))
    assert code(await client.send(aida, text={"body": "b"})) == (400, 131_047)

    def template(name: str, *words: str) -> Json:
        said = [{"type": "text", "text": word} for word in words]
        language = {"policy": "deterministic", "code": "ru"}
        return {"name": name, "language": language, "components": [{"type": "body", "parameters": said}]}

    assert code(await client.send(aida, template=template("order_lost", "7"))) == (404, 132_001)
    assert code(await client.send(aida, template=template("order_ready"))) == (400, 132_000)
    assert (await client.send(aida, template=template("order_ready", "7"))).status_code == 200
    assert (await cloud.sent(aida, count=2))[1].template == "order_ready"

    cloud.world.late.add(131_047)
    late = await client.send(aida, text={"body": "c"})
    nobody = await client.send("77019999999", text={"body": "d"})
    told = [notice["entry"][0]["changes"][0]["value"]["statuses"][0] for notice in number.outbox.made[-2:]]
    assert [(status["id"], status["errors"][0]["code"]) for status in told] == [
        (late.json()["messages"][0]["id"], 131_047),
        (nobody.json()["messages"][0]["id"], 131_026),
    ]
    assert len(cloud.world.sends) == 2
    cloud.says(number, aida, "again")
    assert (await client.send(aida, text={"body": "e"})).status_code == 200


async def test_files_go_both_ways(client: Client, aida: Person, cloud: FakeCloud, number: Number) -> None:
    assert code(await client.upload(Upload(b"MZ", "a.exe", "application/x-msdownload"))) == (400, 100)
    assert code(await client.upload(Upload(bytes(5 * 2**20 + 1), "a.png", "image/png"))) == (400, 131_053)
    assert code(await client.upload(Upload(b"", "a.png", "image/png"))) == (400, 131_053)
    media = cloud.says(number, aida, "вот", image=JPEG)["image"]
    told = (await client.get(media["id"])).json()
    assert (told["mime_type"], told["sha256"]) == ("image/jpeg", hashlib.sha256(JPEG.data).hexdigest())
    assert (await client.http.get(told["url"], headers=client.headers)).content == JPEG.data
    assert code(await client.http.get(told["url"])) == (401, 190)
    cloud.passes(timedelta(minutes=6))
    assert (await client.http.get(told["url"], headers=client.headers)).status_code == 404
    url = f"{client.base}/{media['id']}"
    assert (await client.http.delete(url, headers=client.headers)).json() == {"success": True}
    assert code(await client.get(media["id"])) == (400, 100)


async def test_notices_are_signed_and_posted_until_taken(
    client: Client, aida: Person, cloud: FakeCloud, number: Number
) -> None:
    async with Receiver(number.verify_token) as receiver, Receiver("another") as stranger:
        assert not await cloud.subscribe(number, stranger.url)
        number.outbox.retry_after = 0
        receiver.faults.add(broken(500), method="POST")
        assert await cloud.subscribe(number, receiver.url)
        await number.outbox.taken()
        body, headers = receiver.bodies[0]
        signed = hmac.new(number.app_secret.encode(), body, hashlib.sha256).hexdigest()
        assert headers["x-hub-signature-256"] == f"sha256={signed}"
        assert [body] * 2 == [body for body, _ in receiver.bodies]

        number.outbox.held = True
        cloud.says(number, aida, "one")
        cloud.says(number, aida, "two")
        receiver.calls.clear()
        await number.outbox.deliver([batch(number.outbox.made)], times=3, at_once=3)
        assert [len(call.fields["entry"][0]["changes"]) for call in receiver.calls] == [3, 3, 3]


@pytest.mark.skipif(not present(SCHEMA), reason="the published schemas do not lie beside the repository")
async def test_notices_fit_the_published_schema(client: Client, aida: Person, cloud: FakeCloud, number: Number) -> None:
    files: list[Json] = [{kind: b"file"} for kind in ("image", "voice", "audio", "video", "document", "sticker")]
    for file in files:
        cloud.says(number, aida, **file)
    place = {"latitude": 43.2, "longitude": 76.9, "name": "Shop", "address": "Abay 1"}
    cloud.says(number, aida, location=place)
    cloud.says(number, aida, contacts=[{"name": {"formatted_name": "Aida"}, "phones": [{"phone": "+7700"}]}])
    cloud.says(number, aida, unsupported=True)
    await client.send(aida, interactive=buttons("Да"))
    [sent] = await cloud.sent(aida)
    cloud.presses(sent, aida, "да")
    cloud.reports(sent, "read", "delivered", "sent")
    cloud.reports(sent, "failed", code=131_026)
    cloud.changes_number(number, aida, "77020000000")
    assert len(number.outbox.made) > 14
    for notice in number.outbox.made:
        assert complaint(SCHEMA, ("x-roots", "webhook"), notice) is None, notice


async def test_faults(client: Client, aida: Person, cloud: FakeCloud) -> None:
    cloud.faults.add(too_many(code=131_056), method="POST messages", chat=aida.id)
    cloud.faults.add(too_many(None, code=80_007, status=400))
    cloud.faults.add(broken(503))
    cloud.faults.add(html(502))
    answers = [await client.send(aida, text={"body": "a"}) for _ in range(4)]
    assert [code(answer) for answer in answers[:3]] == [(429, 131_056), (400, 80_007), (503, 2)]
    assert answers[3].headers["content-type"].startswith("text/html")
    cloud.faults.add(drop_after(), method="POST messages")
    with pytest.raises(httpx.RemoteProtocolError):
        await client.send(aida, text={"body": "a"})
    assert len(await cloud.sent(aida)) == 1
