"""Requests to URLs that somebody else chose, against real servers on this machine."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from runtime.egress import Egress, EgressError, Limits, UrlError
from runtime.egress.addresses import Address, networks

GOOD, INSIDE = "127.0.0.2", "127.0.0.1"
"""The tests permit the first, which stands for the public internet; the second is as private as ever."""


@dataclass
class Server:
    """Answers what it was told to; remembers what it was asked."""

    port: int = 0
    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    answers: dict[str, bytes] = field(default_factory=dict)
    hangs: bool = False
    asked: list[str] = field(default_factory=list)
    connected: int = 0
    server_name: str | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(head)
            writer.write(self.answers.get(head.split()[1], self.answer))
            await writer.drain()
            if self.hangs:
                await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def header(self, name: str, request: int = -1) -> str | None:
        lines = dict(line.split(": ", 1) for line in self.asked[request].split("\r\n")[1:] if line)
        return {key.lower(): value for key, value in lines.items()}.get(name)


@asynccontextmanager
async def listening(
    place: str | socket.socket, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    ours = Server()
    where: dict[str, Any] = {"host": place, "port": port} if isinstance(place, str) else {"sock": place}
    server = await asyncio.start_server(ours.serve, ssl=tls, **where)
    async with server:
        ours.port = server.sockets[0].getsockname()[1]
        yield ours


@pytest.fixture
def kept() -> Iterator[socket.socket]:
    """Inside, a port that nobody else can take. Nobody listens there."""
    with socket.socket() as bound:
        bound.bind((INSIDE, 0))
        yield bound


@pytest.fixture
async def good(kept: socket.socket) -> AsyncIterator[Server]:
    async with listening(GOOD, kept.getsockname()[1]) as server:
        yield server


@pytest.fixture
async def inside(good: Server, kept: socket.socket) -> AsyncIterator[Server]:
    """On the same port as the good one."""
    async with listening(kept) as server:
        yield server


def answering(*answers: Sequence[str]) -> Callable[[str, int], Awaitable[list[Address]]]:
    """A resolver that gives one answer after the other, and the last one from then on."""
    left = list(answers)

    async def resolve(_: str, __: int) -> list[Address]:
        answer = left.pop(0) if len(left) > 1 else left[0]
        return [ip_address(each) for each in answer]

    return resolve


def egress(**changes: Any) -> Egress:
    given = {
        "allowed": networks(f"{GOOD}/32"),
        "schemes": ("http", "https"),
        "ports": None,
        "resolve": answering([GOOD]),
        "limits": Limits(seconds=5),
    }
    return Egress(**(given | changes))


async def test_a_name_is_fetched_as_that_name(good: Server) -> None:
    fetched = await egress().fetch(f"http://help.example:{good.port}/a?b=c", headers={"X-Key": "k"})
    assert (fetched.status, fetched.body) == (200, b"ok")
    assert good.asked[0].startswith("GET /a?b=c HTTP/1.1\r\n")
    assert good.header("host") == f"help.example:{good.port}"
    assert good.header("x-key") == "k"


async def test_an_answer_that_changes_after_the_check_is_not_followed(good: Server, inside: Server) -> None:
    """DNS rebinding: the name leads to a good address when it is checked, and inside from then on."""
    ours = egress(resolve=answering([GOOD], [INSIDE]))
    url = f"http://rebind.example:{good.port}/"
    assert (await ours.fetch(url)).body == b"ok"
    assert len(good.asked) == 1
    with pytest.raises(EgressError):
        await ours.fetch(url)
    assert inside.connected == 0


@pytest.mark.parametrize("answer", [[INSIDE], [GOOD, INSIDE], [INSIDE, GOOD], ["::1"], ["::ffff:127.0.0.1"], []])
async def test_one_address_inside_is_enough_to_refuse(good: Server, inside: Server, answer: list[str]) -> None:
    with pytest.raises(EgressError):
        await egress(resolve=answering(answer)).fetch(f"http://help.example:{good.port}/")
    assert good.connected == inside.connected == 0


@pytest.mark.parametrize("host", [INSIDE, "localhost", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0"])
async def test_this_machine_is_not_reached_by_any_name(inside: Server, host: str) -> None:
    """With the machine's own resolver."""
    ours = Egress(schemes=("http",), ports=None, limits=Limits(seconds=5))
    with pytest.raises(EgressError):
        await ours.fetch(f"http://{host}:{inside.port}/")
    assert inside.connected == 0


