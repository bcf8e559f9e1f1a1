"""How much is at work here at once: requests and streams, of which one tenant can have a share only."""

from collections import Counter
from uuid import UUID

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems
from api.edge.paths import is_health
from api.problems import ProblemError, unavailable

RETRY_SECONDS = 1
# Of a WebSocket.
TRY_AGAIN_LATER = 1013


class Room:
    """Places of one process. Nobody may have more than `share` of them: the others' customers wait too."""

    def __init__(self, places: int, share: float) -> None:
        self.places = places
        self.each = max(1, int(places * share))
        self.taken = 0
        self.by: Counter[UUID | None] = Counter()


class Place:
    """One request's place, from its first byte to its last. Who has it is known once the caller is."""

    def __init__(self, requests: Room, streams: Room) -> None:
        """Raises ProblemError (503) when there is none."""
        self._streams = streams
        self._room = _enter(requests)
        self._owner: tuple[UUID | None] | None = None

    def belongs_to(self, tenant: UUID | None, *, stream: bool) -> None:
        """`tenant` None: all who are not known. Raises ProblemError: 429 when its share is taken, 503 no stream."""
        if self._owner is not None:
            return
        if stream:
            _enter(self._streams)
            self._room.taken -= 1
            self._room = self._streams
        if self._room.by[tenant] >= self._room.each:
            raise ProblemError(
                429,
                f"{self._room.each} are at work for you already; wait for one to end.",
                kind="too-many-at-once",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        self._room.by[tenant] += 1
        self._owner = (tenant,)

    def leave(self) -> None:
        self._room.taken -= 1
        if self._owner is not None:
            (tenant,) = self._owner
            self._room.by[tenant] -= 1
            if not self._room.by[tenant]:
                del self._room.by[tenant]


def _enter(room: Room) -> Room:
    if room.taken >= room.places:
        raise unavailable("Too much is at work here.", retry_after=RETRY_SECONDS)
    room.taken += 1
    return room


class Admission:
    """Pure ASGI: gives each request a place (`state.place`), or 503. Health has always one."""

    def __init__(self, app: ASGIApp, *, requests: int, streams: int, share: float) -> None:
        self._app = app
        self._requests = Room(requests, share)
        self._streams = Room(streams, share)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"} or is_health(scope):
            await self._app(scope, receive, send)
            return
        try:
            place = Place(self._requests, self._streams)
        except ProblemError as problem:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
                return
            await problems.render(Request(scope), problem)(scope, receive, send)
            return
        scope.setdefault("state", {})["place"] = place
        try:
            await self._app(scope, receive, send)
        finally:
            place.leave()
