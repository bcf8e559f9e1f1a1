"""Where a mailbox' servers are, and whether they are who they say. Tenants choose them, so that only what the operator
permits is reached."""

import asyncio
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from activities.channels.port import AccountError, TryLaterError
from models.contracts.accounts import Security
from runtime.egress import EgressError, connected
from runtime.egress.addresses import Network

CONNECT_SECONDS = 15.0

_CERTIFICATES = {
    9: "certificate_expired",  # not valid yet
    10: "certificate_expired",
    62: "certificate_of_another",  # host name
    64: "certificate_of_another",  # address
}
"""What OpenSSL says of a certificate (X509_V_ERR_…)."""


@dataclass(frozen=True, slots=True)
class Server:
    """`allowed`: networks that may be reached besides the public internet, and the only ones without TLS."""

    host: str
    port: int
    security: Security
    allowed: Sequence[Network]

    async def socket(self) -> socket.socket:
        """A connection, on which nothing was said yet. Raises AccountError, TryLaterError."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await connected(self.host, self.port, allowed=self.allowed, public=self.security != "none")
        except EgressError:
            raise AccountError("address_not_allowed") from None
        except OSError:
            raise TryLaterError("unreachable") from None


@cache
def tls() -> ssl.SSLContext:
    """Certificates are checked, always: by the authorities that the machine trusts, or those of SSL_CERT_FILE."""
    return ssl.create_default_context()


@contextmanager
def securing() -> Iterator[None]:
    """Around a handshake. Raises AccountError where it tells that a server is another one, or speaks no TLS: no word of
    ours, and no password, goes there until somebody has looked. A connection that ends raises what it raised."""
    try:
        yield
    except OSError as error:
        cause = error if isinstance(error, ssl.SSLError) else error.__cause__
        if not isinstance(cause, ssl.SSLError) or isinstance(cause, ssl.SSLEOFError):
            raise
        raise AccountError(_wrong(cause)) from None


def _wrong(error: ssl.SSLError) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return "no_tls"
    return _CERTIFICATES.get(error.verify_code, "certificate_untrusted")
