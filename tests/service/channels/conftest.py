"""Servers that no other worker polls: one whose steps are scripted would take these conversations' turns."""

from collections.abc import AsyncIterator

import pytest

from runtime.database import Database
from runtime.embedded import Servers
from tests.service.whole import servers_of_its_own


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with servers_of_its_own(tmp_path_factory.mktemp("channels") / "data") as servers:
        yield servers


@pytest.fixture(scope="module")
async def database(servers: Servers) -> AsyncIterator[Database]:
    database = Database(servers.database_url)
    yield database
    await database.close()
