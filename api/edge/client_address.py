"""Where a request comes from, as limits see it: one address, or one customer's network in IPv6."""

from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import HTTPConnection


def client_network(connection: HTTPConnection) -> str:
    """The client's IPv4 address, or its /64: whoever has one IPv6 address has all of those. `unknown`: no address."""
    if connection.client is None:
        return "unknown"
    try:
        address = ip_address(connection.client.host)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((address.packed[:8] + bytes(8), 64)))
    return str(address)
