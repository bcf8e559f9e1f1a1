"""Where a mailbox' servers are. Tenants choose them, so that only what the operator permits is reached."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from activities.channels.port import AccountError, TryLaterError
from models.contracts.accounts import Security
from runtime.egress import EgressError, connected
from runtime.egress.addresses import Network

CONNECT_SECONDS = 15.0


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
    """Certificates are checked, always."""
    return ssl.create_default_context()
