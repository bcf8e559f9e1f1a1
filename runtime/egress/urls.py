"""URLs that somebody else chose, read strictly: what two parsers could understand differently is refused."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote

import httpx

from runtime.egress.addresses import Address

MAX_URL_CHARS = 2000
MAX_HOST_CHARS = 253
SCHEMES = ("https",)
PORTS = (443, 8443)
USUAL_PORTS = {"http": 80, "https": 443}

SHAPE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?")
AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# What some resolver reads as a number (127.1, 0x7f.1, 0177.0.0.1, 2130706433) ends in a label like these.
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class UrlError(ValueError):
    """The URL is none that we call. The message says what would be right, and does not quote it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in its parts. `host` is ASCII and in lower case, an IPv6 address without brackets; `path` has the query."""

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None
    """The host, where it is an address."""

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == USUAL_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        return self.origin + self.path


def check_url(url: str, *, schemes: Collection[str] = SCHEMES, ports: Collection[int] | None = PORTS) -> Target:
    """A URL's parts. Where its host leads to is not asked: see GuardedTransport. `ports` None: any.

    Raises UrlError.
    """
    if len(url) > MAX_URL_CHARS:
        raise UrlError(f"must have at most {MAX_URL_CHARS} characters")
    if "\\" in url or any(character.isspace() or not character.isprintable() for character in url):
        raise UrlError("must not contain spaces, backslashes or invisible characters")
    shape = SHAPE.fullmatch(url)
    if shape is None or shape[1].lower() not in schemes:
        raise UrlError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    scheme = shape[1].lower()
    if "@" in shape[2]:
        raise UrlError("must not carry a user name or password")
    authority = AUTHORITY.fullmatch(shape[2])
    if authority is None:
        raise UrlError("must have a host, and a port only as a number")
    port = int(authority[2]) if authority[2] else USUAL_PORTS[scheme]
    if not 0 < port < 65536 or (ports is not None and port not in ports):
        raise UrlError(f"must have no port, or one of {', '.join(map(str, ports)) if ports else '1 to 65535'}")
    host, address = _host(authority[1])
    path = quote(shape[3] or "/", safe="/%:@!$&'()*+,;=~-._") + quote(shape[4] or "", safe="?/%:@!$&'()*+,;=~-._[]")
    return Target(scheme, host, port, path, address)


def _host(written: str) -> tuple[str, Address | None]:
    if written.startswith("["):
        try:
            # A zone (fe80::1%eth0) is one machine's own name for a network.
            address = IPv6Address(written[1:-1] if "%" not in written else "")
        except AddressValueError:
            raise UrlError("must have a valid IPv6 address between the brackets") from None
        return str(address), address
    name = _ascii(written)
    if NUMBER.fullmatch(name.rpartition(".")[2]):
        try:
            return name, IPv4Address(name)
        except AddressValueError:
            raise UrlError("must have a name as host, or an IPv4 address as four decimal numbers") from None
    if len(name) > MAX_HOST_CHARS or not all(LABEL.fullmatch(label) for label in name.split(".")):
        raise UrlError("must have a valid host name, without a dot at its end")
    return name, None


def _ascii(name: str) -> str:
    """A host name as DNS has it. Nothing is mapped: a digit or a dot that is none in ASCII is refused, not read."""
    if name.isascii():
        return name.lower()
    try:
        encoded = httpx.URL(scheme="https", host=name).raw_host.decode("ascii")
    except httpx.InvalidURL:
        raise UrlError("must have a valid host name") from None
    # IDNA takes three other characters for dots.
    if encoded.count(".") != name.count("."):
        raise UrlError("must have a valid host name")
    return encoded
