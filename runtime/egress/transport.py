"""The way out: a name is resolved once, every answer is checked, and the connection goes to what was checked."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Sequence
from ipaddress import ip_address

import httpx

from runtime.egress.addresses import Address, Network, may_reach
from runtime.egress.body import Capped, plain
from runtime.egress.limits import USUAL, EgressError, Limits
from runtime.egress.urls import PORTS, SCHEMES, Target, check_url

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]

UNREACHABLE = "cannot be reached: it must lead to a server on the public internet that answers"


async def resolve(host: str, port: int) -> list[Address]:
    """Every address of `host`, as the machine resolves names. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(where[0]) for *_, where in found))


class GuardedTransport(httpx.AsyncBaseTransport):
    """An httpx transport for URLs that somebody else chose.

    Refuses a host as soon as one of its addresses is neither public nor in `allowed`. No proxy, no cookie, no kept
    connection: each request resolves and connects for itself. Raises UrlError, EgressError, httpx.TransportError.
    """

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
        self._allowed = tuple(allowed)
        self._limits = limits
        self._schemes = tuple(schemes)
        self._ports = ports
        self._resolve = resolve
        self._tls = httpx.create_ssl_context() if tls is None else tls

    def check(self, url: str) -> Target:
        """The parts of a URL that this transport would call, if its host leads somewhere good. Raises UrlError."""
        return check_url(url, schemes=self._schemes, ports=self._ports)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target = self.check(str(request.url))
        for address in await self._addresses(target):
            # Of its own for each request: a connection is never found again under another name.
            inner = httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False)
            try:
                response = await inner.handle_async_request(_pinned(request, target, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                # Nothing was sent yet: the next address may answer.
                await inner.aclose()
                failed = error
            except BaseException:
                await inner.aclose()
                raise
            else:
                return await self._bounded(response, inner)
        raise EgressError(UNREACHABLE) from failed

    async def _addresses(self, target: Target) -> Sequence[Address]:
        """Where the target leads to, all of it permitted, and at least one. Raises EgressError."""
        if target.address is not None:
            found: Sequence[Address] = [target.address]
        else:
            try:
                found = await self._resolve(target.host, target.port)
            except OSError as error:
                raise EgressError(UNREACHABLE) from error
        if not found or not all(may_reach(address, self._allowed) for address in found):
            raise EgressError(UNREACHABLE)
        return found

    async def _bounded(self, response: httpx.Response, inner: httpx.AsyncHTTPTransport) -> httpx.Response:
        assert isinstance(response.stream, httpx.AsyncByteStream), "an asynchronous transport gives such a stream"
        body = Capped(response.stream, response.headers, self._limits, inner.aclose)
        try:
            body.check_head()
        except BaseException:
            await body.aclose()
            raise
        return httpx.Response(
            response.status_code, headers=plain(response.headers), stream=body, extensions=response.extensions
        )


def _pinned(request: httpx.Request, target: Target, address: Address) -> httpx.Request:
    """The same request to one address; the server is still asked, and must prove itself, as the name."""
    url = httpx.URL(scheme=target.scheme, host=str(address), port=target.port, raw_path=target.path.encode("ascii"))
    headers = [
        (name, value) for name, value in request.headers.raw if name.lower() not in (b"host", b"accept-encoding")
    ]
    headers += [(b"Host", target.authority.encode("ascii")), (b"Accept-Encoding", b"gzip")]
    extensions = dict(request.extensions)
    if target.address is None:
        extensions["sni_hostname"] = target.host
    return httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=extensions)
