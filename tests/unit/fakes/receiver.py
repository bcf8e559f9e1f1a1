"""Where the fakes under test post what they tell of: the product's side, as a server that obeys."""

import json

from starlette.requests import Request
from starlette.responses import Response

from tests.fakes.faults import Call, Fault
from tests.fakes.wire import Provider


class Receiver(Provider):
    """`bodies` as they came, before anything is read into them."""

    def __init__(self, verify_token: str = "") -> None:
        super().__init__()
        self.verify_token = verify_token
        self.bodies: list[tuple[bytes, dict[str, str]]] = []

    async def understand(self, request: Request) -> Call:
        body = await request.body()
        if request.method == "GET":
            return Call("GET", "", None, dict(request.query_params))
        self.bodies.append((body, dict(request.headers)))
        return Call("POST", "", None, json.loads(body))

    async def act(self, call: Call, request: Request) -> Response:
        if call.method == "GET" and call.fields["hub.verify_token"] != self.verify_token:
            return Response(status_code=403)
        return Response(call.fields.get("hub.challenge"))

    def misbehave(self, fault: Fault) -> Response:
        return Response(status_code=fault.status)
