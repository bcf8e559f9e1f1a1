"""The same knowledge by the embedded model, by Ollama's protocol and by OpenAI's: only the environment differs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.embedding.spaces import configured
from activities.retrieval.retrieve import Retriever
from benchmarks import model_servers
from models.contracts.enums import Language
from models.contracts.knowledge import Retrieval
from models.payload_keys import connected
from runtime import settings
from runtime.database import Database
from runtime.embedded import Servers
from runtime.errors import OperatorError
from tests.service.api.house import settings_of
from tests.service.conftest import new_tenant
from tests.service.library import open_library, page
from worker.build import tools, workers

PAGES = (
    page("delivery", "# Delivery\n\nDelivery to Astana takes 2 days and costs 1,490 ₸."),
    page("returns", "# Returns\n\nGoods can be returned within 14 days if they were not used."),
    page("stores", "# Магазины\n\nМагазин в Алматы открыт каждый день с 10:00 до 21:00."),
)
QUESTION = "How much is delivery to Astana?"


@pytest.fixture(scope="module")
def servers_of_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, str]]]:
    """By provider, what the environment says. Both are processes of their own, and not of our making but for the
    model itself."""
    folder = tmp_path_factory.mktemp("model-servers")
    with model_servers.embeddings(folder) as openai, model_servers.ollama(openai, folder) as ollama:
        yield {
            "embedded": {},
            "ollama": {"URL": ollama, "MODEL": "vllm/intfloat-multilingual-e5-small:f16"},
            "openai": {"URL": openai, "MODEL": "multilingual-e5-small"},
        }


async def found(database: Database) -> Retrieval:
    """What a new tenant's search finds, with whatever the environment names."""
    embedder, following = configured(settings.load(_env_file=None))
    assert following is None
    library = await open_library(database, await new_tenant(database), embedder)
    await library.add(*PAGES)
    retriever = Retriever(database, library.spaces)
    found = await retriever.find(library.tenant, QUESTION, Language.EN, outgoing=QUESTION)
    await embedder.close()
    return found


async def test_a_worker_says_that_its_embedding_server_is_not_there(servers: Servers, tmp_path: Path) -> None:
    settings = settings_of(
        servers,
        data_dir=tmp_path,
        embedding_provider="openai",
        embedding_url="http://127.0.0.1:9/v1",
        embedding_model="nobody-s",
    )
    async with connected(settings) as client, tools(settings, client) as held:
        with pytest.raises(OperatorError, match="MAINSTAY_EMBEDDING_URL"):
            await workers(settings, held)


async def test_search_and_confidence_are_the_same_whoever_embeds(
    database: Database, monkeypatch: pytest.MonkeyPatch, servers_of_models: dict[str, dict[str, str]]
) -> None:
    by_provider = {}
    for provider, variables in servers_of_models.items():
        for name, value in {"PROVIDER": provider, **variables}.items():
            monkeypatch.setenv(f"MAINSTAY_EMBEDDING_{name}", value)
        by_provider[provider] = await found(database)
    embedded = by_provider.pop("embedded")
    assert embedded.passages[0].title == "delivery"
    for each in by_provider.values():
        assert [passage.title for passage in each.passages] == [passage.title for passage in embedded.passages]
        for ours, theirs in zip(embedded.passages, each.passages, strict=True):
            assert theirs.similarity == pytest.approx(ours.similarity, abs=0.001)
        assert each.confidence == pytest.approx(embedded.confidence, abs=0.02)
