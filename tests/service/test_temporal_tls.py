"""Temporal behind TLS: the real server, with a proxy before it that asks for what a cluster asks for."""

import ssl
from pathlib import Path

import pytest

from runtime import temporal
from runtime.embedded import Servers
from runtime.errors import OperatorError
from tests.service.api.house import settings_of
from tests.service.api.wire import Wire
from tests.service.signer import Signer


@pytest.fixture
def house(tmp_path: Path) -> Signer:
    return Signer.new(tmp_path / "house")


def server_side(signer: Signer, *, clients: Path | None = None) -> ssl.SSLContext:
    """`clients`: who must have signed for them; None asks them for nothing."""
    context = signer.serving("server")
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