async def test_the_next_address_is_tried_when_one_does_not_answer(good: Server) -> None:
    ours = egress(allowed=networks("127.0.0.2/31"), resolve=answering(["127.0.0.3", GOOD]))
    assert (await ours.fetch(f"http://help.example:{good.port}/")).body == b"ok"


async def test_a_name_that_does_not_resolve(good: Server) -> None:
    async def resolve(_: str, __: int) -> list[Address]:
        raise OSError("no such name")

    with pytest.raises(EgressError):
        await egress(resolve=resolve).fetch(f"http://help.example:{good.port}/")


async def test_proxies_of_the_environment_are_not_asked(
    good: Server, inside: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{INSIDE}:{inside.port}")
    assert (await egress().fetch(f"http://help.example:{good.port}/")).body == b"ok"
    assert inside.connected == 0


async def test_no_cookie_is_kept(good: Server) -> None:
    good.answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    ours = egress()
    for _ in range(2):
        await ours.fetch(f"http://help.example:{good.port}/")
    assert good.header("cookie") is None


# --- TLS


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server called `name`, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"{name}.pem"
    path.write_bytes(key.private_bytes(pem, *plain) + signed.public_bytes(pem))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


async def test_the_server_is_asked_for_and_proves_the_name_and_not_the_address(tmp_path: Path) -> None:
    server_tls, client_tls = certificate(tmp_path, "help.example")
    names: list[str | None] = []
    server_tls.sni_callback = lambda _socket, name, _context: names.append(name)
    async with listening(GOOD, tls=server_tls) as server:
        ours = egress(tls=client_tls)
        assert (await ours.fetch(f"https://help.example:{server.port}/")).body == b"ok"
        assert names == ["help.example"]
        for other in ("other.example", GOOD):
            with pytest.raises(EgressError):
                await ours.fetch(f"https://{other}:{server.port}/")
        assert len(server.asked) == 1


# --- Redirects


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


async def test_redirects_are_not_followed_unless_asked_for(good: Server) -> None:
    good.answer = redirect("/b")
    assert (await egress().fetch(f"http://help.example:{good.port}/a")).status == 302
    assert len(good.asked) == 1


async def test_redirects_are_followed_to_the_limit(good: Server) -> None:
    good.answers = {"/1": redirect("/2"), "/2": redirect("3", 308), "/3": redirect("/4", 307)}
    fetched = await egress().fetch(f"http://help.example:{good.port}/1", redirects=3)
    assert (fetched.url, fetched.body) == (f"http://help.example:{good.port}/4", b"ok")
    with pytest.raises(EgressError, match="more than 2"):
        await egress().fetch(f"http://help.example:{good.port}/1", redirects=2)


@pytest.mark.parametrize(
    "location",
    [
        f"http://{INSIDE}:PORT/",
        "//127.0.0.1:PORT/",
        "http://0x7f.1:PORT/",
        "http://[::ffff:127.0.0.1]:PORT/",
        "http://user@help.example:PORT/",
        "\\\\127.0.0.1:PORT/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:PORT/_",
        "http://[",
    ],
)
async def test_a_redirect_leads_nowhere_that_a_url_could_not(good: Server, inside: Server, location: str) -> None:
    good.answers = {"/a": redirect(location.replace("PORT", str(good.port)))}
    with pytest.raises(EgressError):
        await egress().fetch(f"http://help.example:{good.port}/a", redirects=3)
    assert inside.connected == 0


async def test_a_name_is_resolved_again_for_each_redirect(good: Server, inside: Server) -> None:
    good.answers = {"/a": redirect("/b")}
    with pytest.raises(EgressError):
        await egress(resolve=answering([GOOD], [INSIDE])).fetch(f"http://help.example:{good.port}/a", redirects=1)
    assert inside.connected == 0


async def test_credentials_stay_with_the_origin_that_they_are_for(good: Server) -> None:
    good.answers = {"/a": redirect("/b"), "/b": redirect(f"http://other.example:{good.port}/c")}
    headers = {"Authorization": "Bearer secret", "X-Api-Key": "secret", "Cookie": "a=secret", "Accept": "text/plain"}
    await egress().fetch(f"http://help.example:{good.port}/a", headers=headers, redirects=2)
    assert "secret" in good.asked[1]
    assert "secret" not in good.asked[2]
    assert good.header("accept", 2) == "text/plain"
    assert good.header("host", 2) == f"other.example:{good.port}"


async def test_nothing_goes_from_https_to_http(tmp_path: Path, good: Server) -> None:
    server_tls, client_tls = certificate(tmp_path, "help.example")
    async with listening(GOOD, tls=server_tls) as server:
        server.answer = redirect(f"http://help.example:{good.port}/")
        with pytest.raises(EgressError, match="https to http"):
            await egress(tls=client_tls).fetch(f"https://help.example:{server.port}/", redirects=1)
    assert good.connected == 0


# --- Bounds


def zipped(body: bytes) -> bytes:
    data = gzip.compress(body, mtime=0)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


async def test_a_compressed_body_arrives_as_it_was(good: Server) -> None:
    good.answer = zipped(body := bytes(range(256)) * 2000)
    fetched = await egress().fetch(f"http://help.example:{good.port}/")
    assert fetched.body == body
    assert "content-encoding" not in fetched.headers


async def test_a_small_body_that_unpacks_to_a_large_one_is_given_up(good: Server) -> None:
    good.answer = zipped(bytes(200_000_000))
    assert len(good.answer) < 200_000
    with pytest.raises(EgressError, match="more than 1000000 bytes"):
        await egress(limits=Limits(body_bytes=1_000_000, seconds=5)).fetch(f"http://help.example:{good.port}/")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3E9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 400_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok",
        zipped(b"whole" * 100)[:-12],
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"",
    ],
)
async def test_an_answer_that_keeps_to_no_bounds_is_given_up(good: Server, answer: bytes) -> None:
    good.answer = answer
    with pytest.raises(EgressError):
        await egress(limits=Limits(body_bytes=1000, seconds=5)).fetch(f"http://help.example:{good.port}/")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"])
