"""Two companies on one real system, made once."""

from collections.abc import AsyncIterator

import pytest

from tests.service.isolation.world import World, two_companies
from tests.service.whole import servers_of_its_own


@pytest.fixture(scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with (
        servers_of_its_own(tmp_path_factory.mktemp("world") / "data") as servers,
        two_companies(servers) as world,
    ):
        yield world
