"""One gateway and one worker for all tests of the gateway; a tenant for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.answering import answering
from models.payload_keys import connected
from runtime.database import Database
from runtime.embedded import Servers
from tests.service.api.house import Company, company, serving, settings_of, working

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
async def worker(servers: Servers, database: Database) -> AsyncIterator[None]:
    async with connected(settings_of(servers)) as client, working(client, database):
        yield


@pytest.fixture(scope="session")
async def url(servers: Servers) -> AsyncIterator[str]:
    # What intents are told by is embedded once, not at every run of the tests.
    settings = settings_of(servers, data_dir=ROOT / "build" / "test-home")
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
