"""Real servers for whoever asks: Postgres with the schema, and Temporal."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest
from llmock.pytest_plugin import LLMock
from llmock.testing import LLMockServer

from benchmarks import model_servers
from models.contracts.enums import Language
from models.repositories import tenants
from runtime.database import Database
from runtime.embedded import Servers, running
from runtime.ids import new_id
from runtime.migrate import upgrade


@pytest.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with running(tmp_path_factory.mktemp("servers") / "data") as servers:
        await asyncio.to_thread(upgrade, servers.admin_database_url)
        yield servers


@pytest.fixture(scope="session")
async def database(servers: Servers) -> AsyncIterator[Database]:
    database = Database(servers.database_url)
    yield database
    await database.close()


@pytest.fixture(scope="module")
def model_server(llmock_server: LLMockServer) -> LLMockServer:
    """Without the answers and the faults that the module before has left there."""
    LLMock(llmock_server).reset()
    return llmock_server


@pytest.fixture(scope="session")
def ollama_url(llmock_server: LLMockServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of Ollama's native API whose models (`vllm/<name>`) are llmock's."""
    with model_servers.ollama(llmock_server.base_url(), tmp_path_factory.mktemp("ollama-proxy")) as url:
        yield url


@pytest.fixture
async def tenant(database: Database) -> UUID:
    """A tenant that nobody else uses."""
    return await new_tenant(database)


async def new_tenant(database: Database) -> UUID:
    tenant = new_id()
    async with database.tenant(tenant) as tx:
        await tenants.create(tx, slug=f"t-{tenant.hex[-12:]}", name="Test", language=Language.EN)
    return tenant
