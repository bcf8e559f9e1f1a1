"""One gateway and one worker for all tests of the gateway; a tenant for each test."""

from collections.abc import AsyncIterator

import pytest

from cli.answering import answering
from models.payload_keys import connected
from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import TEST_HOME, Company, company, serving, settings_of, working


@pytest.fixture(scope="session")
async def worker(servers: Servers, database: Database) -> AsyncIterator[None]:
    async with connected(settings_of(servers)) as client, working(client, database):
        yield


@pytest.fixture(scope="session")
async def url(servers: Servers) -> AsyncIterator[str]:
    settings = settings_of(servers, data_dir=TEST_HOME)
    async with serving(settings, open_answerer=answering(settings)) as (url, _):
        yield url


@pytest.fixture
async def acme(database: Database, url: str, worker: None) -> AsyncIterator[Company]:
    async with company(database, url) as acme:
        yield acme


@pytest.fixture
async def globex(database: Database, url: str) -> AsyncIterator[Company]:
    """Another tenant."""
    async with company(database, url) as globex:
        yield globex
