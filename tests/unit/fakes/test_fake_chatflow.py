"""The fake of ChatFlow answers as ChatFlow was seen to answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.fakes.chatflow import FakeChatflow, Instance, Person
from tests.fakes.faults import drop_after, failed, slow
from tests.fakes.upload import Upload
from tests.unit.fakes.receiver import Receiver

NASTY = "Да & нет #1 + 2 = 3?\nжаңа жол 😀 " + "ё" * 400


class Client:
    """Calls ChatFlow as the owner of an instance."""

    def __init__(self, chatflow: FakeChatflow, phone: Instance, http: httpx.AsyncClient) -> None:
        self.base = f"{chatflow.url}/api/v1"
        self.known = {"token": phone.token, "instance_id": phone.id}
        self.http = http

    async def __call__(self, method: str, **parameters: str) -> httpx.Response:
        return await self.http.get(f"{self.base}/{method}", params=self.known | parameters)

    async def refused(self, method: str, **parameters: str) -> str:
        """The sentence in an answer of 200 that says it failed."""
        answer = await self(method, **parameters)
        assert (answer.status_code, answer.json()["success"]) == (200, False), answer.text
        return str(answer.json()["message"])


@pytest.fixture
async def chatflow() -> AsyncIterator[FakeChatflow]:
    async with FakeChatflow() as fake:
        yield fake


@pytest.fixture
def phone(chatflow: FakeChatflow) -> Instance:
    return chatflow.add_instance()


@pytest.fixture
async def call(chatflow: FakeChatflow, phone: Instance) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(trust_env=False) as http:
        yield Client(chatflow, phone, http)


@pytest.fixture
def aida(chatflow: FakeChatflow) -> Person:
    return chatflow.person("Aida")


async def test_what_is_wrong_is_refused_with_200(
    call: Client, aida: Person, chatflow: FakeChatflow, phone: Instance
) -> None:
    recorded = "Parameter [token, instance_id, caption, jid, imageurl] are required!"
    picture = f"{chatflow.url}/files/none"
    assert await call.refused("send-image", jid=aida.jid, imageurl=picture, caption="") == recorded
    assert "required" in await call.refused("send-text", jid=aida.jid)
    assert "jid" in await call.refused("send-text", jid="+7 701", msg="a")
    assert "Unknown parameter" in await call.refused("send-text", jid=aida.jid, msg="a", text="a")
    assert len(chatflow.wrong) == 4
    assert "required" in await call.refused("send-text")
    assert "fetched" in await call.refused("send-image", jid=aida.jid, imageurl=picture, caption=" ")
    assert "not registered" in await call.refused("send-text", jid="77019999999@s.whatsapp.net", msg="a")
    phone.connected = False
    assert "not connected" in await call.refused("send-text", jid=aida.jid, msg="a")
    call.known["instance_id"] = "another"
    assert "Instance" in await call.refused("send-text", jid=aida.jid, msg="a")
    assert len(chatflow.wrong) == 4
    assert chatflow.sends == []


async def test_what_is_no_request_of_it_is_refused(call: Client, aida: Person, chatflow: FakeChatflow) -> None:
    assert (await call("send-text", jid=aida.jid, msg="ё" * 1_400)).status_code == 414
    page = await call.http.post(f"{call.base}/send-media", json={})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    call.known["token"] = "another"
    assert (await call("send-text", jid=aida.jid, msg="a")).status_code == 401


async def test_texts_and_files_arrive(call: Client, aida: Person, chatflow: FakeChatflow, phone: Instance) -> None:
    assert (await call("send-text", jid=aida.jid, msg=NASTY)).json() == {"success": True}
    file = chatflow.says(phone, aida, "a", kind="image", file=Upload(b"PNG", "a.png", "image/png"))["mediaData"]["url"]
    for method, name, parameters in (
        ("send-image", "imageurl", {"caption": " "}),
        ("send-doc", "docurl", {"caption": "счёт"}),
        ("send-video", "videourl", {"caption": " "}),
        ("send-audio", "audiourl", {}),
    ):
        assert (await call(method, jid=aida.jid, **{name: file}, **parameters)).json() == {"success": True}
    text, *files = await chatflow.sent(aida, count=5)
    assert text.text == NASTY
    assert [(sent.text, sent.data) for sent in files] == [(" ", b"PNG"), ("счёт", b"PNG"), (" ", b"PNG"), ("", b"PNG")]
    assert chatflow.wrong == []


async def test_notices_are_posted_unsigned(chatflow: FakeChatflow, aida: Person) -> None:
    async with Receiver() as receiver:
        phone = chatflow.add_instance(receiver.url)
        told = chatflow.says(phone, aida, "вы кто")
        voice = Upload(b"OggS", "a.ogg", "audio/ogg")
        chatflow.says(phone, aida, kind="audio", file=voice, ptt=True, base64=True)
        await phone.outbox.taken()
        (first, headers), (second, _) = receiver.bodies
        assert json.loads(first) == told
        assert headers["user-agent"].startswith("axios/")
        assert not any("signature" in name for name in headers)
        media: dict[str, Any] = json.loads(second)["mediaData"]
        assert (media["base64"], media["ptt"], media["url"]) == ("T2dnUw==", True, None)


async def test_faults(call: Client, aida: Person, chatflow: FakeChatflow) -> None:
    chatflow.faults.add(failed("Try again later"), method="send-text", chat=aida.id)
    assert await call.refused("send-text", jid=aida.jid, msg="a") == "Try again later"
    chatflow.faults.add(drop_after())
    with pytest.raises(httpx.RemoteProtocolError):
        await call("send-text", jid=aida.jid, msg="dropped")
    held = asyncio.Event()
    chatflow.faults.add(slow(until=held), method="send-text")
    late = asyncio.create_task(call("send-text", jid=aida.jid, msg="late"))
    assert [sent.text for sent in await chatflow.sent(aida, count=2)] == ["dropped", "late"]
    assert not late.done()
    held.set()
    assert (await late).json() == {"success": True}
