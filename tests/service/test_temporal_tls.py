"""Temporal behind TLS: the real server, with a proxy before it that asks for what a cluster asks for."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runtime import temporal
from runtime.embedded import Servers
from runtime.errors import OperatorError
from tests.service.api.house import settings_of
from tests.service.api.wire import Wire


@dataclass(frozen=True)
class Signer:
    """A certificate authority, and what it has signed, as files of a folder."""

    folder: Path
    name: x509.Name
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls, folder: Path) -> "Signer":
        folder.mkdir()
        signer = cls(folder, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)]), _key())
        (folder / "ca.pem").write_bytes(signer._certificate(signer.name, signer.key, authority=True))
        return signer

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def sign(self, common_name: str) -> tuple[Path, Path]:
        """A certificate for 127.0.0.1 and its key."""
        key = _key()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        paths = self.folder / f"{common_name}.pem", self.folder / f"{common_name}.key"
        paths[0].write_bytes(self._certificate(name, key))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return paths

    def _certificate(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool = False) -> bytes:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def house(tmp_path: Path) -> Signer:
    return Signer.new(tmp_path / "house")


def server_side(signer: Signer, *, clients: Path | None = None) -> ssl.SSLContext:
    """`clients`: who must have signed for them; None asks them for nothing."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*signer.sign("server"))
    context.set_alpn_protocols(["h2"])
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def reached(servers: Servers, context: ssl.SSLContext, **changes: object) -> bool:
    host, _, port = servers.temporal_address.rpartition(":")
    async with Wire.to(host, int(port), context) as wire:
        settings = settings_of(servers, temporal_address=f"127.0.0.1:{wire.port}", **changes)
        client = await temporal.connect(settings)
        return await client.service_client.check_health()


async def test_a_certificate_for_each_side(servers: Servers, house: Signer) -> None:
    certificate, key = house.sign("client")
    context = server_side(house, clients=house.ca)
    assert await reached(
        servers, context, temporal_ca_file=house.ca, temporal_certificate_file=certificate, temporal_key_file=key
    )
    with pytest.raises(OperatorError, match="cannot be reached"):
        await reached(servers, context, temporal_ca_file=house.ca)


async def test_a_server_that_another_signed_for_is_not_spoken_to(
    servers: Servers, house: Signer, tmp_path: Path
) -> None:
    stranger = Signer.new(tmp_path / "stranger")
    assert await reached(servers, server_side(house), temporal_ca_file=house.ca)
    with pytest.raises(OperatorError, match="cannot be reached"):
        await reached(servers, server_side(stranger), temporal_ca_file=house.ca)
    with pytest.raises(OperatorError, match="cannot be reached"):
        await reached(servers, server_side(house), temporal_tls=True)


async def test_a_certificate_that_is_not_there_is_named(servers: Servers, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="MAINSTAY_TEMPORAL_CA_FILE"):
        await temporal.connect(settings_of(servers, temporal_ca_file=tmp_path / "none.pem"))
