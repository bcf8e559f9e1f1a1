"""ChatFlow as a real server: a phone with WhatsApp behind GET requests, as public integrations were seen to use it.

    async with FakeChatflow() as chatflow:                      # chatflow.url in place of https://app.chatflow.kz
        phone = chatflow.add_instance(f"{ours}/webhook/secret") # phone.token, phone.id
        aida = chatflow.person("Aida")
        chatflow.says(phone, aida, "Where is my order?")        # posted to the webhook, unsigned
        [reply] = await chatflow.sent(aida, within=10)          # reply.text, .data, .file
        assert chatflow.wrong == []

    chatflow.faults.add(failed("Try again later"), method="send-text", chat=aida.id)    # 200 and success:false
    chatflow.faults.add(slow(until=event), method="send-image")                         # sent; the answer is late
    await chatflow.probe(phone)                                 # what the dashboard posts to try a webhook

Nobody has its specification. Seen were: the methods and their parameters, 200 with success:false and the sentence on
required parameters, 401, HTML where no method is, files fetched by their address, captions that must not be empty, and
texts inbound. Supposed are: the other sentences, the length of an address (nginx's default) and files inbound. A msg_id
changes nothing: what is sent twice arrives twice.
"""

import base64
import itertools
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.fakes.faults import PATIENCE, Call, Fault, Json
from tests.fakes.outbox import Address, Outbox
from tests.fakes.upload import Upload
from tests.fakes.wire import Provider

LONGEST_URL = 8_190
"""Bytes of path and query."""

CONTENT = {
    "send-text": ("jid", "msg"),
    "send-image": ("caption", "jid", "imageurl"),
    "send-doc": ("caption", "jid", "docurl"),
    "send-video": ("caption", "jid", "videourl"),
    "send-audio": ("jid", "audiourl"),
}
"""What a method needs beside token and instance_id, in the order in which it names them."""


@dataclass(frozen=True)
class Person:
    """`id` is their number: digits alone."""

    id: str
    name: str

    @property
    def jid(self) -> str:
        return f"{self.id}@s.whatsapp.net"


@dataclass
class Instance:
    """A phone. `connected`: whether it has its session."""

    id: str
    token: str
    phone: str
    outbox: Outbox
    connected: bool = True


@dataclass(frozen=True)
class Sent:
    """A message that went out. `data` is the file, as ChatFlow fetched it from `file`."""

    method: str
    instance: Instance
    to: str
    text: str
    at: float
    file: str | None = None
    data: bytes | None = None


class FailedError(Exception):
    """What is answered with 200 and success:false."""


