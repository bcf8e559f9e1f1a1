"""The fake as tests hold it: its wire, its people, and how to wait for what is sent to them."""

import json
import re
import secrets
from datetime import timedelta
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.fakes.faults import PATIENCE, Call, Fault, Json
from tests.fakes.outbox import Address, Outbox
from tests.fakes.upload import Upload
from tests.fakes.whatsapp_cloud import graph
from tests.fakes.whatsapp_cloud.notices import errors, file_of, signature, status
from tests.fakes.whatsapp_cloud.requests import GraphError, WrongRequestError
from tests.fakes.whatsapp_cloud.world import Number, Person, Sent, World
from tests.fakes.wire import Provider

NO_OBJECT = "Unsupported request. Object does not exist, cannot be loaded due to missing permissions"


class FakeCloud(Provider):
    """See the package for how to use it. `world` is what Meta knows."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.watch)

    # Who there is

    def add_number(self, *, access_token: str = "", app_secret: str = "", verify_token: str = "") -> Number:
        place = next(self.world.ids)
        number = Number(
            id=str(100_000_000_000_000 + place),
            phone=f"7700{place:07d}",
            access_token=access_token or f"EAA{secrets.token_hex(20)}",
            app_secret=app_secret or secrets.token_hex(16),
            verify_token=verify_token or secrets.token_hex(8),
            outbox=Outbox(self.client),
        )
        self.outboxes.append(number.outbox)
        self.world.numbers[number.id] = number
        return number

    def person(self, name: str = "Aida", phone: str = "") -> Person:
        """Somebody who uses WhatsApp. Whoever nobody was made for does not."""
        person = Person(phone or f"7701{next(self.world.ids):07d}", name)
        self.world.people[person.id] = person
        return person

    async def subscribe(self, number: Number, url: str) -> bool:
        """Set up the webhook as Meta does: it must answer with the challenge."""
        challenge = str(secrets.randbelow(10**9))
        asked = {"hub.mode": "subscribe", "hub.verify_token": number.verify_token, "hub.challenge": challenge}
        answer = await self.client.get(url, params=asked)
        proved = answer.status_code == 200 and answer.text == challenge
        if proved:
            number.outbox.point(Address(url, lambda body: signature(number.app_secret, body)))
        return proved

    # What people do, and time

    def says(
        self, number: Number, who: Person, text: str = "", *, reply_to: Sent | None = None, **content: Any
    ) -> Json:
        """A person's message. `content` is one field: a file under the name of its kind (bytes or Upload; voice too; the
        text is its caption), `unsupported=True`, or location, contacts, reaction, button… as Meta's JSON has them."""
        message: Json = {"from": who.id, "id": self.world.wamid(), "timestamp": str(int(self.world.now()))}
        if reply_to is not None:
            message["context"] = {"from": number.phone, "id": reply_to.id}
        kind, value = next(iter(content.items()), ("text", {"body": text}))
        if isinstance(value, bytes | Upload):
            upload = Upload(value) if isinstance(value, bytes) else value
            kind, value = file_of(kind, upload, self.world.keep(upload), text)
        message |= {"type": kind, **({"errors": errors(131_051)} if kind == "unsupported" else {kind: value})}
        number.heard[who.id] = self.world.now()
        number.received.add(message["id"])
        number.tell({"contacts": [{"profile": {"name": who.name}, "wa_id": who.id}], "messages": [message]})
        return message

    def presses(self, sent: Sent, who: Person, button_id: str) -> Json:
        """Press a button, or choose a row of a list."""
        title = next((title for title, data in sent.buttons.items() if data == button_id), None)
        assert title is not None, f"no button {button_id} among {sent.buttons}"
        assert sent.request.interactive is not None
        kind = f"{sent.request.interactive.type}_reply"
        pressed = {"type": kind, kind: {"id": button_id, "title": title}}
        return self.says(sent.number, who, reply_to=sent, interactive=pressed)

    def reports(self, sent: Sent, *became: str, code: int | None = None) -> None:
        """What became of a message: sent, delivered, read or failed (`code` says why), in any order."""
        for word in became:
            sent.number.tell(status(sent.id, sent.to, word, code))

    def changes_number(self, number: Number, who: Person, phone: str) -> Person:
        system = {"body": f"{who.name} changed their number", "wa_id": phone, "type": "user_changed_number"}
        message = {"from": who.id, "id": self.world.wamid(), "timestamp": str(int(self.world.now()))}
        number.tell({"messages": [message | {"type": "system", "system": system}]})
        del self.world.people[who.id]
        return self.person(who.name, phone)

    def passes(self, time: timedelta) -> None:
        """Set the clock on: windows close, and addresses of files expire."""
        self.world.ahead += time.total_seconds()

    # What a test waits for

    async def sent(
        self, to: Person | None = None, *, count: int = 1, text: str = "", within: float = PATIENCE
    ) -> list[Sent]:
        """Wait until so many messages that hold `text` were taken for a person, and return all of them, oldest first."""

        def seen() -> list[Sent]:
            found = [
                sent for sent in self.world.sends if to in (None, self.world.people.get(sent.to)) and text in sent.text
            ]
            return found if len(found) >= count else []

        return await self.watch.until(seen, within, f"{count} messages to {to or 'anybody'}")

    # The wire

    async def understand(self, request: Request) -> Call:
        """`account` is the id in the path: of a number, or of a file."""
        fields, request.state.file = await _fields(request)
        steps = request.url.path.removeprefix("/").split("/")
        if steps[:2] == ["whatsapp_business", "attachments"]:
            return Call("download", steps[-1], None, fields)
        known = len(steps) in (2, 3) and re.fullmatch(r"v\d+\.\d+", steps[0]) is not None
        last = steps[2] if len(steps) == 3 else "number" if steps[1:] and steps[1] in self.world.numbers else "file"
        name = "read" if last == "messages" and "status" in fields else last
        to = str(fields["to"]).removeprefix("+") if "to" in fields else None
        return Call(f"{request.method} {name}" if known else "unknown", steps[1] if known else "", to, fields)

    async def act(self, call: Call, request: Request) -> Response:
        try:
            number = self._authorized(request)
            if call.method == "download":
                return self._download(call.account)
            return JSONResponse(await self._do(call, request, number))
        except GraphError as error:
            if isinstance(error, WrongRequestError):
                self.wrong.append(f"{call.method}: {error.details}")
            return JSONResponse(error.body, error.status)

    def _authorized(self, request: Request) -> Number:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        for number in self.world.numbers.values():
            if scheme == "Bearer" and secrets.compare_digest(number.access_token, token):
                return number
        raise GraphError(401, 190, "Invalid OAuth access token - Cannot parse access token")

    async def _do(self, call: Call, request: Request, number: Number) -> Json:
        if call.method in ("GET file", "DELETE file") and call.account in self.world.media:
            if call.method == "DELETE file":
                return graph.delete_media(self.world, call.account)
            return graph.tell_media(self.world, self.url, call.account)
        if call.account != number.id:
            raise GraphError(400, 100, NO_OBJECT, kind="GraphMethodException")
        match call.method:
            case "POST messages" | "POST read":
                return await graph.post_message(self.world, self.client, number, call.fields)
            case "POST media":
                return graph.upload_media(self.world, call.fields, request.state.file)
            case "GET number":
                return graph.tell_number(number, str(call.fields.get("fields", "")))
            case _:
                raise WrongRequestError("Unknown path components")

    def _download(self, token: str) -> Response:
        upload = graph.download(self.world, token)
        return Response(upload.data, media_type=upload.mime) if upload else Response(status_code=404)

    def misbehave(self, fault: Fault) -> Response:
        if fault.kind == "too_many":
            headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            return JSONResponse(GraphError(0, fault.code, "Rate limit hit").body, fault.status, headers)
        if fault.kind == "broken":
            return JSONResponse(GraphError(0, 2, "Please retry your request later").body, fault.status)
        return JSONResponse(GraphError(0, 131_000, fault.message).body, 400)


async def _fields(request: Request) -> tuple[Json, Upload | None]:
    """The fields of a request, and its file."""
    fields: Json = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("multipart/"):
        async with request.form() as form:
            fields |= {name: value for name, value in form.items() if isinstance(value, str)}
            file = form.get("file")
            if not isinstance(file, UploadFile):
                return fields, None
            return fields, Upload(await file.read(), file.filename or "file", file.content_type or "")
    body = await request.body()
    try:
        return fields | (json.loads(body) if body else {}), None
    except (TypeError, ValueError):
        return {"body": "not a JSON object"}, None
