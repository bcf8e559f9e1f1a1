"""From where a request came, as the audit log can hold it."""

import pytest
from fastapi import Request

from api.audit import actor


@pytest.mark.parametrize(
    ("client", "ip"),
    [
        (("10.0.0.1", 5), "10.0.0.1"),
        (("fe80::1%eth0", 5), "fe80::1"),
        (("unknown", 5), None),
        (("/run/gateway.sock", 0), None),
        (None, None),
    ],
)
def test_an_address_or_nothing(client: tuple[str, int] | None, ip: str | None) -> None:
    assert actor(Request({"type": "http", "client": client, "headers": []})).ip == ip