class FakeChatflow(Provider):
    def __init__(self) -> None:
        super().__init__()
        self.instances: dict[str, Instance] = {}
        self.people: dict[str, Person] = {}
        self.sends: list[Sent] = []
        self.files: dict[str, Upload] = {}
        self._ids = itertools.count(1)

    # Who there is, and what they do

    def add_instance(self, webhook: str | None = None, *, token: str = "") -> Instance:
        place = next(self._ids)
        instance = Instance(f"inst{place}", token or secrets.token_hex(16), f"7700{place:07d}", Outbox(self.client))
        self.instances[instance.id] = instance
        self.outboxes.append(instance.outbox)
        if webhook is not None:
            instance.outbox.point(Address(webhook, lambda _: {"User-Agent": "axios/1.7.9"}))
        return instance

    def person(self, name: str = "Aida", phone: str = "") -> Person:
        """Somebody who uses WhatsApp. Whoever nobody was made for does not."""
        person = Person(phone or f"7701{next(self._ids):07d}", name)
        self.people[person.id] = person
        return person

    def says(
        self,
        instance: Instance,
        who: Person,
        text: str = "",
        *,
        kind: str = "text",
        file: Upload | None = None,
        **media: Any,
    ) -> Json:
        """A person's message. `kind` is its messageType; with a file the text is its caption. `media` are further
        fields of mediaData: ptt=True, or base64=True for a file that comes in the notice and has no address."""
        metadata = {
            "sender": who.name,
            "timestamp": int(time.time()),
            "messageId": secrets.token_hex(10).upper(),
            "remoteJid": who.jid,
        }
        notice: Json = {
            "messageType": kind,
            "message": "" if file else text,
            "metadata": metadata,
            "to": instance.phone,
            "mediaData": self._media(kind, file, text, media) if file else None,
            "nodeData": {
                "webHook": {"text": instance.outbox.address.url if instance.outbox.address else "", "method": "POST"}
            },
        }
        instance.outbox.put(notice)
        return notice

    def _media(self, kind: str, file: Upload, caption: str, further: Json) -> Json:
        told: Json = {"type": kind, "mimetype": file.mime, "fileName": file.name, "size": file.told_size}
        told |= {"caption": caption, "ptt": False} | further
        if further.get("base64"):
            return told | {"url": None, "base64": base64.b64encode(file.data).decode()}
        name = f"{next(self._ids)}-{file.name}"
        self.files[name] = file
        return told | {"url": f"{self.url}/files/{name}", "base64": None}

    async def probe(self, instance: Instance) -> list[int]:
        """The statuses of what the dashboard tries a webhook with: a GET, and a POST without a body."""
        assert instance.outbox.address is not None
        url = instance.outbox.address.url
        return [(await self.client.get(url)).status_code, (await self.client.post(url)).status_code]

    async def sent(
        self, to: Person | None = None, *, count: int = 1, text: str = "", within: float = PATIENCE
    ) -> list[Sent]:
        """Wait until so many messages that hold `text` went out to a person, and return all of them, oldest first."""

        def seen() -> list[Sent]:
            found = [sent for sent in self.sends if (to is None or sent.to == to.id) and text in sent.text]
            return found if len(found) >= count else []

        return await self.watch.until(seen, within, f"{count} messages to {to or 'anybody'}")

    # The wire

    async def understand(self, request: Request) -> Call:
        fields = dict(request.query_params)
        jid = fields.get("jid")
        name = request.url.path.rpartition("/")[2]
        return Call(name, fields.get("instance_id", ""), None if jid is None else jid.partition("@")[0], fields)

    async def act(self, call: Call, request: Request) -> Response:
        if request.url.path.startswith("/files/"):
            file = self.files.get(call.method)
            return Response(file.data, media_type=file.mime) if file else self._no_such("Not Found", 404)
        if len(request.url.path) + len(request.url.query) > LONGEST_URL:
            return self._no_such("Request-URI Too Large", 414)
        if request.method != "GET" or request.url.path != f"/api/v1/{call.method}" or call.method not in CONTENT:
            self.wrong.append(f"{request.method} {request.url.path}: no such method")
            return self._no_such("Not Found", 404)
        if "token" in call.fields and call.fields["token"] not in {known.token for known in self.instances.values()}:
            return JSONResponse({"success": False, "message": "Unauthorized"}, 401)
        try:
            self._check(call)
            await self._send(call)
        except FailedError as failure:
            return JSONResponse({"success": False, "message": str(failure)})
        return JSONResponse({"success": True})

    def _check(self, call: Call) -> None:
        needed = ["token", "instance_id", *CONTENT[call.method]]
        missing = [name for name in needed if not call.fields.get(name)]
        unknown = call.fields.keys() - {*needed, "msg_id"}
        wrong_jid = re.fullmatch(r"[0-9]{5,20}@(s\.whatsapp\.net|g\.us)", call.fields.get("jid", "")) is None
        # Who writes nothing to nobody asks in the only way there is whether the token is good.
        asks = not call.fields.keys() & set(CONTENT[call.method])
        if (missing or unknown or wrong_jid) and not asks:
            self.wrong.append(f"{call.method}: {', '.join([*missing, *unknown]) or 'jid'}")
        if missing:
            raise FailedError(f"Parameter [{', '.join(needed)}] are required!")
        if unknown or wrong_jid:
            raise FailedError("Invalid jid" if wrong_jid else f"Unknown parameter {min(unknown)}")

    async def _send(self, call: Call) -> None:
        instance = self.instances.get(call.account)
        if instance is None or instance.token != call.fields["token"]:
            raise FailedError("Instance not found")
        if not instance.connected:
            raise FailedError("Instance is not connected")
        to = str(call.chat)
        if to not in self.people:
            raise FailedError("The number is not registered on WhatsApp")
        address = next((value for name, value in call.fields.items() if name.endswith("url")), None)
        data = await self._fetch(address) if address is not None else None
        text = str(call.fields.get("msg", call.fields.get("caption", "")))
        self.sends.append(Sent(call.method, instance, to, text, time.monotonic(), address, data))
        self.watch.changed()

    async def _fetch(self, address: str) -> bytes:
        """ChatFlow gets files itself, while the caller waits."""
        try:
            answer = await self.client.get(address, follow_redirects=True)
        except (httpx.HTTPError, httpx.InvalidURL):
            raise FailedError("The file could not be fetched") from None
        if not answer.is_success or not answer.content:
            raise FailedError("The file could not be fetched")
        return answer.content

    def _no_such(self, why: str, status: int) -> Response:
        return Response(f"<!DOCTYPE html><html><body><pre>{why}</pre></body></html>", status, media_type="text/html")

    def misbehave(self, fault: Fault) -> Response:
        if fault.kind == "failed":
            return JSONResponse({"success": False, "message": fault.message})
        if fault.kind == "too_many":
            headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            return JSONResponse({"success": False, "message": "Too many requests"}, fault.status, headers)
        return self._no_such("Bad Gateway", fault.status)
