"""A certificate authority for tests, and what it signs."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIVES = timedelta(days=1)


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
        authority = x509.BasicConstraints(ca=True, path_length=None)
        (folder / "ca.pem").write_bytes(signer._certificate(signer.name, signer.key, authority))
        return signer

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def sign(self, common_name: str, host: str = "127.0.0.1", *, ends: datetime | None = None) -> tuple[Path, Path]:
        """A certificate for a host, and its key. It lives for a day, up to `ends`."""
        key = _key()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        paths = self.folder / f"{common_name}.pem", self.folder / f"{common_name}.key"
        named = x509.SubjectAlternativeName([_general(host)])
        paths[0].write_bytes(
            self._certificate(name, key, x509.BasicConstraints(ca=False, path_length=None), named, ends)
        )
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return paths

    def serving(self, common_name: str, host: str = "127.0.0.1", *, ends: datetime | None = None) -> ssl.SSLContext:
        """A server that shows such a certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.sign(common_name, host, ends=ends))
        return context

    def _certificate(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        role: x509.BasicConstraints,
        named: x509.SubjectAlternativeName | None = None,
        ends: datetime | None = None,
    ) -> bytes:
        until = ends or datetime.now(UTC) + LIVES
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(until - LIVES - timedelta(hours=1))
            .not_valid_after(until)
            .add_extension(role, critical=True)
        )
        if named is not None:
            builder = builder.add_extension(named, critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
