"""The right page is among the first five for the questions of evals/retrieval: paraphrased, mistyped, in Kazakh.

XQuAD takes minutes to embed: `python -m benchmarks.search_quality` measures it, and these suites over HTTP.
"""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from activities.embedding.nano import NanoEmbedder
from activities.retrieval.retrieve import Retriever
from activities.understanding.language import detect
from benchmarks.search_quality import FOUND, Suite, own_pages, own_suites
from models.repositories import knowledge
from models.repositories.staging import StagedDocument
from runtime.database import Database
from tests.service.conftest import new_tenant
from tests.service.library import Library, open_library


@pytest.fixture(scope="module")
async def library(database: Database) -> AsyncIterator[Library]:
    embedder = NanoEmbedder()
    library = await open_library(database, await new_tenant(database), embedder)
    pages = own_pages()
    await library.add(*(StagedDocument(name=page.name, title=page.name, text=page.text) for page in pages))
    yield library
    await embedder.close()


@pytest.fixture(scope="module")
async def names(library: Library) -> dict[UUID, str]:
    async with library.database.tenant(library.tenant) as tx:
        return {document.id: document.name for document in await knowledge.list_documents(tx, limit=200)}


@pytest.mark.parametrize("suite", own_suites(), ids=lambda suite: suite.name)
async def test_the_page_is_among_the_first_five(library: Library, names: dict[UUID, str], suite: Suite) -> None:
    retriever = Retriever(library.database, library.spaces)
    missed = []
    for question in suite.questions:
        found = await retriever.find(
            library.tenant, question.text, detect(question.text), outgoing=question.text, limit=FOUND
        )
        if question.page not in {names[passage.document_id] for passage in found.passages}:
            missed.append(question.text)
    assert 1 - len(missed) / len(suite.questions) >= suite.goal_five, missed


def test_the_suites_are_large_enough_to_tell() -> None:
    large = {suite.name: len(suite.questions) for suite in own_suites() if suite.name != "kazakh_across"}
    assert large.keys() == {"kazakh", "paraphrase", "typo"}
    assert min(large.values()) >= 40
    assert sum(page.text.count("\n#") + 1 for page in own_pages()) >= 60
