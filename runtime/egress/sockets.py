"""A connection to a host that somebody else chose, for protocols that are not HTTP."""

import asyncio
import socket
from collections.abc import Sequence

from runtime.egress.addresses import Network, may_reach
from runtime.egress.limits import EgressError
from runtime.egress.transport import UNREACHABLE, Resolve, resolve


async def connected(
    host: str, port: int, *, allowed: Sequence[Network] = (), public: bool = True, resolve: Resolve = resolve
) -> socket.socket:
    """A connected socket that does not block. The name is resolved once, and one address that is neither public nor in
    `allowed` refuses them all; without `public` only what is `allowed` will do. Raises EgressError, OSError.
    """
    addresses = await resolve(host, port)
    for address in addresses:
        if not (may_reach(address, allowed) if public else any(address in network for network in allowed)):
            raise EgressError(UNREACHABLE)
    failed: OSError = OSError("no address")
    for address in addresses:
        made = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(made, (str(address), port))
        except OSError as error:
            made.close()
            failed = error
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise failed
