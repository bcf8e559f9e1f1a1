"""The right page is among the first five for questions that are paraphrased, mistyped, in Kazakh.

XQuAD takes minutes to embed: `mainstay eval xquad-en-en xquad-ru-ru xquad-ru-en --data FOLDER` measures it.
"""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from activities.embedding.nano import NanoEmbedder
from activities.retrieval.retrieve import Retriever
from activities.understanding.language import detect
from evals import suites
from evals.cases import Retrieval
from models.repositories import knowledge
from models.repositories.staging import StagedDocument
from runtime.database import Database
from tests.service.conftest import new_tenant
from tests.service.library import Library, open_library

FOUND = 5
ASKED = {name: suites.load(name) for name in ("typos", "paraphrases", "kazakh", "kazakh-across")}


@pytest.fixture(scope="module")
async def library(database: Database) -> AsyncIterator[Library]:
    embedder = NanoEmbedder()
    library = await open_library(database, await new_tenant(database), embedder)
    # All of them are asked of the same pages.
    pages = ASKED["typos"].knowledge
    await library.add(*(StagedDocument(name=name, title="", text=text) for name, text in pages.items()))
    yield library
    await embedder.close()


@pytest.fixture(scope="module")
async def names(library: Library) -> dict[UUID, str]:
    async with library.database.tenant(library.tenant) as tx:
        return {document.id: document.name for document in await knowledge.list_documents(tx, limit=200)}


@pytest.mark.parametrize("name", ASKED)
async def test_the_page_is_among_the_first_five(library: Library, names: dict[UUID, str], name: str) -> None:
    retriever = Retriever(library.database, library.spaces)
    missed = []
    for case in ASKED[name].cases.values():
        assert isinstance(case, Retrieval)
        (question,) = case.say
        found = await retriever.find(library.tenant, question, detect(question), outgoing=question, limit=FOUND)
        if case.document not in {names[passage.document_id] for passage in found.passages}:
            missed.append(question)
    assert 1 - len(missed) / len(ASKED[name].cases) >= ASKED[name].head.thresholds["recall_at_5"], missed


def test_the_suites_are_large_enough_to_tell() -> None:
    assert min(len(suite.cases) for name, suite in ASKED.items() if name != "kazakh-across") >= 40
    assert sum(text.count("\n#") + 1 for text in ASKED["typos"].knowledge.values()) >= 60
