"""One request to a URL that somebody else chose, with its redirects, to its end."""

import asyncio
import ssl
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx

from runtime.egress.addresses import Network
from runtime.egress.limits import USUAL, EgressError, Limits, TooSlowError
from runtime.egress.transport import UNREACHABLE, GuardedTransport, Resolve, resolve
from runtime.egress.urls import PORTS, SCHEMES, Target

MAX_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What another server may see too; everything else may be a credential.
HARMLESS = frozenset({"accept", "accept-language", "user-agent"})
# What frames or routes a message is ours.
OURS = frozenset({"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "upgrade", "te"})


@dataclass(frozen=True, slots=True)
class Fetched:
    """A response, read to its end. `url` is where it came from."""

    url: str
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def media_type(self) -> str:
        """As `text/plain`; empty when the server does not say."""
        given: str = self.headers.get("content-type", "")
        return given.partition(";")[0].strip().lower()


class Egress:
    """Fetches by GuardedTransport, whose arguments it takes."""

    def __init__(
        self,
        *,
        allowed: Sequence[Network] = (),
        limits: Limits = USUAL,
        schemes: Collection[str] = SCHEMES,
        ports: Collection[int] | None = PORTS,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._seconds = limits.seconds
        self._transport = GuardedTransport(
            allowed=allowed, limits=limits, schemes=schemes, ports=ports, resolve=resolve, tls=tls
        )

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        redirects: int = 0,
    ) -> Fetched:
        """What `url` answers, whatever its status. Of a GET up to MAX_REDIRECTS redirects are followed, if asked for.

        On the way to another origin the headers are left behind, and nothing goes from https to http.
        Raises UrlError (the URL itself) and EgressError (everything that follows).
        """
        if redirects and (method != "GET" or redirects > MAX_REDIRECTS):
            raise ValueError(f"only a GET is redirected, and {MAX_REDIRECTS} times at most")
        sent = {"User-Agent": "Mainstay", **(headers or {})}
        if wrong := OURS & {name.lower() for name in sent}:
            raise ValueError(f"not for the caller to set: {', '.join(sorted(wrong))}")
        target = self._transport.check(url)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._followed(target, method, sent, content, redirects)
        except TimeoutError as error:
            raise TooSlowError(f"did not answer within {self._seconds:g} seconds") from error
        except httpx.TransportError as error:
            raise EgressError(UNREACHABLE) from error

    async def _followed(
        self, target: Target, method: str, headers: dict[str, str], content: bytes | None, redirects: int
    ) -> Fetched:
        for left in range(redirects, -1, -1):
            fetched = await self._once(target, method, headers, content)
            location = fetched.headers.get("location")
            if not redirects or fetched.status not in REDIRECTS or location is None:
                return fetched
            if left:
                target, before = self._next(target, location), target
                if target.origin != before.origin:
                    headers = {name: value for name, value in headers.items() if name.lower() in HARMLESS}
        raise EgressError(f"redirects more than {redirects} times")

    async def _once(self, target: Target, method: str, headers: dict[str, str], content: bytes | None) -> Fetched:
        timeout = httpx.Timeout(self._seconds).as_dict()
        request = httpx.Request(method, target.url, headers=headers, content=content, extensions={"timeout": timeout})
        response = await self._transport.handle_async_request(request)
        try:
            body = await response.aread()
        finally:
            await response.aclose()
        return Fetched(target.url, response.status_code, response.headers, body)

    def _next(self, target: Target, location: str) -> Target:
        try:
            following = self._transport.check(urljoin(target.url, location))
        except ValueError as error:
            raise EgressError("redirects to a URL that is not allowed") from error
        if target.scheme == "https" and following.scheme != "https":
            raise EgressError("redirects from https to http")
        return following