async def test_a_server_that_stalls_is_given_up(good: Server, answer: bytes) -> None:
    good.answer, good.hangs = answer, True
    with pytest.raises(EgressError, match=r"within 0\.3 seconds"):
        await egress(limits=Limits(seconds=0.3)).fetch(f"http://help.example:{good.port}/")


async def test_a_resolver_that_stalls_is_given_up() -> None:
    async def resolve(_: str, __: int) -> list[Address]:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    with pytest.raises(EgressError, match=r"within 0\.1 seconds"):
        await egress(resolve=resolve, limits=Limits(seconds=0.1)).fetch("http://help.example/")


async def test_a_caller_can_set_neither_the_host_nor_the_framing(good: Server) -> None:
    for name in ("Host", "content-length", "Transfer-Encoding", "Connection"):
        with pytest.raises(ValueError, match="not for the caller"):
            await egress().fetch(f"http://help.example:{good.port}/", headers={name: "x"})
    with pytest.raises(ValueError, match="GET"):
        await egress().fetch(f"http://help.example:{good.port}/", method="POST", redirects=1)
    with pytest.raises(UrlError):
        await egress(ports=(443,)).fetch(f"http://help.example:{good.port}/")
    assert good.connected == 0


async def test_what_is_refused_tells_nothing_about_the_inside(good: Server, inside: Server) -> None:
    """A closed port, an open one and no such name inside: the same words."""
    said = set()
    async with AsyncExitStack() as stack:
        closed = await stack.enter_async_context(listening(INSIDE))
    for answer, port in (([INSIDE], inside.port), ([INSIDE], closed.port), ([], inside.port)):
        with pytest.raises(EgressError) as refused:
            await egress(resolve=answering(answer)).fetch(f"http://help.example:{port}/")
        said.add(str(refused.value))
    assert len(said) == 1
    assert INSIDE not in said.pop()
